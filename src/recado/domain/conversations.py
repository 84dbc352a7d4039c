"""When a conversation is open: the person has written, or called, within a day."""

from datetime import datetime, timedelta
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
