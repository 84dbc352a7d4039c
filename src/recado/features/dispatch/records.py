"""Recording outcomes: one statement a batch for attempts, parts, deliveries, counters, usage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ChannelId, ContactId, Reference, RunId, WorkspaceId
from recado.domain.retry import Decision
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.transactions import short
from recado.platform.postgres import Database
from recado.providers.base import ProviderFault


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt, and what its delivery is from now on.

    ``left``: a request may have reached the provider, and so counts against the channel's caps;
    ``left_at`` is when it was let pass, by Redis' clock, where that is known.
    ``held``: it was accepted, and the provider keeps it back for now.
    ``due_at``: when the part after an accepted one may leave; ``last_part``: there is none.
    """

    reference: Reference
    contact_id: ContactId | None
    run_id: RunId | None
    result: Literal["accepted", "refused", "unknown"]
    status: DeliveryState
    provider_id: str | None = None
    wa_id: str | None = None
    held: bool = False
    fault: ProviderFault | None = None
    decision: Decision | None = None
    last_part: bool = True
    due_at: datetime | None = None
    left: bool = True
    left_at: datetime | None = None


async def record(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    results: Sequence[Result],
) -> None:
    """Write a batch of outcomes; written twice, it changes nothing."""
    async with short(db, workspace_id) as tx:
        await tx.run(
            SQL["record"],
            workspace_id=workspace_id,
            channel_id=channel_id,
            deliveries=[r.reference.delivery_id for r in results],
            parts=[r.reference.part for r in results],
            numbers=[r.reference.attempt for r in results],
            results=[r.result for r in results],
            statuses=[r.status.value for r in results],
            provider_ids=[r.provider_id for r in results],
            codes=[r.fault.code if r.fault else None for r in results],
            classes=[r.fault.error_class.value if r.fault else None for r in results],
            details=[r.fault.detail if r.fault else None for r in results],
            due=[r.decision.due_at if r.decision else r.due_at for r in results],
            counted=[r.decision.counts if r.decision else True for r in results],
            left=[r.left for r in results],
            held=[r.held for r in results],
            left_at=[r.left_at for r in results],
            contacts=[r.contact_id for r in results],
            wa_ids=[r.wa_id for r in results],
        )
