"""Live progress: one subscription a process, one reading a campaign, as many watchers as come."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.exceptions import RedisError

from recado.domain.ids import CampaignId, WorkspaceId
from recado.features.campaigns import progress
from recado.features.campaigns.schemas import Progress
from recado.features.dispatch.progress_feed import CHANNEL
from recado.features.inbox import feed
from recado.platform import clock, logging
from recado.platform.postgres import DATABASE_AWAY
from recado.platform.runtime import Runtime

log = logging.get(__name__)

SHORTEST_INTERVAL = 2.0  # seconds between two messages of a campaign
UNTOLD_INTERVAL = 10.0  # after so long without news a watched campaign is read all the same
TICK = 0.1
MOST_UNTOLD = 100  # conversations that a slow watcher of an inbox may be behind

_Watched = tuple[WorkspaceId, CampaignId]


class LiveHub:
    """Tells watchers how far campaigns are: at most every 2 s each, the last state always."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._watchers: dict[_Watched, set[asyncio.Queue[Progress]]] = defaultdict(set)
        self._moved: set[_Watched] = set()
        self._told_at: dict[_Watched, float] = {}
        self._inboxes: dict[WorkspaceId, set[asyncio.Queue[int]]] = defaultdict(set)

    @asynccontextmanager
    async def watch(
        self, workspace_id: WorkspaceId, campaign_id: CampaignId
    ) -> AsyncIterator[asyncio.Queue[Progress]]:
        """A queue that gets the state now and at every change, until the context is left.

        A slow watcher misses states in between, never the newest.
        """
        watched = (workspace_id, campaign_id)
        queue: asyncio.Queue[Progress] = asyncio.Queue(maxsize=1)
        first = await progress.of(self._runtime, workspace_id, campaign_id, clock.now())
        queue.put_nowait(first)
        self._watchers[watched].add(queue)
        self._moved.add(watched)
        try:
            yield queue
        finally:
            self._watchers[watched].discard(queue)
            if not self._watchers[watched]:
                del self._watchers[watched]
                self._told_at.pop(watched, None)

    @asynccontextmanager
    async def watch_inbox(self, workspace_id: WorkspaceId) -> AsyncIterator[asyncio.Queue[int]]:
        """A queue that gets the id of each conversation with news, until the context is left.

        A slow watcher misses the oldest.
        """
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=MOST_UNTOLD)
        self._inboxes[workspace_id].add(queue)
        try:
            yield queue
        finally:
            self._inboxes[workspace_id].discard(queue)
            if not self._inboxes[workspace_id]:
                del self._inboxes[workspace_id]

    async def run(self) -> None:
        """Listen and tell, for as long as the process lives."""
        await asyncio.gather(self._listen(), self._tell())

    async def _listen(self) -> None:
        while True:
            try:
                async with self._runtime.redis.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL, feed.CHANNEL)
                    self._moved.update(self._watchers)
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=5
                        )
                        if message is None:
                            continue
                        if message["channel"] == feed.CHANNEL:
                            self._pass_on(message["data"])
                        else:
                            self._note(message["data"])
            except (RedisError, OSError) as error:
                log.warning("live progress waits for Redis", error=str(error))
                await asyncio.sleep(1)

    def _pass_on(self, data: str) -> None:
        news = json.loads(data)
        for queue in self._inboxes.get(WorkspaceId(news["workspace_id"]), ()):
            for conversation in news["conversation_ids"]:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(conversation)

    def _note(self, data: str) -> None:
        news = json.loads(data)
        for campaign in news["campaign_ids"]:
            watched = (WorkspaceId(news["workspace_id"]), CampaignId(campaign))
            if watched in self._watchers:
                self._moved.add(watched)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            for watched in list(self._watchers):
                silent = now - self._told_at.get(watched, 0.0)
                if silent < SHORTEST_INTERVAL:
                    continue
                if watched in self._moved or silent > UNTOLD_INTERVAL:
                    self._moved.discard(watched)
                    self._told_at[watched] = now
                    with suppress(*DATABASE_AWAY):
                        await self._tell_one(watched)

    async def _tell_one(self, watched: _Watched) -> None:
        found = await progress.of_many(self._runtime, watched[0], [watched[1]], clock.now())
        for queue in self._watchers.get(watched, ()) if found else ():
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(found[0])
