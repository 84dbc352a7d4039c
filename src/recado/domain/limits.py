"""Every limit on what may leave, as data: what it counts, how many it allows, in what span of time.

A limit is kept by one book in Redis; a limiter asks all books of a request at once. Each has a mark
that says that its book is complete; where the mark is missing (after a flush, or because the limit
is new) the book is first filled from what PostgreSQL has on record.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from recado.domain import pacing
from recado.domain.pacing import Pacing

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0
PAIR_SECONDS: Final = 6.0
"""Meta: one message in six seconds to the same person …"""
PAIR_BURST: Final = 45
"""… of which this many may be borrowed from the time to come."""
SPREAD: Final = 10
"""Parts of a second over which its limit is spread."""
CATCHING_UP: Final = 1.25
"""Of a part's share, so that what one came too late for is made up for in the next."""


class Kind(StrEnum):
    """How a book counts."""

    LOG = "log"
    """Each departure by its time: exact, for spans of up to a minute."""
    MINUTES = "minutes"
    """Departures by the minute, the partial one counted in full: for longer spans."""
    UNIQUE = "unique"
    """Different people, or different messages, each by the time of the last departure."""
    INTERVAL = "interval"
    """A pause after each departure, and a longer one after every so many."""
    RATE = "rate"
    """One in so many seconds on the average; some may be borrowed from the time to come."""


class Scope(StrEnum):
    """Whom a limit belongs to."""

    CHANNEL = "channel"
    CAMPAIGN = "campaign"
    """Of one campaign on one channel."""
    USER = "user"
    PORTFOLIO = "portfolio"
    CONTACT = "contact"
    WORKSPACE = "workspace"
    INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many departures in any span of so many seconds.

    Attributes:
        scope: Whom it belongs to.
        subject: Which of these, by id; empty where there is but one, or where it is filled in for
            each request (a contact).
        name: As people know it: the setting's outside name.
        kind: How it is counted.
        most: How many may leave; of an interval 1, of a rate how many may leave at once.
        seconds: The span; of an interval the pause; of a rate the time that each one costs.
        longer_after: Of an interval: after so many a longer pause.
        longer: Seconds of that pause.
    """

    scope: Scope
    subject: str
    name: str
    kind: Kind
    most: int
    seconds: float
    longer_after: int | None = None
    longer: float = 0.0

    @property
    def mark(self) -> str:
        """The name under which it is noted that the book is complete."""
        return mark(self.scope, self.subject, self.name)


def mark(scope: Scope, subject: str, name: str) -> str:
    """See ``Limit.mark``."""
    return f"{scope}:{subject}:{name}"


@dataclass(frozen=True, slots=True)
class Path:
    """All that the requests of one run on one channel must pass.

    Attributes:
        limits: Counted for the channel, the campaign, the user, the workspace.
        of_contact: Counted for each contact; what one of them holds back holds back no other.
        slots: Most requests on the wire at once.
        off: Marks of limits that could be set here and are not: their books grow incomplete.
    """

    limits: tuple[Limit, ...] = ()
    of_contact: tuple[Limit, ...] = ()
    slots: int = 1
    off: tuple[str, ...] = ()


NAMES: Final = ("perSecond", "perTenth", "perMinute", "capHourly", "capDaily", "messageInterval")
"""Of the limits that a channel, or a campaign on it, may have."""


def of_pacing(scope: Scope, subject: str, pace: Pacing, *, age_days: float | None) -> list[Limit]:
    """The limits that a pacing stands for.

    A limit a second is also spread over the second: requests that left together may arrive with
    those of the next burst, and the provider counts arrivals.

    Args:
        scope: Channel or campaign.
        subject: Which.
        pace: Its settings; None in them is no limit.
        age_days: Of the channel, for its warm-up; None where that does not count.
    """

    def limit(name: str, kind: Kind, most: int, seconds: float) -> Limit:
        return Limit(scope, subject, name, kind, most, seconds)

    found: list[Limit] = []
    if pace.per_second:
        found.append(limit("perSecond", Kind.LOG, pace.per_second, 1.0))
        if pace.per_second >= SPREAD:
            most = math.ceil(pace.per_second / SPREAD * CATCHING_UP)
            found.append(limit("perTenth", Kind.LOG, most, 1 / SPREAD))
    if pace.per_minute:
        found.append(limit("perMinute", Kind.LOG, pace.per_minute, MINUTE))
    if pace.cap_hourly:
        found.append(limit("capHourly", Kind.MINUTES, pace.cap_hourly, HOUR))
    daily = daily_cap(pace, age_days)
    if daily:
        found.append(limit("capDaily", Kind.MINUTES, daily, DAY))
    return [*found, *_interval(scope, subject, pace)]


def _interval(scope: Scope, subject: str, pace: Pacing) -> list[Limit]:
    """The pause after each message, and the longer one; either may be there without the other."""
    pause, longer = pace.message_interval or 0.0, pace.greater_interval or 0.0
    after = pace.longer_interval_after if longer > pause else None
    if not pause and after is None:
        return []
    kind = Kind.INTERVAL
    return [Limit(scope, subject, "messageInterval", kind, 1, pause, after, max(pause, longer))]


def daily_cap(pace: Pacing, age_days: float | None) -> int | None:
    """Messages a day: the setting, and less for a new channel that is still warming up."""
    warm = warm_up(pace, age_days)
    caps = [cap for cap in (pace.cap_daily, warm) if cap]
    return min(caps) if caps else None


def warm_up(pace: Pacing, age_days: float | None) -> int | None:
    """What a channel of this age may send a day while it warms up; None where it need not.

    The first day's number grows by a factor each day, until it no longer matters.
    """
    if pace.warm_up_daily is None or age_days is None:
        return None
    growth = max(1.0, pace.warm_up_growth or 1.0)
    days = min(int(max(0.0, age_days)), 365)
    grown = pace.warm_up_daily * growth**days
    return min(int(grown), pacing.LARGEST)


def missing(scope: Scope, subject: str, limits: Sequence[Limit]) -> list[str]:
    """Marks of the limits that a channel or campaign could have and has not."""
    there = {limit.name for limit in limits if (limit.scope, limit.subject) == (scope, subject)}
    return [mark(scope, subject, name) for name in NAMES if name not in there]


SHARED_NAMES: Final[Mapping[str, tuple[Kind, float]]] = {
    "perSecond": (Kind.LOG, 1.0),
    "perMinute": (Kind.LOG, MINUTE),
    "perDay": (Kind.MINUTES, DAY),
}
"""What a workspace or an installation may limit."""


def shared(scope: Scope, given: Mapping[str, int]) -> list[Limit]:
    """The limits of a workspace or of the installation.

    Args:
        scope: One of the two.
        given: Name → most.
    """
    return [
        Limit(scope, "", name, kind, given[name], seconds)
        for name, (kind, seconds) in SHARED_NAMES.items()
        if given.get(name)
    ]


def shared_missing(scope: Scope, given: Mapping[str, int]) -> list[str]:
    """Marks of the limits that a workspace could have and has not."""
    return [mark(scope, "", name) for name in SHARED_NAMES if not given.get(name)]


def of_user(user: str, most: int) -> Limit:
    """Requests a minute of all campaigns that one user has made, on channels with this limit."""
    return Limit(Scope.USER, user, "perMinutePerUser", Kind.LOG, most, MINUTE)


def tier(portfolio: str, most: int) -> Limit:
    """Different people that a Meta portfolio may reach in a day outside of conversations."""
    return Limit(Scope.PORTFOLIO, portfolio, "tier", Kind.UNIQUE, most, DAY)


def pair(channel: str) -> Limit:
    """Meta's limit on messages from one number to one person."""
    return Limit(Scope.CONTACT, channel, "pairRate", Kind.RATE, PAIR_BURST, PAIR_SECONDS)


CONTACT_DAILY: Final = "perContactDaily"


def of_contact(most: int) -> Limit:
    """Messages of campaigns that one person may get in a day, whatever channel they come from."""
    return Limit(Scope.CONTACT, "", CONTACT_DAILY, Kind.UNIQUE, most, DAY)


def caught_up(times: Sequence[float], step: float, owed: float = 0.0) -> float:
    """When the time that these departures cost is paid back, in the unit of the times.

    Args:
        times: Of the departures, in order.
        step: What each costs.
        owed: Until when it takes to pay for those of before.
    """
    until = owed
    for at in times:
        until = max(until, at) + step
    return until


def first_minute(now: datetime, seconds: float) -> datetime:
    """The oldest minute that a span of so many seconds before now still touches."""
    return (now - timedelta(seconds=seconds)).replace(second=0, microsecond=0)
