"""How far campaigns are: from the run's counters, never by counting."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from recado.domain.errors import NotFound
from recado.domain.ids import CampaignId, WorkspaceId
from recado.features.campaigns import service
from recado.features.campaigns.schemas import Progress
from recado.features.dispatch import progress_feed
from recado.platform.runtime import Runtime

_STATES = ("pending", "sending", "failed", "unknown", "suppressed", "cancelled", "expired")


async def of(
    runtime: Runtime, workspace_id: WorkspaceId, campaign_id: CampaignId, now: datetime
) -> Progress:
    """One campaign's progress; raises NotFound."""
    found = await of_many(runtime, workspace_id, [campaign_id], now)
    if not found:
        raise NotFound("campaign")
    return found[0]


async def of_many(
    runtime: Runtime, workspace_id: WorkspaceId, campaigns: Sequence[CampaignId], now: datetime
) -> list[Progress]:
    """The progress of several campaigns in two round trips, those that do not exist left out."""
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await service.rows_of_progress(tx, campaigns)
    progress = []
    for row in rows:
        rate = 0.0
        if row["status"] == "running" and row["started_at"]:
            rate = await progress_feed.per_minute(
                runtime.redis,
                workspace_id,
                CampaignId(row["campaign_id"]),
                started_at=row["started_at"],
                now=now,
            )
        progress.append(from_counters(row, per_minute=rate, now=now))
    return progress


def from_counters(row: Mapping[str, Any], *, per_minute: float, now: datetime) -> Progress:
    """Turn exclusive counters into what people read: ``sent`` includes delivered and read."""
    if row["run_id"] is None:
        return Progress(
            campaign_id=row["campaign_id"],
            status=row["status"],
            paused_reason=row["paused_reason"],
        )
    read = row["read"]
    delivered = row["delivered"] + read
    sent = row["sent"] + delivered
    tried = sent + row["failed"] + row["unknown"]
    left = row["pending"] + row["sending"]
    return Progress(
        campaign_id=row["campaign_id"],
        status=row["status"],
        total=row["total"],
        sent=sent,
        delivered=delivered,
        read=read,
        **{state: row[state] for state in _STATES},
        per_minute=per_minute,
        success_rate=round(sent / tried, 4) if tried else None,
        eta=now + timedelta(minutes=left / per_minute) if left and per_minute else None,
        paused_reason=row["paused_reason"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
