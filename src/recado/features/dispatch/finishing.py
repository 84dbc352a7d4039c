"""Completing runs: all of the audience is written down and nothing is unsettled."""

from collections.abc import Sequence

from recado.domain.ids import CampaignId, RunId
from recado.features.dispatch.leases import SQL
from recado.platform.postgres import Transaction


async def finish_runs(tx: Transaction, runs: Sequence[RunId]) -> list[CampaignId]:
    """Complete those of the runs that are done, and say which campaigns that ended."""
    if not runs:
        return []
    rows = await tx.all(SQL["finish_runs"], workspace_id=tx.workspace_id, runs=list(runs))
    return [CampaignId(row["campaign_id"]) for row in rows]
