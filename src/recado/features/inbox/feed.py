"""Telling the pages that there is news in a conversation; only for showing."""

import json
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.ids import WorkspaceId
from recado.platform import outages

CHANNEL = "recado:inbox"


async def publish(redis: "Redis", workspace_id: WorkspaceId, conversations: Iterable[int]) -> None:
    """Say that these conversations changed."""
    ids = sorted(set(conversations))
    if not ids:
        return
    try:
        message = {"workspace_id": workspace_id, "conversation_ids": ids}
        await redis.publish(CHANNEL, json.dumps(message))
    except (RedisError, OSError) as error:
        outages.REDIS.away(error)
