"""Every grant of some channels on Redis' clock, gathered while it can be seen."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.ids import WorkspaceId
from recado.platform.redis import connect, key

SECOND_US = 1_000_000
POLL_SECONDS = 0.05
LONGEST = 3_600  # hours are not kept yet


class SendLog:
    """Looks at the limiter's windows again and again; they hold a second's grants."""

    def __init__(self, redis_url: str, workspace_id: WorkspaceId, channels: Iterable[int]) -> None:
        self._redis: Redis = connect(redis_url)
        self._workspace_id = workspace_id
        self._channels = list(channels)
        self._seen: Mapping[int, dict[str, float]] = defaultdict(dict)
        self._leases: dict[int, str | None] = {}
        self._task = asyncio.create_task(self._watch(), name="send log")

    async def close(self) -> None:
        """Look no more."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._redis.aclose()

    def times(self, channel: int) -> list[float]:
        """When each request of a channel was let go: seconds on Redis' clock, in their order."""
        return [at / SECOND_US for at in sorted(self._seen[channel].values())]

    def knows(self, width: float) -> bool:
        """Whether it can judge windows of so many seconds."""
        return width < LONGEST

    async def _watch(self) -> None:
        while True:
            for channel in self._channels:
                with suppress(RedisError, OSError):  # it is being restarted
                    await self._look(channel)
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, channel: int) -> None:
        base = (self._workspace_id, "channel", channel)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.time()
            pipe.get(key(*base, "lease"))
            pipe.zrange(key(*base, "window:1"), 0, -1, withscores=True)
            (seconds, microseconds), lease, found = await pipe.execute()
        now = seconds * SECOND_US + microseconds
        present = {str(member): float(at) for member, at in found}
        known = self._seen[channel]
        if lease is not None and lease == self._leases.get(channel):
            # Not flushed since the last look: what has vanished before its time was taken back,
            # as its request was never written.
            for member, at in list(known.items()):
                if at > now - SECOND_US and member not in present:
                    del known[member]
        known.update(present)
        self._leases[channel] = lease
