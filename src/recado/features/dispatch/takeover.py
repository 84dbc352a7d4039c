"""Settling what an earlier driver of a channel left claimed when it died or lost its lease."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ChannelId, DeliveryId, Reference, WorkspaceId
from recado.domain.retry import ErrorClass
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.records import Result
from recado.platform.postgres import Database
from recado.providers.base import ProviderFault


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """An attempt on record whose driver is gone."""

    reference: Reference
    lease: str


async def left_behind(
    db: Database, *, workspace_id: WorkspaceId, channel_id: ChannelId, lease: str
) -> list[LeftBehind]:
    """Attempts of the channel that were claimed under another lease and never settled."""
    async with db.workspace(workspace_id) as tx:
        rows = await tx.all(
            SQL["left_behind"], workspace_id=workspace_id, channel_id=channel_id, lease=lease
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
