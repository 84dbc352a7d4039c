"""When a conversation is open: the person has written, or called, within a day."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

WINDOW: Final = timedelta(hours=24)
"""Meta: opened and renewed by each message or call of the person's; outside only templates."""


def open_until(last_inbound_at: datetime | None) -> datetime | None:
    """Until when it can be answered freely; None if the person has never written."""
    return None if last_inbound_at is None else last_inbound_at + WINDOW


def is_open(last_inbound_at: datetime | None, now: datetime) -> bool:
    """Whether it can be answered freely at this moment."""
    until = open_until(last_inbound_at)
    return until is not None and now < until


class Shut(Enum):
    """Why nothing may be sent in a conversation."""

    OPTED_OUT = "opted_out"
    WINDOW = "window_closed"


def shut(*, is_open: bool, opted_out: bool, needs_template: bool) -> Shut | None:
    """Why a message may not be sent now; None if it may.

    Args:
        is_open: They are talking to us: then anything may, opted out or not.
        opted_out: They want no messages.
        needs_template: The provider lets only templates begin a conversation, and it is none.
    """
    if is_open:
        return None
    if opted_out:
        return Shut.OPTED_OUT
    return Shut.WINDOW if needs_template else None
