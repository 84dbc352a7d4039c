"""Whether messages of a run may leave now, by the campaign's schedule and the clock.

What is said here holds a little less long than the schedule does: a grant that was asked for
before a window closes must have died by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from recado.domain import phones
from recado.domain.schedules import Decision, Schedule, Verdict, decide, parse_schedule
from recado.domain.windows import CONTACT, contact_zone
from recado.features.gates.service import GRANT_LIFE

MARGIN: Final = timedelta(seconds=2 * GRANT_LIFE)
"""So long before the closing moment nothing more is asked for."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The schedule of a run, and what it said when it was read.

    Attributes:
        schedule: The campaign's.
        tz: The workspace's, for contacts of whom no other is known.
        verdict: Of all contacts alike; a window that goes by their own zones is left out of it.
        until: When that ends; None is never.
    """

    schedule: Schedule
    tz: tzinfo
    verdict: Verdict
    until: datetime | None

    @property
    def open(self) -> bool:
        """Whether anything of this run may leave."""
        return self.verdict is Verdict.OPEN

    @property
    def by_contact(self) -> bool:
        """Whether the window goes by each contact's own zone."""
        window = self.schedule.window
        return window is not None and window.timezone == CONTACT

    def waits_until(self, due_at: datetime | None, now: datetime) -> datetime | None:
        """When messages go on leaving, as it is outside the hours now; None where they may.

        None as well where nothing will leave any more before the end.

        Args:
            due_at: When the first of what is pending is due; asked where contacts sleep.
            now: Aware.
        """
        if self.verdict is Verdict.WAIT:
            return None if self.until == self.schedule.end_at else self.until
        return due_at if self.by_contact and due_at and due_at > now else None

    def first_open(self, moment: datetime) -> datetime:
        """When, from a moment on, something may leave again; all contacts alike."""
        alike = replace(self.schedule, window=None) if self.by_contact else self.schedule
        then = decide(alike, moment, self.tz)
        return then.until if then.verdict is Verdict.WAIT and then.until else moment

    def of_contact(self, timezone: str | None, phone: str, now: datetime) -> Decision:
        """What holds for one contact now: its own zone's hours, else its number's.

        Args:
            timezone: The contact's, if it has one.
            phone: E.164.
            now: Aware.
        """
        if not self.by_contact:
            return _careful(decide(self.schedule, now, self.tz), now)
        tz = contact_zone(timezone or phones.timezone_of_number(phone), self.tz)
        return _careful(decide(self.schedule, now, tz), now)

    def lets(self, timezone: str | None, phone: str, now: datetime) -> bool:
        """Whether a message to a contact may leave now."""
        if self.by_contact:
            return self.of_contact(timezone, phone, now).verdict is Verdict.OPEN
        return self.open and (self.until is None or self.until - now > MARGIN)


ALWAYS: Final = Hours(Schedule(), UTC, Verdict.OPEN, None)


def of_run(schedule: Mapping[str, Any], timezone: str, now: datetime) -> Hours:
    """Read a campaign's schedule as it is stored.

    Args:
        schedule: As the API has it.
        timezone: The workspace's.
        now: Aware.
    """
    parsed, tz = parse_schedule(schedule), ZoneInfo(timezone)
    hours = Hours(parsed, tz, Verdict.OPEN, None)
    alike = replace(parsed, window=None) if hours.by_contact else parsed
    decision = _careful(decide(alike, now, tz), now)
    return replace(hours, verdict=decision.verdict, until=decision.until)


def _careful(decision: Decision, now: datetime) -> Decision:
    """Close a little early; at the very moment it is looked at again."""
    if decision.verdict is Verdict.OPEN and decision.until and decision.until - now <= MARGIN:
        return Decision(Verdict.WAIT, decision.until)
    return decision
