"""Deliveries that wait for a channel which has dropped out: set free for the campaign's others."""

from typing import Final

from recado.domain.ids import RunId, WorkspaceId
from recado.features.dispatch import leases
from recado.features.dispatch.transactions import short
from recado.platform import clock, logging
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime
from recado.platform.sql import load

log = logging.get(__name__)

SQL = load(__package__ or "", "failover.sql")
AT_ONCE: Final = 5_000


async def set_free(runtime: Runtime, workspace_id: WorkspaceId | None = None) -> int:
    """Let other channels step in, in one workspace or in all; says for how many deliveries."""
    async with runtime.db.system() as tx:
        rows = await tx.all(SQL["dropped_out"], workspace_id=workspace_id)
    return sum([await _set_free(runtime, row) for row in rows])


async def defer(runtime: Runtime, tx: Transaction) -> None:
    """Have this done soon in a workspace one of whose channels has dropped out."""
    await runtime.queue.defer(
        tx,
        "dispatch:fail_over",
        once=f"fail over {tx.workspace_id}",
        workspace_id=tx.workspace_id,
    )


async def _set_free(runtime: Runtime, row: Row) -> int:
    """All of one run that wait for one channel, so many at a time."""
    freed = 0
    while True:
        async with short(runtime.db, WorkspaceId(row["workspace_id"])) as tx:
            some = await tx.run(SQL["set_free"], **row, most=AT_ONCE)
            if some:
                await leases.wake_run(tx, RunId(row["run_id"]), clock.now())
        freed += some
        if some < AT_ONCE:
            break
    if freed:
        log.info("other channels step in", run=row["run_id"], instead_of=row["channel_id"], n=freed)
    return freed
