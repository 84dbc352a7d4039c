"""When a campaign ends whose channels are not alike, and not its alone."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.estimates import Sender, behind, estimate
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
    found = estimate(
        1000, two, ALWAYS, NOW, SAO_PAULO, per_minute=600, per_message_requests=behind(1000, [1000])
    )
    assert lasts(found) == pytest.approx(100, rel=0.02)


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
    ),
    used_today=st.integers(0, 2000),
    used_this_hour=st.integers(0, 500),
)


@given(
    st.integers(0, 3000),
    st.lists(paces, min_size=1, max_size=4),
    st.sampled_from([ALWAYS, OFFICE, Schedule(end_at=NOW + timedelta(hours=5))]),
    st.floats(1, 3),
)
def test_every_message_leaves_or_expires_and_more_channels_are_no_slower(
    messages: int, senders: list[Sender], schedule: Schedule, requests: float
) -> None:
    found = estimate(messages, senders, schedule, NOW, SAO_PAULO, per_message_requests=requests)
    if found.ends_at is not None:
        assert sent(found) + found.expires == messages
        fastest = estimate(
            messages, senders[:1], schedule, NOW, SAO_PAULO, per_message_requests=requests
        )
        if fastest.ends_at is not None:
            # The last message of each channel may come one distance late.
            assert found.ends_at <= fastest.ends_at + timedelta(days=1)
    assert found.limited_by in Limit
