"""Listing dead letters, and what a person does with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recado.domain import campaign_settings
from recado.domain.errors import NotFound
from recado.domain.ids import CampaignId, DeliveryId, RunId, WorkspaceId
from recado.features.dispatch import leases, progress_feed
from recado.features.dispatch.finishing import reopen_runs
from recado.features.settings import service as settings
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.platform.sql import load

SQL = load(__package__ or "")
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters."""

    campaign_id: CampaignId | None = None
    code: str | None = None


async def page(
    tx: Transaction,
    wanted: Filter,
    *,
    before: int | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Dead letters, the newest first, with their last answer.

    An unknown one is listed after the workspace's grace: a callback may still tell of it.
    """
    grace = campaign_settings.shown(await settings.saved(tx))["unknownGraceMinutes"]
    return await tx.all(
        SQL["page"],
        workspace_id=tx.workspace_id,
        campaign_id=wanted.campaign_id,
        code=wanted.code,
        before=before,
        most=limit,
        grace=timedelta(minutes=grace),
    )


async def history(tx: Transaction, delivery_id: DeliveryId) -> list[dict[str, Any]]:
    """Every attempt of a delivery; raises NotFound."""
    rows = await tx.all(SQL["history"], workspace_id=tx.workspace_id, delivery_id=delivery_id)
    if not rows:
        raise NotFound("delivery")
    return rows


async def retry(
    runtime: Runtime, workspace_id: WorkspaceId, ids: Sequence[DeliveryId], now: datetime
) -> int:
    """Send them again, as a person decided; returns how many wait now.

    Two transactions, as deliveries are locked before runs and campaigns before both: what a crash
    leaves between them, a run that has ended with deliveries waiting, is found by the sweeper.
    """
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(SQL["retry"], workspace_id=workspace_id, ids=[int(i) for i in ids])
    runs = sorted({RunId(row["run_id"]) for row in rows})
    if runs:
        await _reopen(runtime, workspace_id, runs, now)
    return len(rows)


async def _reopen(
    runtime: Runtime, workspace_id: WorkspaceId, runs: Sequence[RunId], now: datetime
) -> None:
    async with runtime.db.workspace(workspace_id) as tx:
        reopened = await reopen_runs(tx, runs)
        for run_id in runs:
            await leases.wake_run(tx, run_id, now)
    await progress_feed.publish(runtime.redis, workspace_id, reopened)


async def discard(tx: Transaction, ids: Sequence[DeliveryId]) -> int:
    """Put them away; they stay failed or unknown in the report."""
    return await tx.run(SQL["discard"], workspace_id=tx.workspace_id, ids=[int(i) for i in ids])


async def ids_of(tx: Transaction, wanted: Filter) -> list[DeliveryId]:
    """Every dead letter of a filter."""
    found: list[DeliveryId] = []
    before: int | None = None
    while True:
        rows = await page(tx, wanted, before=before, limit=AT_ONCE)
        found += [DeliveryId(row["id"]) for row in rows]
        if len(rows) < AT_ONCE:
            return found
        before = rows[-1]["id"]
