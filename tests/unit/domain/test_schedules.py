"""From when, until when and when again a campaign may send."""

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.schedules import (
    Decision,
    Every,
    InvalidSchedule,
    Repeat,
    Schedule,
    Start,
    Verdict,
    decide,
    missed,
    next_start,
    parse_schedule,
    validated,
)
from recado.domain.windows import CONTACT, HORIZON, Window, is_open

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OFFICE = Window(frozenset({1, 2, 3, 4, 5}), time(9), time(18), "America/Sao_Paulo")
NEVER = Window(frozenset(), time(9), time(18), CONTACT)
WINDOW = {
    "weekdays": [1, 2, 3, 4, 5],
    "from": "09:00",
    "to": "18:00",
    "timezone": "America/Sao_Paulo",
}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO)


MONDAY_NOON = local("2026-03-02 12:00")


def problems(raw: dict[str, Any]) -> set[str]:
    with pytest.raises(InvalidSchedule) as caught:
        parse_schedule(raw)
    return set(caught.value.fields)


# Reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [{}, {"start_at": None, "end_at": None, "window": None, "repeat": None}]
)
def test_without_a_schedule_everything_may_leave_at_once(raw: dict[str, Any]) -> None:
    assert parse_schedule(raw) == Schedule()


def test_a_schedule_is_read_as_the_interface_has_it() -> None:
    read = parse_schedule(
        {
            "start_at": "2026-03-02T09:00:00-03:00",
            "end_at": datetime(2026, 3, 9, tzinfo=UTC),
            "window": {**WINDOW, "skip_holidays": "br"},
            "repeat": {"every": "week", "interval": 2},
        }
    )
    assert read.start_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert read.end_at == datetime(2026, 3, 9, tzinfo=UTC)
    assert read.window == Window(OFFICE.weekdays, time(9), time(18), OFFICE.timezone, "BR")
    assert read.repeat == Repeat(Every.WEEK, 2)


def test_a_window_may_last_until_the_end_of_the_day_or_go_over_it() -> None:
    whole = parse_schedule({"window": {**WINDOW, "from": "00:00", "to": "24:00"}}).window
    night = parse_schedule({"window": {**WINDOW, "from": "22:00", "to": "06:00"}}).window
    assert whole is not None
    assert night is not None
    assert (whole.start, whole.end) == (time(0), time(0))
    assert (night.start, night.end) == (time(22), time(6))


def test_a_campaign_repeats_every_one_unless_it_says_otherwise() -> None:
    start = {"start_at": "2026-03-02T09:00:00Z"}
    for repeat in ({"every": "day"}, {"every": "day", "interval": None}):
        assert parse_schedule({**start, "repeat": repeat}).repeat == Repeat(Every.DAY, 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": None}, "weekdays"),
        ({"weekdays": [0]}, "weekdays"),
        ({"weekdays": [8]}, "weekdays"),
        ({"weekdays": [1, 1]}, "weekdays"),
        ({"weekdays": [True]}, "weekdays"),
        ({"weekdays": ["1"]}, "weekdays"),
        ({"weekdays": [[1]]}, "weekdays"),
        ({"weekdays": "12345"}, "weekdays"),
        ({"from": None}, "from"),
        ({"from": "9:00"}, "from"),
        ({"from": "24:00"}, "from"),
        ({"from": "09:60"}, "from"),
        ({"from": "25:00"}, "from"),
        ({"from": 9}, "from"),
        ({"to": "24:01"}, "to"),
        ({"to": "09:00"}, "to"),
        ({"to": ""}, "to"),
        ({"timezone": "Brasília"}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"timezone": 3}, "timezone"),
        ({"skip_holidays": "Brazil"}, "skip_holidays"),
        ({"skip_holidays": "XX"}, "skip_holidays"),
        ({"skip_holidays": True}, "skip_holidays"),
        ({"until": "18:00"}, "until"),
    ],
)
def test_what_is_wrong_with_a_window_is_told_by_its_field(
    change: dict[str, Any], field: str
) -> None:
    assert problems({"window": {**WINDOW, **change}}) == {f"schedule.window.{field}"}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"start": "2026-03-02T09:00:00Z"}, "start"),
        ({"start_at": "tomorrow"}, "start_at"),
        ({"start_at": "2026-03-02T09:00:00"}, "start_at"),
        ({"start_at": "2026-03-02"}, "start_at"),
        ({"start_at": 1772445600}, "start_at"),
        ({"start_at": "0001-01-01T00:00:00+14:00"}, "start_at"),
        ({"end_at": "9999-12-31T23:59:59Z"}, "end_at"),
        ({"start_at": "2026-03-02T09:00:00Z", "end_at": "2026-03-02T09:00:00Z"}, "end_at"),
        ({"window": "09:00-18:00"}, "window"),
        ({"repeat": "day"}, "repeat"),
        ({"repeat": {"every": "day"}}, "start_at"),
        ({"start_at": "2026-03-02T09:00:00Z", "repeat": {"every": "year"}}, "repeat.every"),
        ({"start_at": "2026-03-02T09:00:00Z", "repeat": {"every": ["day"]}}, "repeat.every"),
        *(
            (
                {"start_at": "2026-03-02T09:00:00Z", "repeat": {"every": "day", "interval": n}},
                "repeat.interval",
            )
            for n in (0, 367, True, 1.5, "1")
        ),
        (
            {"start_at": "2026-03-02T09:00:00Z", "repeat": {"every": "day", "on": 1}},
            "repeat.on",
        ),
    ],
)
def test_what_is_wrong_with_a_schedule_is_told_by_its_field(
    raw: dict[str, Any], field: str
) -> None:
    assert problems(raw) == {f"schedule.{field}"}


def test_all_that_is_wrong_is_told_at_once() -> None:
    raw = {"start_at": "soon", "window": {"weekdays": [9], "from": "9h", "to": "18h"}}
    assert problems(raw) == {
        "schedule.start_at",
        "schedule.window.weekdays",
        "schedule.window.from",
        "schedule.window.to",
        "schedule.window.timezone",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["weekdays", "from", "to", "timezone", "skip_holidays", "every", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["start_at", "end_at", "window", "repeat", "x"]), json_values)
)
def test_whatever_is_sent_is_a_schedule_or_an_error_that_names_fields(raw: dict[str, Any]) -> None:
    named = {"schedule.window"}
    try:
        parse_schedule(raw)
    except InvalidSchedule as error:
        named = set(error.fields)
    assert named
    assert all(name.startswith("schedule.") for name in named)


# Decisions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "verdict", "until"),
    [
        (Schedule(), Verdict.OPEN, None),
        (Schedule(window=OFFICE), Verdict.OPEN, local("2026-03-02 18:00")),
        (Schedule(end_at=MONDAY_NOON + HOUR), Verdict.OPEN, MONDAY_NOON + HOUR),
        (
            Schedule(end_at=MONDAY_NOON + HOUR, window=OFFICE),
            Verdict.OPEN,
            MONDAY_NOON + HOUR,
        ),
        (Schedule(start_at=MONDAY_NOON), Verdict.OPEN, None),
        (Schedule(start_at=MONDAY_NOON + HOUR), Verdict.WAIT, MONDAY_NOON + HOUR),
        (
            Schedule(start_at=local("2026-03-02 20:00"), window=OFFICE),
            Verdict.WAIT,
            local("2026-03-03 09:00"),
        ),
        (Schedule(end_at=MONDAY_NOON), Verdict.EXPIRED, None),
        (Schedule(end_at=MONDAY_NOON - HOUR, window=OFFICE), Verdict.EXPIRED, None),
        (Schedule(window=NEVER), Verdict.WAIT, MONDAY_NOON + HORIZON),
        (Schedule(window=NEVER, end_at=MONDAY_NOON + DAY), Verdict.WAIT, MONDAY_NOON + DAY),
    ],
)
def test_messages_leave_now_or_wait_or_are_too_late(
    schedule: Schedule, verdict: Verdict, until: datetime | None
) -> None:
    assert decide(schedule, MONDAY_NOON, SAO_PAULO) == Decision(verdict, until)


def test_a_wait_for_an_opening_after_the_end_lasts_until_the_end() -> None:
    evening, end = local("2026-03-02 19:00"), local("2026-03-03 08:00")
    assert decide(Schedule(end_at=end, window=OFFICE), evening, SAO_PAULO) == Decision(
        Verdict.WAIT, end
    )
    assert decide(Schedule(end_at=end, window=OFFICE), end, SAO_PAULO).verdict is Verdict.EXPIRED


@given(
    start=st.none() | st.timedeltas(-3 * DAY, 3 * DAY),
    length=st.none() | st.timedeltas(HOUR, 5 * DAY),
    window=st.none() | st.just(OFFICE),
    ahead=st.timedeltas(timedelta(), 5 * DAY),
)
def test_a_decision_holds_until_it_says(
    start: timedelta | None, length: timedelta | None, window: Window | None, ahead: timedelta
) -> None:
    start_at = None if start is None else MONDAY_NOON + start
    end_at = None if length is None else (start_at or MONDAY_NOON) + length
    schedule = Schedule(start_at, end_at, window)
    now = MONDAY_NOON + ahead
    decision = decide(schedule, now, SAO_PAULO)
    if decision.verdict is Verdict.OPEN:
        assert start_at is None or start_at <= now
        assert end_at is None or now < end_at
        assert window is None or is_open(window, now, SAO_PAULO)
    if decision.until is not None:
        assert decision.until > now
        just_before = decide(schedule, decision.until - timedelta(microseconds=1), SAO_PAULO)
        assert just_before.verdict is decision.verdict
        assert decide(schedule, decision.until, SAO_PAULO).verdict is not decision.verdict


@pytest.mark.parametrize(
    ("start", "end", "what"),
    [
        (None, None, Start.NOW),
        (timedelta(), None, Start.NOW),
        (-timedelta(seconds=59), None, Start.NOW),
        (-timedelta(minutes=1), None, Start.LATE),
        (-HOUR, HOUR, Start.LATE),
        (HOUR, 2 * HOUR, Start.WAIT),
        (-2 * HOUR, -HOUR, Start.EXPIRED),
        (-2 * HOUR, timedelta(), Start.EXPIRED),
        (None, -HOUR, Start.EXPIRED),
    ],
)
def test_a_start_missed_while_the_system_was_down_is_made_up_for_unless_the_end_has_passed(
    start: timedelta | None, end: timedelta | None, what: Start
) -> None:
    start_at = None if start is None else MONDAY_NOON + start
    end_at = None if end is None else MONDAY_NOON + end
    assert missed(start_at, end_at, MONDAY_NOON) is what


def test_the_second_of_two_equal_times_of_day_is_the_later_one() -> None:
    # New York, 2026-11-01: 01:30 came twice.
    first = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)
    second = first.replace(fold=1)
    wait = Decision(Verdict.WAIT, second.astimezone(UTC))
    assert decide(Schedule(end_at=second), first, NEW_YORK).verdict is Verdict.OPEN
    assert decide(Schedule(start_at=second), first, NEW_YORK) == wait
    assert missed(None, second, first) is Start.NOW
    assert missed(second, None, first) is Start.WAIT
    assert missed(first, None, second) is Start.LATE


# Again ------------------------------------------------------------------------------------------


def test_a_campaign_that_does_not_repeat_starts_once() -> None:
    schedule = Schedule(start_at=MONDAY_NOON)
    assert next_start(schedule, MONDAY_NOON - HOUR, SAO_PAULO) == MONDAY_NOON
    assert next_start(schedule, MONDAY_NOON, SAO_PAULO) is None
    assert next_start(Schedule(), MONDAY_NOON, SAO_PAULO) is None


@pytest.mark.parametrize(
    ("repeat", "after", "then"),
    [
        (Repeat(Every.DAY), "2026-03-01 00:00", "2026-03-02 12:00"),
        (Repeat(Every.DAY), "2026-03-02 12:00", "2026-03-03 12:00"),
        (Repeat(Every.DAY, 3), "2026-03-03 12:00", "2026-03-05 12:00"),
        (Repeat(Every.WEEK), "2026-03-02 12:00", "2026-03-09 12:00"),
        (Repeat(Every.WEEK, 2), "2026-03-16 11:59", "2026-03-16 12:00"),
        (Repeat(Every.MONTH), "2026-03-02 12:00", "2026-04-02 12:00"),
        (Repeat(Every.MONTH, 3), "2027-01-01 00:00", "2027-03-02 12:00"),
    ],
)
def test_a_recurring_campaign_starts_again_at_its_time_of_day(
    repeat: Repeat, after: str, then: str
) -> None:
    schedule = Schedule(start_at=MONDAY_NOON, repeat=repeat)
    assert next_start(schedule, local(after), SAO_PAULO) == local(then)


def test_a_month_too_short_for_the_day_has_it_on_its_last() -> None:
    schedule = Schedule(start_at=local("2027-10-31 09:00"), repeat=Repeat(Every.MONTH))
    at, found = local("2027-10-31 09:00"), []
    for _ in range(6):
        following = next_start(schedule, at, SAO_PAULO)
        assert following is not None
        at = following
        found.append(f"{at.astimezone(SAO_PAULO):%m-%d}")
    assert found == ["11-30", "12-31", "01-31", "02-29", "03-31", "04-30"]


def test_a_recurring_campaign_keeps_its_time_of_day_through_a_clock_change() -> None:
    # The start is given in an offset that no longer holds after 2026-03-08.
    start = datetime(2026, 3, 7, 9, 0, tzinfo=timezone(timedelta(hours=-5)))
    schedule = Schedule(start_at=start, repeat=Repeat(Every.DAY))
    assert next_start(schedule, start, NEW_YORK) == datetime(2026, 3, 8, 13, 0, tzinfo=UTC)


def test_a_recurring_campaign_goes_by_the_zone_of_its_window() -> None:
    schedule = Schedule(start_at=MONDAY_NOON, window=OFFICE, repeat=Repeat(Every.DAY))
    assert next_start(schedule, MONDAY_NOON, NEW_YORK) == MONDAY_NOON + DAY
    # New York changes its clock on the 8th, São Paulo does not.
    after = local("2026-03-09 00:00")
    assert next_start(schedule, after, NEW_YORK) == local("2026-03-09 12:00")


def test_there_is_no_start_at_or_after_the_end() -> None:
    schedule = Schedule(MONDAY_NOON, MONDAY_NOON + 2 * DAY, repeat=Repeat(Every.DAY))
    assert next_start(schedule, MONDAY_NOON, SAO_PAULO) == MONDAY_NOON + DAY
    assert next_start(schedule, MONDAY_NOON + DAY, SAO_PAULO) is None


@given(
    st.sampled_from(list(Every)),
    st.integers(1, 366),
    st.timedeltas(-400 * DAY, 4000 * DAY),
)
def test_starts_follow_each_other_without_a_gap(
    every: Every, interval: int, offset: timedelta
) -> None:
    schedule = Schedule(start_at=MONDAY_NOON, repeat=Repeat(every, interval))
    after = MONDAY_NOON + offset
    longest = {Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 31}[every] * interval * DAY
    following = next_start(schedule, after, SAO_PAULO)
    assert following is not None
    assert following > after
    assert following == MONDAY_NOON or following - after <= longest
    # Nothing lies between: the one found is also the next of the moment just before it.
    assert next_start(schedule, following - timedelta(seconds=1), SAO_PAULO) == following


def test_a_checked_schedule_is_kept_as_it_came_without_what_is_absent() -> None:
    raw = {"start_at": MONDAY_NOON, "end_at": None, "window": None, "repeat": {"every": "day"}}
    kept = {"start_at": MONDAY_NOON.isoformat(), "repeat": {"every": "day"}}
    assert validated(raw, MONDAY_NOON) == kept
    assert validated(kept, MONDAY_NOON) == kept
    assert validated({"start_at": "2026W101T0900-0300"}, MONDAY_NOON) == {
        "start_at": "2026-03-02T09:00:00-03:00"
    }


def test_an_end_that_has_passed_is_refused() -> None:
    raw = {"end_at": MONDAY_NOON.isoformat()}
    assert validated(raw, MONDAY_NOON - timedelta(seconds=1)) == raw
    with pytest.raises(InvalidSchedule) as refused:
        validated(raw, MONDAY_NOON)
    assert refused.value.fields == {"schedule.end_at": "a moment in the future"}
