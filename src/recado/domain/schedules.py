"""When a campaign may send: from when, until when, in which hours, and when again."""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final

from recado.domain.errors import InvalidInput
from recado.domain.windows import (
    CONTACT,
    EVERY_DAY,
    HORIZON,
    Window,
    closes_at,
    is_country,
    is_zone,
    next_open,
    zone,
)

LATE: Final = timedelta(minutes=1)
"""A start by so much after its time is a late one."""

_DAY: Final = timedelta(days=1)
_DAY_END: Final = "24:00"
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_YEARS: Final = range(2000, 2200)
_INTERVALS: Final = range(1, 367)


class InvalidSchedule(InvalidInput):
    """``fields`` names each wrong value by its path from ``schedule`` on."""

    code = "invalid_schedule"


class Every(StrEnum):
    """What a recurring campaign is counted in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Verdict(StrEnum):
    """Whether messages may leave now."""

    OPEN = "open"
    WAIT = "wait"
    EXPIRED = "expired"


class Start(StrEnum):
    """What is to be done about a campaign that starts at a set time."""

    WAIT = "wait"
    NOW = "now"
    LATE = "late"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A recurring campaign: again every so many days, weeks or months after its first start."""

    every: Every
    interval: int = 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a campaign may send; nothing leaves before the start, nor at or after the end.

    The moments are aware, and kept in UTC: Python compares those of one zone by the clock on the
    wall, which shows some of them twice.
    """

    start_at: datetime | None = None
    end_at: datetime | None = None
    window: Window | None = None
    repeat: Repeat | None = None

    def __post_init__(self) -> None:
        for name in ("start_at", "end_at"):
            moment: datetime | None = getattr(self, name)
            if moment is not None:
                object.__setattr__(self, name, moment.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether messages may leave, and until when that holds; None is for ever."""

    verdict: Verdict
    until: datetime | None = None


# Reading --------------------------------------------------------------------------------------


def parse_schedule(raw: Mapping[str, Any]) -> Schedule:
    """Read a schedule as the API has it: ``{start_at?, end_at?, window?, repeat?}``.

    Moments are ISO 8601 with an offset, or aware datetimes; a window is ``{weekdays, from, to,
    timezone, skip_holidays?}``, where to may be "24:00"; repeat is ``{every: day | week | month,
    interval?}``. None is absent.

    Raises:
        InvalidSchedule: Naming every wrong field.
    """
    form = _Form(raw, "schedule", {})
    form.refuse_others("start_at", "end_at", "window", "repeat")
    start_at, end_at = form.moment("start_at"), form.moment("end_at")
    window, repeat = _window(form.inside("window")), _repeat(form.inside("repeat"))
    if start_at and end_at and end_at <= start_at:
        form.complain("end_at", "a moment after start_at")
    if repeat and raw.get("start_at") is None:
        form.complain("start_at", "needed where the campaign repeats")
    if form.wrong:
        raise InvalidSchedule(fields=form.wrong)
    return Schedule(start_at, end_at, window, repeat)


def validated(raw: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A schedule from outside, checked; as it is kept, without what is absent.

    Raises:
        InvalidSchedule: Naming every wrong field; an end that has passed is one.
    """
    parsed = parse_schedule(raw)
    if parsed.end_at and parsed.end_at <= now:
        raise InvalidSchedule(fields={"schedule.end_at": "a moment in the future"})
    kept = {key: value for key, value in raw.items() if value is not None}
    for key in ("start_at", "end_at"):
        if key in kept:
            # ISO 8601 has more forms than PostgreSQL reads.
            at = kept[key]
            kept[key] = (at if isinstance(at, datetime) else datetime.fromisoformat(at)).isoformat()
    return kept


def _window(form: "_Form | None") -> Window | None:
    if form is None:
        return None
    form.refuse_others("weekdays", "from", "to", "timezone", "skip_holidays")
    weekdays, start, end = form.weekdays("weekdays"), form.time("from"), form.time("to")
    timezone, country = form.raw.get("timezone"), form.raw.get("skip_holidays")
    if start and start == end:
        form.complain("to", "another time than from; the whole day is 00:00 to 24:00")
    if start == _DAY_END:
        form.complain("from", "a time from 00:00 to 23:59, as HH:MM")
    if timezone != CONTACT and not is_zone(timezone):
        form.complain("timezone", "a time zone such as America/Sao_Paulo, or contact")
    country = country.upper() if isinstance(country, str) else country
    if country is not None and not is_country(country):
        form.complain("skip_holidays", "the two letters of a country, such as BR")
    if weekdays is None or start is None or end is None or form.wrong:
        return None
    opens = time.fromisoformat(start)
    closes = time() if end == _DAY_END else time.fromisoformat(end)
    return Window(weekdays, opens, closes, str(timezone), country)


def _repeat(form: "_Form | None") -> Repeat | None:
    if form is None:
        return None
    form.refuse_others("every", "interval")
    every, interval = form.raw.get("every"), form.raw.get("interval")
    interval = 1 if interval is None else interval
    if every not in tuple(Every):
        form.complain("every", "one of: " + ", ".join(Every))
    elif not _is_whole(interval) or interval not in _INTERVALS:
        form.complain("interval", "a whole number from 1 to 366")
    else:
        return Repeat(Every(str(every)), interval)
    return None


@dataclass(frozen=True, slots=True)
class _Form:
    """An object from outside, where it stands, and what is wrong with the whole so far."""

    raw: Mapping[str, Any]
    path: str
    wrong: dict[str, str]

    def complain(self, key: str, problem: str) -> None:
        self.wrong[f"{self.path}.{key}"] = problem

    def refuse_others(self, *known: str) -> None:
        for key in self.raw:
            if key not in known:
                self.complain(key, "unknown key")

    def inside(self, key: str) -> "_Form | None":
        value = self.raw.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.complain(key, "an object")
            return None
        return _Form(value, f"{self.path}.{key}", self.wrong)

    def moment(self, key: str) -> datetime | None:
        value = self.raw.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, datetime) and value.utcoffset() is not None and value.year in _YEARS:
            return value
        self.complain(key, "a date and time with an offset, such as 2026-03-02T09:00:00-03:00")
        return None

    def time(self, key: str) -> str | None:
        value = self.raw.get(key)
        if isinstance(value, str) and _TIME.fullmatch(value):
            return value
        self.complain(key, "a time from 00:00 to 24:00, as HH:MM")
        return None

    def weekdays(self, key: str) -> frozenset[int] | None:
        value = self.raw.get(key)
        if isinstance(value, list | tuple) and value:
            days = frozenset(day for day in value if _is_whole(day) and day in EVERY_DAY)
            if len(days) == len(value):
                return days
        self.complain(key, "different numbers from 1 (Monday) to 7 (Sunday)")
        return None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# Decisions ------------------------------------------------------------------------------------


def decide(schedule: Schedule, now: datetime, tz: tzinfo) -> Decision:
    """Whether messages may leave now.

    A wait ends at the next opening, or at the end where there is none before it. An opening that
    is over `HORIZON` away is looked for again by then.
    """
    start_at, end_at, window = schedule.start_at, schedule.end_at, schedule.window
    now = now.astimezone(UTC)
    if end_at and now >= end_at:
        return Decision(Verdict.EXPIRED)
    earliest = max(now, start_at) if start_at else now
    opens: datetime | None = earliest
    if window:
        opens = next_open(window, earliest, tz)
    if opens == now:
        return Decision(
            Verdict.OPEN, _sooner(closes_at(window, now, tz) if window else None, end_at)
        )
    return Decision(Verdict.WAIT, _sooner(opens or earliest + HORIZON, end_at))


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    present = [moment for moment in (one, other) if moment is not None]
    return min(present) if present else None


def missed(start_at: datetime | None, end_at: datetime | None, now: datetime) -> Start:
    """What to do about a set time, which may have passed while the system was down.

    A start that was missed is made up for, once, unless the end has passed as well.
    """
    schedule, now = Schedule(start_at, end_at), now.astimezone(UTC)
    if schedule.end_at and now >= schedule.end_at:
        return Start.EXPIRED
    if schedule.start_at is None:
        return Start.NOW
    if now < schedule.start_at:
        return Start.WAIT
    return Start.LATE if now - schedule.start_at >= LATE else Start.NOW


def next_start(schedule: Schedule, after: datetime, tz: tzinfo) -> datetime | None:
    """The first start after a moment, in UTC; None where there is none before the end.

    A recurring campaign starts at the same time of day on the wall; a month too short for its day
    has it on the last. Several that were missed are one: ask with the present moment.
    """
    first, repeat = schedule.start_at, schedule.repeat
    if first is None:
        return None
    at = first.astimezone(UTC)
    if repeat is None:
        at_last: datetime | None = at if at > after else None
    else:
        local = first.astimezone(zone(schedule.window, tz))
        number = 0 if at > after else _elapsed(repeat, local, after)
        while at <= after:
            number += 1
            at = _shifted(repeat, local, number).astimezone(UTC)
        at_last = at
    return at_last if at_last and not (schedule.end_at and at_last >= schedule.end_at) else None


def _elapsed(repeat: Repeat, local: datetime, after: datetime) -> int:
    """About how many starts there have been; never too many."""
    days = {Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 31}[repeat.every] * repeat.interval
    return max(0, (after - local).days // days - 1)


def _shifted(repeat: Repeat, local: datetime, number: int) -> datetime:
    steps = number * repeat.interval
    if repeat.every is not Every.MONTH:
        return local + steps * (7 * _DAY if repeat.every is Every.WEEK else _DAY)
    year, month = divmod(local.year * 12 + local.month - 1 + steps, 12)
    return local.replace(
        year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1])
    )
