"""When so many messages will have left."""

import random
from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.forecast import BUCKET, DAY, HOUR, Forecast, Limit, forecast, pace
from recado.domain.pacing import INTERVAL_JITTER, KEYS, PRESETS, Pacing
from recado.domain.schedules import Schedule
from recado.domain.windows import CONTACT, EVERY_DAY, Window, is_open, next_open

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=SAO_PAULO)  # a Monday
FREE = Pacing(**dict.fromkeys(KEYS.values()))


def later(pacing: Pacing, chance: float) -> float:
    """Seconds from one message to the next, as the limiter keeps them."""
    return (pacing.message_interval or 0) * (1 + INTERVAL_JITTER * chance)


OFFICE = Window(frozenset({1, 2, 3, 4, 5}), time(9), time(18), "America/Sao_Paulo")
NIGHT = Window(EVERY_DAY, time(22), time(6), CONTACT)
SHORT = Window(EVERY_DAY, time(10), time(10, 5), CONTACT)
ALWAYS = Schedule()


def after(seconds: float) -> datetime:
    return NOW.astimezone(UTC) + timedelta(seconds=seconds)


def counts(found: Forecast) -> list[int]:
    return [count for _, count in found.per_day]


# The pace ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pacing", "seconds", "limit"),
    [
        (FREE, 0.001, Limit.NOTHING),
        (replace(FREE, message_interval=30), 33, Limit.MESSAGE_INTERVAL),
        (
            replace(FREE, message_interval=30, longer_interval_after=20, greater_interval=60),
            34.65,
            Limit.MESSAGE_INTERVAL,
        ),
        # A longer interval that is shorter than the usual one makes nothing faster.
        (
            replace(FREE, message_interval=30, longer_interval_after=20, greater_interval=10),
            33,
            Limit.MESSAGE_INTERVAL,
        ),
        (
            replace(FREE, longer_interval_after=20, greater_interval=60),
            3.3,
            Limit.MESSAGE_INTERVAL,
        ),
        (replace(FREE, message_interval=30, longer_interval_after=20), 33, Limit.MESSAGE_INTERVAL),
        (replace(FREE, per_second=80), 1 / 80, Limit.PER_SECOND),
        (replace(FREE, per_minute=20, message_interval=2), 3, Limit.PER_MINUTE),
        (replace(FREE, in_flight=4), 0.05, Limit.IN_FLIGHT),
        (PRESETS["conservative"], 34.65, Limit.MESSAGE_INTERVAL),
        (PRESETS["cloud"], 1 / 80, Limit.PER_SECOND),
    ],
)
def test_the_pace_is_that_of_the_tightest_limit(
    pacing: Pacing, seconds: float, limit: Limit
) -> None:
    mean, name = pace(pacing)
    assert mean == pytest.approx(seconds)
    assert name is limit


# The whole --------------------------------------------------------------------------------------


def test_without_caps_and_windows_messages_leave_one_after_the_other() -> None:
    found = forecast(101, replace(FREE, message_interval=10), ALWAYS, NOW, SAO_PAULO)
    assert (found.starts_at, found.ends_at) == (NOW, after(1100))
    assert found.per_day == ((date(2026, 3, 2), 101),)
    assert found.limited_by is Limit.MESSAGE_INTERVAL
    assert found.stretches == ((NOW, after(1100)),)


def test_a_million_messages_through_the_official_interface_take_hours() -> None:
    found = forecast(1_000_000, PRESETS["cloud"], ALWAYS, NOW, SAO_PAULO)
    assert found.ends_at == after(999_999 / 80)
    assert found.limited_by is Limit.PER_SECOND


def test_a_million_messages_are_forecast_in_a_few_steps_a_day() -> None:
    capped = replace(FREE, message_interval=1, cap_hourly=300, cap_daily=2000)
    found = forecast(1_000_000, capped, Schedule(window=OFFICE), NOW, SAO_PAULO, channels=3)
    assert sum(counts(found)) == 1_000_000
    assert len(found.stretches) <= 7 * len(found.per_day)


def test_nothing_to_send_is_over_at_once() -> None:
    found = forecast(0, PRESETS["conservative"], Schedule(window=OFFICE), NOW, SAO_PAULO)
    assert found == Forecast(None, NOW, (), Limit.NOTHING, 0)


def test_an_hourly_cap_holds_messages_back_until_the_first_is_an_hour_old() -> None:
    capped = replace(FREE, message_interval=1, cap_hourly=100)
    found = forecast(250, capped, ALWAYS, NOW, SAO_PAULO)
    assert [a for a, _ in found.stretches] == [
        NOW,
        after(HOUR + BUCKET),
        after(2 * (HOUR + BUCKET)),
    ]
    assert found.ends_at == after(2 * (HOUR + BUCKET) + 49 * 1.1)
    assert found.limited_by is Limit.CAP_HOURLY


def test_a_daily_cap_spreads_a_campaign_over_days() -> None:
    found = forecast(5000, PRESETS["moderate"], Schedule(window=OFFICE), NOW, SAO_PAULO)
    assert [day.day for day, _ in found.per_day] == [2, 3, 4]
    capped = replace(PRESETS["moderate"], cap_daily=1000)
    found = forecast(5000, capped, Schedule(window=OFFICE), NOW, SAO_PAULO)
    assert found.per_day[:4] == tuple((date(2026, 3, day), 1000) for day in (2, 3, 4, 5))
    assert found.limited_by is Limit.CAP_DAILY


def test_outside_the_window_everything_waits() -> None:
    slow = replace(FREE, message_interval=30)
    evening = NOW.replace(hour=17, minute=30)
    found = forecast(100, slow, Schedule(window=OFFICE), evening, SAO_PAULO)
    assert found.per_day == ((date(2026, 3, 2), 55), (date(2026, 3, 3), 45))
    assert found.stretches[1][0] == NOW + timedelta(days=1)
    assert found.limited_by is Limit.WINDOW


def test_a_launch_outside_the_window_starts_with_the_next() -> None:
    saturday = datetime(2026, 3, 7, 12, 0, tzinfo=SAO_PAULO)
    found = forecast(10, PRESETS["conservative"], Schedule(window=OFFICE), saturday, SAO_PAULO)
    assert found.starts_at == datetime(2026, 3, 9, 9, 0, tzinfo=SAO_PAULO)
    assert found.limited_by is Limit.MESSAGE_INTERVAL


def test_a_start_in_the_future_is_waited_for() -> None:
    start = NOW + timedelta(days=3)
    found = forecast(10, replace(FREE, message_interval=10), Schedule(start), NOW, SAO_PAULO)
    assert (found.starts_at, found.ends_at) == (start, start + timedelta(seconds=99))


def test_days_are_those_of_the_windows_own_zone() -> None:
    tokyo = Window(EVERY_DAY, time(0), time(6), "Asia/Tokyo")
    found = forecast(5, FREE, Schedule(window=tokyo), NOW, SAO_PAULO)
    # 12:00 in São Paulo is midnight of the next day in Tokyo.
    assert found.per_day == ((date(2026, 3, 3), 5),)


def test_a_day_without_messages_is_left_out() -> None:
    friday = Schedule(window=OFFICE)
    found = forecast(
        600, replace(FREE, message_interval=60), friday, NOW + timedelta(days=4), SAO_PAULO
    )
    assert [day.day for day, _ in found.per_day] == [6, 9]


def test_what_the_end_leaves_unsent_expires() -> None:
    schedule = Schedule(end_at=NOW + timedelta(hours=1))
    found = forecast(1000, replace(FREE, message_interval=30), schedule, NOW, SAO_PAULO)
    assert counts(found) == [110]
    assert (found.expires, found.ends_at) == (890, schedule.end_at)


def test_a_campaign_whose_end_has_passed_expires_whole() -> None:
    schedule = Schedule(end_at=NOW - timedelta(hours=1))
    found = forecast(1000, PRESETS["cloud"], schedule, NOW, SAO_PAULO)
    assert (found.starts_at, found.ends_at, found.expires) == (None, schedule.end_at, 1000)
    assert found.per_day == ()


@pytest.mark.parametrize("end", [None, NOW + timedelta(days=4000)])
def test_what_takes_over_a_year_has_no_end_that_could_be_told(end: datetime | None) -> None:
    found = forecast(10**6, PRESETS["conservative"], Schedule(end_at=end), NOW, SAO_PAULO)
    assert (found.ends_at, found.expires) == (None, 0)
    assert found.limited_by is Limit.MESSAGE_INTERVAL
    assert 0 < sum(counts(found)) < 10**6


def test_several_channels_share_the_messages() -> None:
    alone = forecast(1000, PRESETS["aggressive"], ALWAYS, NOW, SAO_PAULO)
    shared = forecast(5000, PRESETS["aggressive"], ALWAYS, NOW, SAO_PAULO, channels=5)
    assert alone.ends_at is not None
    assert shared.ends_at is not None
    assert abs(shared.ends_at - alone.ends_at) < timedelta(seconds=5)


def test_parts_and_retries_are_requests_too() -> None:
    slow = replace(FREE, message_interval=10, cap_hourly=100)
    found = forecast(100, slow, ALWAYS, NOW, SAO_PAULO, per_message_requests=2.5)
    single = forecast(250, slow, ALWAYS, NOW, SAO_PAULO)
    assert found.ends_at == single.ends_at
    assert counts(found) == [100]


def test_a_message_is_counted_on_the_day_of_its_last_part() -> None:
    late = NOW.replace(hour=23, minute=59)
    found = forecast(
        3, replace(FREE, message_interval=20), ALWAYS, late, SAO_PAULO, per_message_requests=2
    )
    assert counts(found) == [1, 2]


def test_what_has_been_used_already_counts_against_the_caps() -> None:
    capped = replace(FREE, message_interval=1, cap_hourly=100, cap_daily=500)
    full = forecast(10, capped, ALWAYS, NOW, SAO_PAULO, used_this_hour=100)
    # As if the hundred had just left at their pace: the first of them 110 seconds ago.
    assert full.starts_at == after(HOUR + BUCKET - 110)
    assert full.limited_by is Limit.CAP_HOURLY
    day = forecast(10, capped, ALWAYS, NOW, SAO_PAULO, used_today=500)
    assert day.starts_at is not None
    assert day.limited_by is Limit.CAP_DAILY
    assert after(DAY / 2) < day.starts_at < after(DAY)
    free = forecast(10, capped, ALWAYS, NOW, SAO_PAULO, used_today=490, used_this_hour=90)
    assert free.starts_at == NOW


def test_what_left_before_a_start_in_the_future_is_older_by_then() -> None:
    capped = replace(FREE, message_interval=1, cap_hourly=100)
    soon = Schedule(NOW + timedelta(minutes=30))
    found = forecast(10, capped, soon, NOW, SAO_PAULO, used_this_hour=100)
    assert found.starts_at == after(HOUR + BUCKET - 110)


def test_more_was_used_than_the_pace_would_allow_now() -> None:
    slowed = replace(FREE, message_interval=60, cap_daily=2000)
    found = forecast(10, slowed, ALWAYS, NOW, SAO_PAULO, used_today=2000, used_this_hour=500)
    assert found.starts_at is not None
    assert NOW < found.starts_at <= after(BUCKET + 60)


def test_a_day_with_a_clock_change_is_one_day() -> None:
    new_york = ZoneInfo("America/New_York")
    midnight = datetime(2026, 3, 8, tzinfo=new_york)
    found = forecast(1500, replace(FREE, per_minute=1), ALWAYS, midnight, new_york)
    assert found.per_day == ((date(2026, 3, 8), 23 * 60), (date(2026, 3, 9), 120))


# Against slower ways to find the same -----------------------------------------------------------

intervals = st.none() | st.integers(1, 120)
pacings = st.builds(
    Pacing,
    message_interval=intervals,
    longer_interval_after=st.none() | st.integers(1, 30),
    greater_interval=st.none() | st.integers(1, 600),
    per_minute=st.none() | st.integers(1, 60),
    per_second=st.none() | st.integers(1, 20),
    in_flight=st.none(),
    cap_hourly=st.none() | st.integers(5, 300),
    cap_daily=st.none() | st.integers(20, 1000),
)
schedules = st.builds(
    Schedule,
    start_at=st.none() | st.timedeltas(-timedelta(days=1), timedelta(days=2)).map(NOW.__add__),
    end_at=st.none() | st.timedeltas(timedelta(days=3), timedelta(days=9)).map(NOW.__add__),
    window=st.sampled_from([None, OFFICE, NIGHT, SHORT]),
)


def by_recurrence(
    messages: int, pacing: Pacing, schedule: Schedule, used_hour: int, mean: float
) -> tuple[list[datetime], int]:
    """Every message's moment, by the caps' rule that number n waits for number n - limit."""
    left = [
        NOW - timedelta(seconds=n * min(mean, HOUR / used_hour)) for n in range(used_hour, 0, -1)
    ]
    at = max(NOW, schedule.start_at or NOW)
    for sent in range(messages):
        for limit, width in ((pacing.cap_hourly, HOUR), (pacing.cap_daily, DAY)):
            if limit is not None and len(left) >= limit:
                at = max(at, left[-limit] + timedelta(seconds=width + BUCKET))
        if schedule.window:
            opens = next_open(schedule.window, at, SAO_PAULO)
            assert opens is not None
            at = opens
        if schedule.end_at and at >= schedule.end_at:
            return left[used_hour:], messages - sent
        left.append(at)
        at += timedelta(seconds=mean)
    return left[used_hour:], 0


@given(st.integers(1, 400), pacings, schedules, st.integers(0, 200))
def test_the_forecast_is_what_going_from_message_to_message_finds(
    messages: int, pacing: Pacing, schedule: Schedule, used_hour: int
) -> None:
    mean, _ = pace(pacing)
    left, expired = by_recurrence(messages, pacing, schedule, used_hour, mean)
    found = forecast(messages, pacing, schedule, NOW, SAO_PAULO, used_this_hour=used_hour)
    days = Counter(at.astimezone(SAO_PAULO).date() for at in left)
    # A message exactly at the close of a window may fall on either side of it, by rounding.
    closings, difference = len(found.stretches), 0
    for day, count in found.per_day:
        difference += count - days[day]
        assert abs(difference) <= closings
    assert abs(found.expires - expired) <= closings
    if left:
        assert found.starts_at is not None
        assert abs(found.starts_at - left[0]) < timedelta(milliseconds=1)
    if expired and found.expires:
        assert found.ends_at == schedule.end_at
    elif left and difference == 0 and dict(found.per_day) == days:
        assert found.ends_at is not None
        assert abs(found.ends_at - left[-1]) < timedelta(milliseconds=1)


@given(st.integers(0, 10**6), pacings, schedules, st.integers(1, 20), st.floats(1, 4))
def test_every_message_is_accounted_for(
    messages: int, pacing: Pacing, schedule: Schedule, channels: int, requests: float
) -> None:
    found = forecast(
        messages,
        pacing,
        schedule,
        NOW,
        SAO_PAULO,
        channels=channels,
        per_message_requests=requests,
    )
    assert all(count >= 0 for count in counts(found))
    assert sum(counts(found)) + found.expires <= messages
    if found.ends_at is not None:
        assert sum(counts(found)) + found.expires == messages
    for opens, closes in found.stretches:
        assert opens <= closes
        if schedule.window:
            assert is_open(schedule.window, opens, SAO_PAULO)
            assert is_open(schedule.window, closes, SAO_PAULO)
        assert schedule.end_at is None or closes < schedule.end_at


def by_sending(
    messages: int, pacing: Pacing, schedule: Schedule, chance: random.Random
) -> list[datetime]:
    """Every message's moment with jitter, sliding windows and minute buckets."""
    now = 0.0
    not_before = 0.0
    second: deque[float] = deque()
    minute: deque[float] = deque()
    buckets: list[int] = []
    left: list[datetime] = []
    while len(left) < messages:
        now = max(now, not_before)
        for times, limit, width in (
            (second, pacing.per_second, 1.0),
            (minute, pacing.per_minute, 60.0),
        ):
            if limit and len(times) >= limit:
                now = max(now, times[-limit] + width)
        for limit, width in ((pacing.cap_hourly, HOUR), (pacing.cap_daily, DAY)):
            if limit and len(buckets) >= limit:
                now = max(now, (buckets[-limit] + 1) * 60 + width)
        if schedule.window:
            opens = next_open(schedule.window, after(now), SAO_PAULO)
            assert opens is not None
            if opens > after(now):
                now = (opens - NOW).total_seconds()
                continue
        left.append(after(now))
        second.append(now)
        minute.append(now)
        buckets.append(int(now // 60))
        pause = later(pacing, chance.random())
        if pacing.longer_interval_after and len(left) % pacing.longer_interval_after == 0:
            longer = replace(pacing, message_interval=pacing.greater_interval)
            pause = max(pause, later(longer, chance.random()))
        not_before = now + pause
    return left


@pytest.mark.parametrize("preset", ["conservative", "moderate", "aggressive"])
@pytest.mark.parametrize("window", [None, OFFICE, NIGHT])
def test_a_preset_goes_as_forecast_within_three_hundredths(
    preset: str, window: Window | None
) -> None:
    pacing = replace(PRESETS[preset], cap_hourly=250, cap_daily=800)
    schedule = Schedule(window=window)
    really = by_sending(1500, pacing, schedule, random.Random(7))
    assert_alike(forecast(1500, pacing, schedule, NOW, SAO_PAULO), really, 0.03, 0)


@given(
    messages=st.integers(1, 200),
    every=st.integers(1, 60),
    after_messages=st.none() | st.integers(1, 30),
    longer=st.integers(1, 300),
    hourly=st.none() | st.integers(10, 300),
    daily=st.none() | st.integers(30, 300),
    window=st.sampled_from([None, OFFICE, NIGHT]),
    seed=st.integers(0, 10),
)
def test_a_paced_campaign_goes_as_forecast_within_a_twentieth(
    *,
    messages: int,
    every: int,
    after_messages: int | None,
    longer: int,
    hourly: int | None,
    daily: int | None,
    window: Window | None,
    seed: int,
) -> None:
    pacing = replace(
        FREE,
        message_interval=every,
        longer_interval_after=after_messages,
        greater_interval=longer,
        cap_hourly=hourly,
        cap_daily=daily,
    )
    schedule = Schedule(window=window)
    really = by_sending(messages, pacing, schedule, random.Random(seed))
    found = forecast(messages, pacing, schedule, NOW, SAO_PAULO)
    # A longer interval is spread over the messages before it.
    assert_alike(found, really, 0.05, 2 + (after_messages or 0))


@given(st.integers(1, 400), st.none() | st.integers(1, 60), st.none() | st.integers(1, 5))
def test_limits_by_minute_and_second_are_spread_evenly(
    messages: int, per_minute: int | None, per_second: int | None
) -> None:
    pacing = replace(FREE, per_minute=per_minute, per_second=per_second)
    really = by_sending(messages, pacing, ALWAYS, random.Random(0))
    found = forecast(messages, pacing, ALWAYS, NOW, SAO_PAULO)
    assert found.ends_at is not None
    # What may leave in a minute does so at its beginning: the forecast is a minute late at most.
    late = (found.ends_at - really[-1]).total_seconds()
    assert -0.05 * (really[-1] - NOW).total_seconds() <= late <= 61


def assert_alike(found: Forecast, really: list[datetime], share: float, more: int) -> None:
    """By the end of each day and of each stretch about as many have left."""
    allowed = share * len(really) + more
    ends = [datetime.combine(day, time.max, SAO_PAULO) for day, _ in found.per_day]
    forecast_so_far = 0
    for end, (_, count) in zip(ends, found.per_day, strict=True):
        forecast_so_far += count
        assert abs(forecast_so_far - sum(at <= end for at in really)) <= allowed
