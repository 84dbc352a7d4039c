"""When a campaign ends whose channels are not alike, and not its alone."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.estimates import Sender, Sharing, behind, estimate
from recado.domain.forecast import Forecast, Limit, forecast
from recado.domain.pacing import KEYS, PRESETS, Pacing
from recado.domain.schedules import Schedule
from recado.domain.windows import Window

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=SAO_PAULO)  # a Monday
FREE = Pacing(**dict.fromkeys(KEYS.values()))
OFFICE = Schedule(window=Window(frozenset({1, 2, 3, 4, 5}), time(9), time(18), "America/Sao_Paulo"))
ALWAYS = Schedule()


def every(seconds: float, **more: int) -> Sender:
    return Sender(replace(FREE, message_interval=seconds, **more))


def sent(found: Forecast) -> int:
    return sum(count for _, count in found.per_day)


def lasts(found: Forecast) -> float:
    assert found.starts_at is not None
    assert found.ends_at is not None
    return (found.ends_at - found.starts_at).total_seconds()


def test_without_a_channel_nothing_ever_leaves() -> None:
    found = estimate(10, [], ALWAYS, NOW, SAO_PAULO)
    assert (found.starts_at, found.ends_at, found.per_day) == (None, None, ())


def test_channels_alike_are_forecast_as_one() -> None:
    sender = Sender(PRESETS["moderate"], used_today=100, used_this_hour=50)
    assert estimate(5000, [sender] * 3, OFFICE, NOW, SAO_PAULO) == forecast(
        5000,
        PRESETS["moderate"],
        OFFICE,
        NOW,
        SAO_PAULO,
        channels=3,
        used_today=300,
        used_this_hour=150,
    )


def test_a_fast_channel_sends_more_than_a_slow_one() -> None:
    found = estimate(400, [every(10), every(30)], ALWAYS, NOW, SAO_PAULO)
    assert sent(found) == 400
    assert lasts(found) == pytest.approx(400 / (1 / 11 + 1 / 33), rel=0.01)


def test_when_a_cap_stops_one_channel_the_other_takes_its_part() -> None:
    found = estimate(1000, [every(10, cap_daily=100), every(30)], ALWAYS, NOW, SAO_PAULO)
    days = dict(found.per_day)
    assert sum(days.values()) == 1000
    # From 9 to midnight one channel sends its hundred and the other every 33 seconds.
    assert lasts(found) == pytest.approx((1000 - 100) * 33, rel=0.01)


def test_a_channel_that_is_used_up_for_today_helps_tomorrow() -> None:
    used = replace(every(10, cap_daily=100), used_today=100)
    assert lasts(estimate(500, [used, every(30)], ALWAYS, NOW, SAO_PAULO)) == pytest.approx(
        500 * 33, rel=0.01
    )


def test_a_channel_too_many_gets_nothing_to_do() -> None:
    found = estimate(1, [every(10), every(30)], ALWAYS, NOW, SAO_PAULO)
    assert (sent(found), found.starts_at) == (1, found.ends_at)
    assert estimate(0, [every(10), every(30)], ALWAYS, NOW, SAO_PAULO).starts_at is None


def test_what_no_channel_can_send_before_the_end_expires() -> None:
    end = NOW + timedelta(hours=1)
    found = estimate(1000, [every(10), every(30)], Schedule(end_at=end), NOW, SAO_PAULO)
    assert (found.ends_at, sent(found) + found.expires) == (end, 1000)
    assert sent(found) == pytest.approx(3600 / 11 + 3600 / 33, abs=3)
    over = Schedule(end_at=NOW - timedelta(hours=1))
    found = estimate(10, [every(10), every(30)], over, NOW, SAO_PAULO)
    assert (found.starts_at, sent(found), found.expires) == (None, 0, 10)


def test_what_takes_over_a_year_has_no_end() -> None:
    slow = [every(30, cap_daily=10), every(60, cap_daily=10)]
    assert estimate(100_000, slow, ALWAYS, NOW, SAO_PAULO).ends_at is None


def test_campaigns_on_one_channel_get_equal_shares() -> None:
    assert behind(100, []) == 1
    assert behind(100, [100]) == 2
    assert behind(100, [50, 10_000]) == 2.5
    assert behind(0, [50]) == 1


@pytest.mark.parametrize(
    ("pacing", "per_minute", "seconds"),
    [
        # Slower than the limits: the provider, or what else the workers have to do.
        (PRESETS["cloud"], 600, 100),
        # Faster than the guess about the provider, which no limit forbids.
        (replace(FREE, in_flight=1), 1200, 50),
        (FREE, 600, 100),
        # Faster than a limit: luck, or a burst.
        (replace(FREE, per_minute=60), 120, 1000),
        # Too few to tell.
        (replace(FREE, message_interval=1), 29, 1100),
        (replace(FREE, message_interval=1), None, 1100),
    ],
)
def test_the_slower_of_limits_and_what_was_measured_makes_the_pace(
    pacing: Pacing, per_minute: float | None, seconds: float
) -> None:
    found = estimate(1000, [Sender(pacing)], ALWAYS, NOW, SAO_PAULO, per_minute=per_minute)
    assert lasts(found) == pytest.approx(seconds, rel=0.01)


def test_what_was_measured_is_shared_by_the_channels_and_with_other_campaigns() -> None:
    two = [Sender(PRESETS["cloud"]), Sender(replace(PRESETS["cloud"], per_second=40))]
    shared = Sharing(others=[1000])
    found = estimate(1000, two, ALWAYS, NOW, SAO_PAULO, per_minute=600, sharing=shared)
    assert lasts(found) == pytest.approx(100, rel=0.02)
    found = estimate(1000, two[:1], ALWAYS, NOW, SAO_PAULO, sharing=shared)
    assert lasts(found) == pytest.approx(2000 / 80, rel=0.01)


# What channels may only use together ------------------------------------------------------------


def test_where_each_channel_has_its_part_the_slowest_one_makes_the_end() -> None:
    senders = [every(10), every(10), every(30)]
    found = estimate(301, senders, ALWAYS, NOW, SAO_PAULO, sharing=Sharing(dealt=True))
    assert sent(found) == 301
    assert lasts(found) == pytest.approx(100 * 33, rel=0.02)


@pytest.mark.parametrize(
    ("senders", "limits", "limited_by", "days"),
    [
        ([Sender(FREE, portfolio="1", tier=250)], {}, Limit.TIER, [250, 250, 250, 250]),
        ([Sender(FREE, portfolio="1", tier=250)] * 2, {}, Limit.TIER, [250, 250, 250, 250]),
        (
            [Sender(FREE, portfolio="1", tier=250), Sender(FREE, portfolio="2", tier=250)],
            {},
            Limit.TIER,
            [500, 500],
        ),
        ([Sender(FREE, tier=600)], {"perDay": 500}, Limit.PER_DAY, [500, 500]),
        ([Sender(FREE)] * 4, {"perMinute": 2}, Limit.PER_MINUTE, [1000]),
        ([Sender(FREE)], {"perSecond": 1}, Limit.PER_SECOND, [1000]),
        ([Sender(replace(FREE, per_minute_per_user=3))], {}, Limit.PER_USER, [1000]),
        ([Sender(replace(FREE, cap_daily=500), tier=600)], {}, Limit.CAP_DAILY, [500, 500]),
    ],
)
def test_what_is_limited_for_several_is_used_by_them_in_equal_parts(
    senders: list[Sender], limits: dict[str, int], limited_by: Limit, days: list[int]
) -> None:
    morning = NOW.replace(hour=0)
    found = estimate(1000, senders, ALWAYS, morning, SAO_PAULO, sharing=Sharing(limits=limits))
    assert found.limited_by is limited_by
    assert [count for _, count in found.per_day] == days


# Warm-up ----------------------------------------------------------------------------------------

WARMING = replace(FREE, warm_up_daily=50, warm_up_growth=2, cap_daily=300)


@pytest.mark.parametrize(
    ("age", "days"),
    [
        (0.0, [50, 100, 200, 300, 300, 50]),  # 50, 100, 200, 400, which is over the cap
        (2.0, [200, 300, 300, 200]),
        (30.0, [300, 300, 300, 100]),
    ],
)
def test_a_new_channel_sends_more_each_day(age: float, days: list[int]) -> None:
    morning = NOW.replace(hour=0)
    found = estimate(1000, [Sender(WARMING, age_days=age)], ALWAYS, morning, SAO_PAULO)
    assert [count for _, count in found.per_day] == days
    assert found.limited_by is (Limit.WARM_UP if age < 3 else Limit.CAP_DAILY)


def test_a_warm_up_that_does_not_grow_goes_on_and_what_was_sent_today_counts() -> None:
    slow = replace(WARMING, warm_up_growth=1)
    sender = Sender(slow, used_today=30, age_days=0.5)
    found = estimate(130, [sender], ALWAYS, NOW, SAO_PAULO)
    assert sent(found) == 130
    assert [count for _, count in found.per_day][-1] <= 50
    never = estimate(50 * 500, [sender], ALWAYS, NOW, SAO_PAULO)
    assert never.ends_at is None


def test_a_warm_up_ends_with_the_schedule_and_helps_an_older_channel() -> None:
    end = NOW + timedelta(days=2)
    found = estimate(1000, [Sender(WARMING)], Schedule(end_at=end), NOW, SAO_PAULO)
    assert (found.ends_at, sent(found), found.expires) == (end, 150, 850)
    both = [Sender(WARMING), every(60)]
    found = estimate(2000, both, ALWAYS, NOW, SAO_PAULO)
    assert sent(found) == 2000
    assert lasts(found) < lasts(estimate(2000, both[1:], ALWAYS, NOW, SAO_PAULO))
    assert estimate(0, both[:1], ALWAYS, NOW, SAO_PAULO).per_day == ()
    assert sent(estimate(50, both[:1], ALWAYS, NOW, SAO_PAULO)) == 50


paces = st.builds(
    Sender,
    st.builds(
        Pacing,
        message_interval=st.none() | st.integers(0, 60),
        longer_interval_after=st.none() | st.integers(1, 50),
        greater_interval=st.none() | st.integers(0, 300),
        per_minute=st.none() | st.integers(1, 100),
        per_second=st.none() | st.integers(1, 100),
        in_flight=st.none() | st.integers(1, 64),
        cap_hourly=st.none() | st.integers(1, 500),
        cap_daily=st.none() | st.integers(10, 2000),
        warm_up_daily=st.none() | st.integers(1, 100),
        warm_up_growth=st.none() | st.floats(1, 3),
    ),
    age_days=st.floats(0, 20),
    tier=st.none() | st.integers(1, 1000),
    used_today=st.integers(0, 2000),
    used_this_hour=st.integers(0, 500),
)


@given(
    messages=st.integers(0, 3000),
    senders=st.lists(paces, min_size=1, max_size=4),
    schedule=st.sampled_from([ALWAYS, OFFICE, Schedule(end_at=NOW + timedelta(hours=5))]),
    parts=st.floats(1, 3),
    dealt=st.booleans(),
)
def test_every_message_leaves_or_expires(
    *, messages: int, senders: list[Sender], schedule: Schedule, parts: float, dealt: bool
) -> None:
    found = estimate(
        messages, senders, schedule, NOW, SAO_PAULO, parts=parts, sharing=Sharing(dealt=dealt)
    )
    if found.ends_at is not None:
        assert sent(found) + found.expires == messages
    assert list(found.stretches) == sorted(found.stretches)
    assert len(found.requests) == len(found.stretches)
    assert found.limited_by in Limit


@given(
    st.integers(0, 3000),
    st.lists(st.builds(every, st.integers(1, 60)), min_size=1, max_size=4),
    st.sampled_from([ALWAYS, OFFICE]),
)
def test_more_channels_are_no_slower(
    messages: int, senders: list[Sender], schedule: Schedule
) -> None:
    together, alone = (
        estimate(messages, some, schedule, NOW, SAO_PAULO) for some in (senders, senders[:1])
    )
    assert together.ends_at is not None
    assert alone.ends_at is not None
    assert together.ends_at <= alone.ends_at + timedelta(minutes=1)
