"""What is known of a message template, and how news of it change that.

News come by list and by callback, late, twice and in any order: each carries the time as of which
it holds, and what is older than what is known changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

APPROVED: Final = "APPROVED"
PAUSED: Final = "PAUSED"
DELETED: Final = "DELETED"
BAD_QUALITY: Final = "RED"
# Meta's words for being approved again.
_AS_APPROVED: Final = frozenset({"REINSTATED", "UNPAUSED", "UNPAUSE", "UNARCHIVED", "ACTIVE"})
WAITING: Final = frozenset({"PENDING", "IN_APPEAL"})
"""Somebody at the provider is still to decide."""
STOPPED: Final = frozenset(
    {
        PAUSED,
        DELETED,
        "REJECTED",
        "DISABLED",
        "LOCKED",
        "PENDING_DELETION",
        "LIMIT_EXCEEDED",
        "ARCHIVED",
    }
)
# Meta, template pausing: 3 hours the first time, 6 the second; then the template is disabled.
_PAUSES: Final = {"FIRST_PAUSE": timedelta(hours=3), "SECOND_PAUSE": timedelta(hours=6)}
NEVER: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Template:
    """One template in one language as it is known; the times say as of when.

    Attributes:
        status: The provider's word in capitals; see `may_be_sent`.
        reason: Why it has it; empty where nobody said.
        since: When it got it, as far as we know.
        paused_until: When a pause of known length ends.
        category: What it is charged as.
        quality: GREEN, YELLOW, RED, UNKNOWN, or empty.
    """

    status: str = ""
    status_at: datetime = NEVER
    reason: str = ""
    since: datetime = NEVER
    paused_until: datetime | None = None
    category: str = ""
    category_at: datetime = NEVER
    quality: str = ""
    quality_at: datetime = NEVER


def may_be_sent(status: str) -> bool:
    """Whether messages with it leave; a word that we do not know is not a reason to stop."""
    return status not in STOPPED and status not in WAITING


def may_be_sent_later(status: str) -> bool:
    """Whether a campaign with it may be made ready: it is approved, or still can be by itself."""
    return may_be_sent(status) or status in WAITING or status in {PAUSED, "LIMIT_EXCEEDED"}


def pause_ends(title: str, at: datetime) -> datetime | None:
    """When a pause that began then ends by itself; None: when a person ends it, or not told."""
    lasts = _PAUSES.get(title.upper())
    return None if lasts is None else at + lasts


def with_status(
    known: Template,
    status: str,
    at: datetime,
    *,
    reason: str = "",
    paused_until: datetime | None = None,
) -> Template:
    """It has a status as of a time."""
    if at < known.status_at:
        return known
    status = APPROVED if status in _AS_APPROVED else status
    if status == known.status:
        until = (paused_until or known.paused_until) if status == PAUSED else None
        return replace(known, status_at=at, reason=reason or known.reason, paused_until=until)
    until = paused_until if status == PAUSED else None
    return replace(known, status=status, status_at=at, since=at, reason=reason, paused_until=until)


def with_category(known: Template, category: str, at: datetime) -> Template:
    """It is charged as something as of a time; nothing told says nothing."""
    if at < known.category_at or not category:
        return known
    return replace(known, category=category, category_at=at)


def with_quality(known: Template, quality: str, at: datetime) -> Template:
    """People think something of it as of a time; nothing told says nothing."""
    if at < known.quality_at or not quality:
        return known
    return replace(known, quality=quality, quality_at=at)
