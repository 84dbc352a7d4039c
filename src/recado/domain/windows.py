"""The hours at which messages may leave: weekdays, times of day and holidays, in a time zone.

A window goes by what the clock on the wall shows in its zone. So hours that a clock change skips
are never open, hours that it repeats are open both times, and nothing ever leaves at a time of day
that the window does not name. A window over midnight belongs to the day on which it starts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays

CONTACT: Final = "contact"
EVERY_DAY: Final = frozenset(range(1, 8))
HORIZON: Final = timedelta(days=400)
"""How far ahead an opening is looked for: a year, and the holidays at its end."""

_DAY: Final = timedelta(days=1)
# No zone changes its clock twice within so short a time.
_STEADY: Final = timedelta(days=7)
_SECOND: Final = timedelta(seconds=1)
_ANY_YEAR: Final = 2000


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some weekdays.

    Attributes:
        weekdays: ISO numbers, 1 is Monday.
        start: The first moment inside.
        end: The first moment outside again; on the next day unless it is after the start.
        timezone: An IANA name, or "contact" for the contact's own.
        skip_holidays: A country (ISO 3166-1, two letters): no messages on its national holidays,
            nor in a window that starts on one.
    """

    weekdays: frozenset[int]
    start: time
    end: time
    timezone: str
    skip_holidays: str | None = None


def is_zone(name: object) -> bool:
    """Whether it is the name of a time zone."""
    if not isinstance(name, str):
        return False
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        # A folder of the database and a name too long are errors of the file system.
        return False
    return True


def is_country(code: object) -> bool:
    """Whether it is a country's two letters and its holidays are known."""
    if not isinstance(code, str) or len(code) != 2:  # noqa: PLR2004 - longer ones are known too
        return False
    try:
        _holidays(code, _ANY_YEAR)
    except NotImplementedError:
        return False
    return True


def zone(window: Window | None, tz: tzinfo) -> tzinfo:
    """The zone that a window goes by: its own, or the given one where it goes by the contact's."""
    if window is None or window.timezone == CONTACT:
        return tz
    return ZoneInfo(window.timezone)


def contact_zone(name: str | None, fallback: tzinfo) -> tzinfo:
    """A contact's zone, or that of the campaign or workspace where it has none that exists."""
    return ZoneInfo(name) if name is not None and is_zone(name) else fallback


def is_open(window: Window, moment: datetime, tz: tzinfo) -> bool:
    """Whether a moment is inside.

    Args:
        window: The window.
        moment: Aware.
        tz: Of the contact, or of what stands in for it; asked only by windows that go by it. The
            same holds for every function here.
    """
    wall = moment.astimezone(zone(window, tz)).replace(tzinfo=None)
    return any(
        opens <= wall < closes
        for day in (wall.date() - _DAY, wall.date())
        for opens, closes in _hours(window, day)
    )


def spans(
    window: Window, since: datetime, until: datetime, tz: tzinfo
) -> Iterator[tuple[datetime, datetime]]:
    """The open stretches between two moments, in order and apart from each other; in UTC."""
    opens = closes = None
    for begins, ends in _pieces(window, since, until, tz):
        if closes is not None and opens is not None and begins > closes:
            yield opens, closes
            opens = None
        opens, closes = opens or begins, ends
    if opens is not None and closes is not None:
        yield opens, closes


def next_open(window: Window, moment: datetime, tz: tzinfo) -> datetime | None:
    """The first moment inside that is not before the given one, in UTC; None within `HORIZON`."""
    return next((opens for opens, _ in _pieces(window, moment, moment + HORIZON, tz)), None)


def closes_at(window: Window, moment: datetime, tz: tzinfo) -> datetime | None:
    """When the window that is open at a moment closes, in UTC.

    The moment itself if it is closed; None if it stays open for `HORIZON`.
    """
    if window.weekdays == EVERY_DAY and window.start == window.end and not window.skip_holidays:
        return None
    since = moment.astimezone(UTC)
    opens, closes = next(spans(window, since, since + HORIZON, tz), (None, None))
    return since if opens != since else closes


def open_seconds(window: Window | None, since: datetime, until: datetime, tz: tzinfo) -> float:
    """How many seconds between two moments are inside; all of them without a window."""
    if window is None:
        return max(0.0, (until.astimezone(UTC) - since.astimezone(UTC)).total_seconds())
    return sum((b - a).total_seconds() for a, b in _pieces(window, since, until, tz))


def _hours(window: Window, day: date) -> Iterator[tuple[datetime, datetime]]:
    """From when to when the window that starts on a day is open, on the wall; once or never."""
    if day.isoweekday() not in window.weekdays or _is_holiday(window, day):
        return
    opens = datetime.combine(day, window.start)
    closes = datetime.combine(day, window.end)
    if closes <= opens:
        midnight = datetime.combine(day + _DAY, time())
        closes = midnight if _is_holiday(window, day + _DAY) else closes + _DAY
    yield opens, closes


def _pieces(
    window: Window, since: datetime, until: datetime, tz: tzinfo
) -> Iterator[tuple[datetime, datetime]]:
    """The open stretches in UTC, in order, cut wherever it was handy."""
    for begins, ends, offset in _steady(zone(window, tz), since, until):
        day, last = (begins + offset).date() - _DAY, (ends + offset).date()
        while day <= last:
            for opens, closes in _hours(window, day):
                opened = max(opens.replace(tzinfo=UTC) - offset, begins)
                closed = min(closes.replace(tzinfo=UTC) - offset, ends)
                if opened < closed:
                    yield opened, closed
            day += _DAY


def _steady(
    tz: tzinfo, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The time between two moments in stretches during which the zone's clock is not changed."""
    begins, until = since.astimezone(UTC), until.astimezone(UTC)
    while begins < until:
        ends = min(begins + _STEADY, until)
        offset = _offset(tz, begins)
        if _offset(tz, ends) != offset:
            ends = _change(tz, begins, ends)
        yield begins, ends, offset
        begins = ends


def _offset(tz: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(tz).utcoffset() or timedelta()


def _change(tz: tzinfo, before: datetime, after: datetime) -> datetime:
    """When, between two moments, the clock is changed."""
    offset = _offset(tz, before)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if _offset(tz, middle) == offset:
            before = middle
        else:
            after = middle
    # The last step has left less than a second, in which the one whole second is the change.
    return after.replace(microsecond=0)


def _is_holiday(window: Window, day: date) -> bool:
    return window.skip_holidays is not None and day in _holidays(window.skip_holidays, day.year)


@lru_cache(maxsize=1024)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))
