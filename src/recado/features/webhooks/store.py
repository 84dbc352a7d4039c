"""Making callbacks durable: what arrives while a commit is under way shares the next one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.webhooks.routes import SQL
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

LARGEST_BATCH = 500
# A commit costs as much for one as for fifty: while callbacks keep coming, the next ones are waited
# for a moment. The first after a silence waits for nobody.
ENOUGH = 50
LINGER = 0.02  # seconds; Meta wants half of its calls answered within 250 ms
SLOWEST_WRITE = timedelta(seconds=8)  # then PostgreSQL gives up, before the caller does


@dataclass(slots=True)
class Received:
    """One callback of one channel, and who waits for it to be durable."""

    workspace_id: WorkspaceId
    channel_id: ChannelId
    body: bytes
    durable: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Store:
    """Writes received callbacks in batches; nothing is answered before its commit."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: dict[int, Received] = {}  # by identity, in the order in which they came
        self._writer: asyncio.Task[None] | None = None

    async def keep(self, received: Sequence[Received]) -> None:
        """Return once all of them are durable; raises what PostgreSQL raises.

        Of a caller who is cancelled, nothing is written that has not begun to be.
        """
        self._waiting.update((id(one), one) for one in received)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="callback store")
        try:
            await asyncio.gather(*(one.durable for one in received))
        finally:
            for one in received:
                self._waiting.pop(id(one), None)

    async def _write(self) -> None:
        while self._waiting:
            batch = [self._waiting.pop(key) for key in [*islice(self._waiting, LARGEST_BATCH)]]
            try:
                await self._insert(batch)
            except Exception as error:  # noqa: BLE001 - handed to those who wait
                for one in batch:
                    if not one.durable.done():
                        one.durable.set_exception(error)
            else:
                for one in batch:
                    if not one.durable.done():
                        one.durable.set_result(None)
            if len(self._waiting) < ENOUGH:
                await asyncio.sleep(LINGER)

    async def _insert(self, batch: Sequence[Received]) -> None:
        async with self._runtime.db.system() as tx:
            await self.write(tx, batch)

    async def write(self, tx: Transaction, batch: Sequence[Received]) -> None:
        """One statement for all, as routing callbacks crosses workspaces; then their jobs."""
        workspaces = sorted({one.workspace_id for one in batch})
        await tx.run(SQL["patience"], at_most=str(SLOWEST_WRITE // timedelta(milliseconds=1)))
        await tx.run(SQL["storing"], workspaces=workspaces)
        await tx.run(
            SQL["store"],
            workspaces=[one.workspace_id for one in batch],
            channels=[one.channel_id for one in batch],
            bodies=[one.body for one in batch],
        )
        for workspace_id in workspaces:
            await defer_applying(self._runtime, tx, workspace_id)


async def defer_applying(runtime: Runtime, tx: Transaction, workspace_id: WorkspaceId) -> None:
    """Have a workspace's callbacks applied."""
    await runtime.queue.defer(
        tx,
        "webhooks:apply",
        # No lock beside it: one held by a worker that died would keep all callbacks waiting until
        # it is missed. Jobs side by side take different callbacks.
        once=f"callbacks {workspace_id}",
        workspace_id=workspace_id,
    )


async def apply_again(
    runtime: Runtime, tx: Transaction, workspace_id: WorkspaceId, at: datetime
) -> None:
    """Have a workspace's callbacks applied at a later time: one job for each second."""
    await runtime.queue.defer(
        tx,
        "webhooks:apply",
        at=at,
        once=f"callbacks {workspace_id} {int(at.timestamp())}",
        workspace_id=workspace_id,
    )
