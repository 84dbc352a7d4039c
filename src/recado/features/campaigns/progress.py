"""How far campaigns are: from the run's counters, never by counting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recado.domain.errors import NotFound
from recado.domain.ids import CampaignId, WorkspaceId
from recado.features.campaigns import outlook, service
from recado.features.campaigns.outlook import Outlook
from recado.features.campaigns.schemas import Progress
from recado.features.dispatch import hours, progress_feed
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
    """The progress of several campaigns, those that do not exist left out.

    However many they are: one statement, and five more where some of them are on their way.
    """
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await service.rows_of_progress(tx, campaigns)
        moving = [CampaignId(row["campaign_id"]) for row in rows if _moving(row)]
        outlooks = await outlook.of(tx, moving, now) if moving else {}
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
        ahead = outlooks.get(CampaignId(row["campaign_id"]))
        eta = _eta(row, ahead, per_minute=rate, now=now) if ahead else None
        waiting = _waiting_until(row, ahead, now) if ahead else None
        progress.append(from_counters(row, per_minute=rate, eta=eta, waiting_until=waiting))
    return progress


def _moving(row: Mapping[str, Any]) -> bool:
    return bool(row["status"] == "running" and row["run_id"] and row["pending"] + row["sending"])


def _eta(
    row: Mapping[str, Any], ahead: Outlook, *, per_minute: float, now: datetime
) -> datetime | None:
    """By the forecast, which knows of windows, caps and whatever else the last minute does not.

    What was measured takes the place of what the forecast can only guess, how long the provider and
    we ourselves take for a message; where a limit is slower than that, the limit makes the pace.
    """
    left = row["pending"] + row["sending"]
    plan = _Plan(row["content"], row["schedule"], row["pacing"], row["fail_over"])
    return ahead.forecast(left, plan, now, per_minute=per_minute).ends_at


@dataclass(frozen=True, slots=True)
class _Plan:
    content: Mapping[str, Any]
    schedule: Mapping[str, Any]
    pacing: Mapping[str, Any]
    fail_over: bool


def _waiting_until(row: Mapping[str, Any], ahead: Outlook, now: datetime) -> datetime | None:
    return hours.of_run(row["schedule"], str(ahead.tz), now).waits_until(row["due_at"], now)


def from_counters(
    row: Mapping[str, Any],
    *,
    per_minute: float,
    eta: datetime | None,
    waiting_until: datetime | None = None,
) -> Progress:
    """Turn exclusive counters into what people read: ``sent`` includes delivered and read."""
    if row["run_id"] is None:
        return Progress(
            campaign_id=row["campaign_id"],
            status=row["status"],
            paused_reason=row["paused_reason"],
            paused_until=row["paused_until"],
        )
    read = row["read"]
    delivered = row["delivered"] + read
    sent = row["sent"] + delivered
    tried = sent + row["failed"] + row["unknown"]
    return Progress(
        campaign_id=row["campaign_id"],
        status=row["status"],
        total=row["total"],
        sent=sent,
        delivered=delivered,
        read=read,
        held=row["held"],
        **{state: row[state] for state in _STATES},
        per_minute=per_minute,
        success_rate=round(sent / tried, 4) if tried else None,
        eta=eta,
        waiting_until=waiting_until,
        paused_reason=row["paused_reason"],
        paused_until=row["paused_until"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
