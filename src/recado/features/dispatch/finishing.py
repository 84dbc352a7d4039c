"""Completing runs, once all of the audience is written down and settled; and opening them again."""

from collections.abc import Sequence

from recado.domain.ids import CampaignId, RunId
from recado.domain.runs import RunState
from recado.features.dispatch.leases import SQL
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.platform.postgres import Transaction


async def finish_runs(tx: Transaction, runs: Sequence[RunId]) -> list[CampaignId]:
    """Complete those of the runs that are done, and say which campaigns that ended."""
    if not runs:
        return []
    rows = await tx.all(SQL["finish_runs"], workspace_id=tx.workspace_id, runs=list(runs))
    for row in rows:
        if row["status"] == RunState.COMPLETED:  # not one that waits for its next run
            await notify(tx, Kind.CAMPAIGN_COMPLETED, campaign_id=CampaignId(row["campaign_id"]))
    return [CampaignId(row["campaign_id"]) for row in rows]


async def reopen_runs(tx: Transaction, runs: Sequence[RunId]) -> list[CampaignId]:
    """Let runs that had ended go on, where something waits in them again."""
    if not runs:
        return []
    rows = await tx.all(SQL["reopen"], workspace_id=tx.workspace_id, runs=list(runs))
    return [CampaignId(row["campaign_id"]) for row in rows]
