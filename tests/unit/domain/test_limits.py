"""Which limits settings stand for, and what a departure costs."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain import limits
from recado.domain.limits import DAY, HOUR, Kind, Limit, Scope
from recado.domain.pacing import CONSERVATIVE, PRESETS, UNLIMITED, Pacing

NUMBER = "7"


def of(pace: Pacing, age_days: float | None = None) -> dict[str, Limit]:
    found = limits.of_pacing(Scope.CHANNEL, NUMBER, pace, age_days=age_days)
    return {limit.name: limit for limit in found}


def test_the_conservative_preset_has_every_cap_and_a_longer_pause() -> None:
    found = of(CONSERVATIVE)
    assert {name: (limit.most, limit.seconds) for name, limit in found.items()} == {
        "perMinute": (20, 60),
        "capHourly": (300, HOUR),
        "capDaily": (2000, DAY),
        "messageInterval": (1, 30),
    }
    assert (found["messageInterval"].longer_after, found["messageInterval"].longer) == (20, 60)


def test_a_limit_a_second_is_spread_over_its_tenths_from_ten_on() -> None:
    assert (of(PRESETS["cloud"])["perTenth"].most, of(PRESETS["cloud"])["perTenth"].seconds) == (
        10,
        0.1,
    )
    assert "perTenth" not in of(Pacing(per_second=9))


def test_what_is_not_set_is_no_limit() -> None:
    assert of(UNLIMITED) == {}
    assert limits.daily_cap(UNLIMITED, 3) is None


@pytest.mark.parametrize(
    ("pause", "after", "longer", "kept"),
    [
        (30, 20, 60, (30, 20, 60)),
        (30, 20, 10, (30, None, 30)),  # a longer pause that is shorter is none
        (30, None, 60, (30, None, 60)),
        (None, 20, 60, (0, 20, 60)),
        (None, 20, None, None),
        (0, None, None, None),
    ],
)
def test_either_pause_may_be_there_without_the_other(
    pause: float | None, after: int | None, longer: float | None, kept: tuple[float, ...] | None
) -> None:
    pace = Pacing(message_interval=pause, longer_interval_after=after, greater_interval=longer)
    found = of(pace).get("messageInterval")
    assert (found and (found.seconds, found.longer_after, found.longer)) == kept


@pytest.mark.parametrize(
    ("age_days", "most"), [(0, 50), (0.9, 50), (1, 100), (3.5, 400), (6, 2000), (5000, 2000)]
)
def test_a_new_channel_warms_up_day_by_day(age_days: float, most: int) -> None:
    pace = Pacing(warm_up_daily=50, warm_up_growth=2, cap_daily=2000)
    assert of(pace, age_days)["capDaily"].most == most


def test_without_growth_the_first_day_lasts() -> None:
    pace = Pacing(warm_up_daily=50, warm_up_growth=None, cap_daily=None)
    assert limits.daily_cap(pace, 100) == 50
    assert limits.warm_up(pace, None) is None
    assert limits.warm_up(CONSERVATIVE, 1) is None


@given(st.floats(0, 400), st.floats(0, 400))
def test_a_channel_never_may_send_less_for_being_older(one: float, other: float) -> None:
    pace = Pacing(warm_up_daily=20, warm_up_growth=1.7)
    younger, older = sorted((one, other))
    assert (limits.daily_cap(pace, younger) or 0) <= (limits.daily_cap(pace, older) or 0)


def test_a_mark_is_missed_for_each_limit_that_could_be_set() -> None:
    found = list(of(CONSERVATIVE).values())
    assert limits.missing(Scope.CHANNEL, NUMBER, found) == [
        "channel:7:perSecond",
        "channel:7:perTenth",
    ]
    assert len(limits.missing(Scope.CAMPAIGN, NUMBER, found)) == len(limits.NAMES)


def test_a_workspace_limits_what_it_names() -> None:
    found = limits.shared(Scope.WORKSPACE, {"perSecond": 5, "perDay": 1000})
    assert [(limit.mark, limit.kind, limit.most) for limit in found] == [
        ("workspace::perSecond", Kind.LOG, 5),
        ("workspace::perDay", Kind.MINUTES, 1000),
    ]
    assert limits.shared_missing(Scope.WORKSPACE, {"perSecond": 5, "perDay": 1}) == [
        "workspace::perMinute"
    ]


def test_people_and_pairs_are_limits_like_the_others() -> None:
    assert limits.tier("waba", 250).kind is Kind.UNIQUE
    assert (limits.pair(NUMBER).most, limits.pair(NUMBER).seconds) == (45, 6)
    assert limits.of_contact(2).mark == "contact::perContactDaily"
    assert limits.of_user("key:1", 100).seconds == 60


@given(st.lists(st.integers(0, 10_000), max_size=50), st.integers(1, 100))
def test_what_is_borrowed_is_paid_back_one_by_one(times: list[int], step: int) -> None:
    until = limits.caught_up(sorted(times), step)
    if times:
        assert max(times) + step <= until <= max(times) + step * len(times)
    else:
        assert until == 0


def test_a_span_touches_the_minute_in_which_it_begins() -> None:
    now = datetime(2026, 3, 2, 10, 30, 15, tzinfo=UTC)
    assert limits.first_minute(now, HOUR) == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_what_was_owed_before_is_paid_first() -> None:
    assert limits.caught_up([10.0, 11.0], 6.0, owed=20.0) == 32.0
    assert limits.caught_up([30.0], 6.0, owed=20.0) == 36.0
