"""Deleting campaigns: out of sight at once, out of the database once no limit needs them.

What has left counts against the limits of a day, whatever becomes of its campaign, and its attempts
are what those limits are filled from after a flush.
"""

from datetime import datetime, timedelta
from typing import Final

from recado.domain.errors import Conflict
from recado.domain.ids import CampaignId, WorkspaceId
from recado.domain.runs import SETTLED, RunState
from recado.features.campaigns import service
from recado.platform.postgres import Database, Transaction

DELETABLE: Final = frozenset({RunState.DRAFT}) | SETTLED
KEPT: Final = timedelta(hours=25)  # the longest limit's day, and an hour for what was under way
BATCH: Final = 5_000
MOST_BATCHES: Final = 20  # at a time


class CampaignActive(Conflict):
    code = "campaign_active"
    sentence = "In the state '{state}' a campaign cannot be deleted. Cancel it first."


async def delete(tx: Transaction, campaign_id: CampaignId, now: datetime) -> None:
    """Take a campaign out for good, with its runs and all that was noted about them.

    Raises:
        NotFound: No such campaign.
        CampaignActive: It is neither a draft nor over.
    """
    campaign = await service.locked(tx, campaign_id)
    if campaign.status not in DELETABLE or await service.unfinished_runs(tx, campaign_id):
        raise CampaignActive(state=campaign.status)
    campaign.deleted_at, campaign.updated_at = now, now
    await tx.session.flush()


async def purge(db: Database, now: datetime) -> None:
    """Remove what was deleted long enough ago; what is too much for once, later."""
    async with db.system() as tx:
        rows = await tx.all(service.SQL["deleted"], before=now - KEPT)
    batches = 0
    for row in rows:
        names = {"workspace_id": row["workspace_id"], "campaign_id": row["campaign_id"]}
        removed = BATCH
        while removed == BATCH:
            batches += 1
            if batches > MOST_BATCHES:
                return
            # Deliveries before their run, as everybody locks them.
            async with db.workspace(WorkspaceId(row["workspace_id"])) as tx:
                removed = await tx.run(service.SQL["delete_deliveries"], most=BATCH, **names)
        async with db.workspace(WorkspaceId(row["workspace_id"])) as tx:
            await tx.run(service.SQL["delete_campaign"], **names)
