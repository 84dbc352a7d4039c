"""Settling what an earlier driver of a channel left claimed when it died or lost its lease."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ChannelId, DeliveryId, Reference, WorkspaceId
from recado.domain.retry import ErrorClass
from recado.features.dispatch.records import Result
from recado.platform.postgres import Database
from recado.platform.sql import load
from recado.providers.base import ProviderFault

SQL = load(__package__ or "", "takeover.sql")


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """An attempt on record whose driver is gone."""

    reference: Reference
    lease: str


async def left_behind(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    lease: str,
    in_flight: Collection[str],
    claimed_since: datetime | None,
) -> list[LeftBehind]:
    """Attempts of the channel that were claimed under another lease and never settled.

    A callback may have settled their deliveries already; what the requests have used of the limits
    is on record only with the attempts.

    Args:
        db: The database of all of it.
        workspace_id: The channel's workspace.
        channel_id: The channel that was taken.
        lease: The one that it was taken under.
        in_flight: What Redis knows to have been let pass under earlier ones.
        claimed_since: Where Redis has forgotten it: since when to look among all claims.
    """
    known = [found for text in sorted(in_flight) if (found := Reference.parse(text)) is not None]
    async with db.workspace(workspace_id) as tx:
        rows = await tx.all(
            SQL["left_behind"],
            workspace_id=workspace_id,
            channel_id=channel_id,
            lease=lease,
            deliveries=[reference.delivery_id for reference in known],
            parts=[reference.part for reference in known],
            numbers=[reference.attempt for reference in known],
            claimed_since=claimed_since,
        )
    return [
        LeftBehind(
            Reference(DeliveryId(row["delivery_id"]), row["part"], row["number"]), row["lease"]
        )
        for row in rows
    ]


def judge(
    attempts: Collection[LeftBehind], revoked: Mapping[str, Collection[str]]
) -> tuple[list[Reference], list[Reference]]:
    """Which of them never left, and which may have.

    Args:
        attempts: Claimed under leases that nobody can reserve under any more.
        revoked: Leases under which Redis has seen every reservation → what was in flight when they
            were revoked. Of any other lease nobody can tell.
    """
    never_left: list[Reference] = []
    may_have_left: list[Reference] = []
    for attempt in attempts:
        in_flight = revoked.get(attempt.lease)
        certain = in_flight is not None and str(attempt.reference) not in in_flight
        (never_left if certain else may_have_left).append(attempt.reference)
    return never_left, may_have_left


def lost(reference: Reference) -> Result:
    """The result of an attempt that may have left: a callback will tell, or no one."""
    fault = ProviderFault("lease_lost", ErrorClass.NETWORK_UNSURE, "Its worker ended meanwhile.")
    return Result(
        reference=reference,
        contact_id=None,
        run_id=None,
        result="unknown",
        status=DeliveryState.UNKNOWN,
        fault=fault,
    )
