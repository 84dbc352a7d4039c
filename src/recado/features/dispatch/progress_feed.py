"""Telling the pages that a campaign moved, and how fast it goes lately.

Only for showing: lost in a flush and whole again a minute later.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.ids import CampaignId, WorkspaceId
from recado.platform import outages
from recado.platform.redis import key

CHANNEL = "recado:progress"
BUCKET_SECONDS = 10
BUCKETS = 6


async def publish(
    redis: "Redis",
    workspace_id: WorkspaceId,
    campaigns: Iterable[CampaignId],
    *,
    sent: Mapping[CampaignId, int] | None = None,
    now: datetime | None = None,
) -> None:
    """Say that these campaigns changed, and count what was sent just now."""
    try:
        async with redis.pipeline(transaction=False) as pipe:
            for campaign, count in (sent or {}).items():
                name = _rate_key(workspace_id, campaign)
                if now is not None and count:
                    pipe.hincrby(name, str(_bucket(now)), count)
                    pipe.expire(name, 3600)
            message = {"workspace_id": workspace_id, "campaign_ids": sorted(set(campaigns))}
            pipe.publish(CHANNEL, json.dumps(message))
            await pipe.execute()
    except (RedisError, OSError) as error:
        outages.REDIS.away(error)


async def per_minute(
    redis: "Redis",
    workspace_id: WorkspaceId,
    campaign: CampaignId,
    *,
    started_at: datetime,
    now: datetime,
) -> float:
    """Messages a minute over the last minute, or over its whole life if that is shorter."""
    try:
        counts = await redis.hgetall(_rate_key(workspace_id, campaign))
    except (RedisError, OSError):
        return 0.0
    newest = _bucket(now)
    recent = sum(int(n) for at, n in counts.items() if newest - int(at) < BUCKETS)
    seconds = (BUCKETS - 1) * BUCKET_SECONDS + now.timestamp() % BUCKET_SECONDS
    lived = max(1.0, (now - started_at).total_seconds())
    return round(recent * 60 / max(1.0, min(seconds, lived)), 1)


def _rate_key(workspace_id: WorkspaceId, campaign: CampaignId) -> str:
    return key(workspace_id, "campaign", campaign, "rate")


def _bucket(now: datetime) -> int:
    return int(now.timestamp()) // BUCKET_SECONDS
