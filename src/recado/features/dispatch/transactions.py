"""Short transactions: who is frozen in the middle of one must not hold its rows for long.

A worker that is stopped, or whose machine has gone from the network, ends no transaction, and the
others wait for the rows that it has locked. PostgreSQL ends it for them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from recado.domain.ids import WorkspaceId
from recado.platform.postgres import DATABASE_AWAY, Database, Transaction

LONGEST_IDLE = "5s"  # between two statements: there is nothing else to be done in between
LONGEST_WAIT = "10s"  # for a row that somebody else holds; then it is said, and tried again

# What is raised while PostgreSQL is away, or by a transaction that it has ended: do the same again.
AWAY = (*DATABASE_AWAY, psycopg.errors.IdleInTransactionSessionTimeout)


@asynccontextmanager
async def short(db: Database, workspace_id: WorkspaceId) -> AsyncIterator[Transaction]:
    """A transaction inside one workspace that locks rows others wait for."""
    async with db.workspace(workspace_id) as tx:
        await _limit(tx)
        yield tx


@asynccontextmanager
async def short_system(db: Database) -> AsyncIterator[Transaction]:
    """The same across workspaces."""
    async with db.system() as tx:
        await _limit(tx)
        yield tx


async def _limit(tx: Transaction) -> None:
    await tx.run(
        "SELECT set_config('idle_in_transaction_session_timeout', %(idle)s, true),"
        " set_config('lock_timeout', %(wait)s, true)",
        idle=LONGEST_IDLE,
        wait=LONGEST_WAIT,
    )
