"""How many requests a caller of the API may make: so many in any minute, whichever process answers.

Of a library for this (such as ``limits``) little would be used: one that keeps connections of its
own beside ours, and goes by the clock of each web process instead of the one they share, Redis'.
"""

import asyncio
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.errors import TooManyRequests
from recado.domain.ids import WorkspaceId
from recado.platform import logging
from recado.platform.redis import key, script

log = logging.get(__name__)

WINDOW_SECONDS: Final = 60
PATIENCE: Final = 0.5  # seconds that a request waits for Redis on this account


class Quota:
    """The limit of every caller; 0 is none."""

    def __init__(self, redis: "Redis", per_minute: int) -> None:
        self._limit = per_minute
        self._count = script(redis, __package__ or "", "quota.lua")

    async def count(self, workspace_id: WorkspaceId, caller: str) -> None:
        """Count one request; one that is refused does not count.

        With Redis away everybody passes: this limit protects from a program that has gone wild, not
        from anything that must never happen, and the API is where a person looks and pauses while a
        server is away. What must not be exceeded, the sending, stands still by itself.

        Raises:
            TooManyRequests: There have been as many within the last minute.
        """
        if not self._limit:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                wait: int = await self._count(
                    keys=[quota_key(workspace_id, caller)], args=[self._limit, WINDOW_SECONDS]
                )
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("request not counted", error=str(error))
            return
        if wait:
            raise TooManyRequests(retry_after=wait)


def quota_key(workspace_id: WorkspaceId, caller: str) -> str:
    """Where the requests of a caller are counted."""
    return key(workspace_id, "api", caller)
