"""Sorting what stored callbacks say by who is to hear of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recado.domain.ids import ChannelId
from recado.platform import logging, metrics
from recado.providers.events import (
    CallbackEvent,
    EchoEvent,
    FromPerson,
    OtherEvent,
    StatusEvent,
)
from recado.providers.plain import plain
from recado.providers.registry import provider as provider_named

log = logging.get(__name__)

# A provider's word → our state. Meta: "played" is said of voice messages that were heard.
STATUSES: Mapping[str, str] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What some callbacks say, each event with the channel that it came through.

    Attributes:
        reports: States of messages, in words of `STATUSES`.
        reported_by: For each of them the id of the callback.
        people: Somebody wrote, called, reacted, or typed on our own phone.
        news: What concerns numbers, accounts, templates and connections.
        errors: For each callback what made it unreadable, or None.
    """

    reports: list[tuple[ChannelId, StatusEvent]] = field(default_factory=list)
    reported_by: list[int] = field(default_factory=list)
    people: list[tuple[ChannelId, CallbackEvent]] = field(default_factory=list)
    news: list[tuple[ChannelId, CallbackEvent]] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)

    def pieces(self) -> list["Batch"]:
        """Each event by itself."""
        return [
            *(Batch(reports=[report]) for report in self.reports),
            *(Batch(people=[one]) for one in self.people),
            *(Batch(news=[one]) for one in self.news),
        ]


def sort(rows: Sequence[Mapping[str, Any]]) -> Batch:
    """Read stored callbacks; what nobody knows is counted and left."""
    batch = Batch()
    for row in rows:
        try:
            events = provider_named(row["provider"]).parse(row["body"], arrived=row["received_at"])
        except ValueError as error:
            log.warning("callback unreadable", callback=row["id"], error=str(error))
            metrics.UNAPPLIED.labels(row["provider"]).inc()
            batch.errors.append(plain(error))
            continue
        batch.errors.append(None)
        for event in events:
            metrics.EVENTS.labels(row["provider"], type(event).__name__).inc()
            _put(batch, ChannelId(row["channel_id"]), event)
        batch.reported_by.extend([row["id"]] * (len(batch.reports) - len(batch.reported_by)))
    return batch


def _put(batch: Batch, channel: ChannelId, event: CallbackEvent) -> None:
    if isinstance(event, StatusEvent):
        if event.status in STATUSES:
            batch.reports.append((channel, event))
    elif isinstance(event, FromPerson | EchoEvent):
        batch.people.append((channel, event))
        if isinstance(event, EchoEvent) and event.reference:
            batch.reports.append((channel, _left(event)))
    elif not isinstance(event, OtherEvent):
        batch.news.append((channel, event))


def _left(echo: EchoEvent) -> StatusEvent:
    """That a message of ours is echoed shows that it has left."""
    return StatusEvent(
        provider_id=echo.provider_id,
        status="sent",
        reference=echo.reference,
        external_id=echo.external_id,
        at=echo.at,
    )
