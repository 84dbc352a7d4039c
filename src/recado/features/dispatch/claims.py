"""Claiming: ``pending → sending`` with the attempt on record, and giving back what never left."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recado.domain.ids import ChannelId, ContactId, DeliveryId, Reference, RunId, WorkspaceId
from recado.domain.rendering import values_of
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.transactions import short
from recado.platform import clock
from recado.platform.postgres import Database


@dataclass(frozen=True, slots=True)
class Claim:
    """One part that is ours to send, with all that its text needs.

    ``closed``: its contact has gone or has opted out, so it must be given back unsent. ``answers``:
    its contact has written to this channel within 24 hours, Meta's customer service window.
    ``parts``: how many there were at the last try; ``part_text`` and ``following``: what this part
    and the one after it say, if the message has several and that is on record. ``recent``: when it
    was tried in the last five minutes; ``unsure``: an earlier try may have arrived.
    """

    reference: Reference
    run_id: RunId
    contact_id: ContactId | None
    phone: str
    attempts: int
    own_text: str | None
    values: Mapping[str, str | None]
    closed: bool
    timezone: str | None = None
    answers: bool = False
    claimed_at: float = 0.0  # on the monotonic clock
    parts: int = 1
    part_text: str | None = None
    following: str | None = None
    recent: Sequence[datetime] = ()
    unsure: bool = False


async def claim(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    runs: Mapping[RunId, int],
    lease: str,
    most: int,
) -> list[Claim]:
    """Take up to ``most`` due deliveries of these runs, one of each in turn, in this order.

    Those that any channel may send, and those bound to this one; of each run at most its number.
    """
    first_lane = random.randrange(2)  # noqa: S311 - no secret; where one is taken at a time
    async with short(db, workspace_id) as tx:
        rows = await tx.all(
            SQL["claim"],
            workspace_id=workspace_id,
            channel_id=channel_id,
            runs=list(runs),
            of_each=list(runs.values()),
            most=most,
            first_lane=first_lane,
            lease=lease,
            now=clock.now(),
        )
    return [_claim(row) for row in rows]


async def keep_parts(
    db: Database, *, workspace_id: WorkspaceId, messages: Mapping[Reference, Sequence[str]]
) -> None:
    """Put on record what all parts of some claimed messages say, before the first one leaves."""
    if not messages:
        return
    rows = [
        (reference, position, text)
        for reference, texts in messages.items()
        for position, text in enumerate(texts, 1)
    ]
    async with short(db, workspace_id) as tx:
        await tx.run(
            SQL["keep_parts"],
            workspace_id=workspace_id,
            deliveries=[reference.delivery_id for reference, _, _ in rows],
            numbers=[reference.attempt for reference, _, _ in rows],
            positions=[position for _, position, _ in rows],
            texts=[text for _, _, text in rows],
        )


async def release(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    references: Sequence[Reference],
    due: Sequence[datetime | None] | None = None,
) -> None:
    """Give back claims that provably never left; no attempt is counted.

    ``due``: when each may be claimed again; None as before.
    """
    if not references:
        return
    async with short(db, workspace_id) as tx:
        await tx.run(
            SQL["release"],
            workspace_id=workspace_id,
            deliveries=[r.delivery_id for r in references],
            numbers=[r.attempt for r in references],
            due=list(due) if due is not None else [None] * len(references),
        )


def _claim(row: Mapping[str, Any]) -> Claim:
    contact = row["contact_id"]
    return Claim(
        reference=Reference(DeliveryId(row["id"]), row["part"], row["attempt"]),
        run_id=RunId(row["run_id"]),
        contact_id=None if contact is None else ContactId(contact),
        phone=row["phone"],
        attempts=row["attempts"],
        own_text=row["text"],
        values=values_of(
            name=row["name"],
            phone=row["phone"],
            email=row["email"],
            condominio=row["condominio"],
            endereco=row["endereco"],
            cargo=row["cargo"],
            custom=row["custom"],
        ),
        closed=row["closed"],
        parts=row["parts"],
        part_text=row["part_text"],
        following=row["following"],
        answers=row["answers"],
        timezone=row["timezone"],
        claimed_at=time.monotonic(),
        recent=row["recent"] or (),
        unsure=row["unsure"],
    )
