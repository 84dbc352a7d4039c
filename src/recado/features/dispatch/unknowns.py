"""Outcomes that nobody knows: what is sent again by the workspace's choice, and what is not.

A callback with our reference heals an unknown outcome at any time. So nothing is ever sent again at
once: only after the grace, by a job, and only where the workspace chose so. What a callback heals
while it waits again is pending no longer and is not claimed; what is claimed already is looked at
once more before it may leave.
"""

import random
from collections.abc import Sequence
from datetime import timedelta

from recado.domain import campaign_settings, retry
from recado.domain.ids import DeliveryId, Reference, RunId, WorkspaceId
from recado.domain.retry import MOST_UNSURE_ATTEMPTS, ErrorClass
from recado.features.dispatch import leases, progress_feed
from recado.features.dispatch.finishing import reopen_runs
from recado.features.dispatch.transactions import short
from recado.features.settings import service as settings
from recado.platform import clock, logging
from recado.platform.postgres import Database, Row, Transaction
from recado.platform.runtime import Runtime
from recado.platform.sql import load

log = logging.get(__name__)

SQL = load(__package__ or "", "unknowns.sql")
BATCH = 500


async def resend_unknown(runtime: Runtime) -> int:
    """Put back what is overdue in all workspaces that chose so; returns how many there were."""
    async with runtime.db.system() as tx:
        rows = await tx.all(SQL["choosing"])
    count = 0
    for row in rows:
        workspace_id = WorkspaceId(row["workspace_id"])
        while put_back := await _put_back_some(runtime, workspace_id):
            count += put_back
            if put_back < BATCH:
                break
    return count


async def _put_back_some(runtime: Runtime, workspace_id: WorkspaceId) -> int:
    """Two transactions, as deliveries are locked before runs and campaigns before both.

    What a crash leaves between them, a run that has ended with deliveries waiting, is found by the
    sweeper.
    """
    async with short(runtime.db, workspace_id) as tx:
        grace = campaign_settings.shown(await settings.saved(tx))["unknownGraceMinutes"]
        rows = await tx.all(
            SQL["overdue"],
            workspace_id=workspace_id,
            grace=timedelta(minutes=grace),
            window=retry.WINDOW,
            most_attempts=MOST_UNSURE_ATTEMPTS,
            most=BATCH,
        )
        runs = await _put_back(tx, rows)
    if not runs:
        return 0
    now = clock.now()
    async with short(runtime.db, workspace_id) as tx:
        reopened = await reopen_runs(tx, runs)
        for run_id in runs:
            await leases.wake_run(tx, run_id, now)
    await progress_feed.publish(runtime.redis, workspace_id, reopened)
    log.info("unknown outcomes sent again", workspace=workspace_id, deliveries=len(rows))
    return len(rows)


async def _put_back(tx: Transaction, rows: Sequence[Row]) -> list[RunId]:
    """Put those back that may have another try; returns their runs."""
    chosen = [(row, decision) for row in rows if (decision := _decide(row)).due_at is not None]
    if chosen:
        await tx.run(
            SQL["put_back"],
            workspace_id=tx.workspace_id,
            ids=[row["id"] for row, _ in chosen],
            due=[decision.due_at for _, decision in chosen],
        )
    return sorted({RunId(row["run_id"]) for row, _ in chosen})


def _decide(row: Row) -> retry.Decision:
    try:
        error_class = ErrorClass(row["error_class"])
    except ValueError:
        error_class = ErrorClass.NETWORK_UNSURE
    return retry.decide(
        error_class if retry.RULES[error_class].maybe_sent else ErrorClass.NETWORK_UNSURE,
        attempts=max(1, row["attempts"]),
        now=clock.now(),
        jitter=random.random(),  # noqa: S311 - jitter is no secret
        recent=row["recent"],
        resend_unsure=True,
    )


class Unsure:
    """Messages of a workspace that are tried again though an earlier try may have arrived."""

    def __init__(self, db: Database, workspace_id: WorkspaceId) -> None:
        self._db = db
        self._workspace_id = workspace_id

    async def withdraw(self, claims: Sequence[Reference]) -> set[Reference]:
        """Take those back whose earlier try turned out to have arrived; they must not leave."""
        if not claims:
            return set()
        async with short(self._db, self._workspace_id) as tx:
            rows = await tx.all(
                SQL["withdraw"],
                workspace_id=self._workspace_id,
                deliveries=[r.delivery_id for r in claims],
                parts=[r.part for r in claims],
                numbers=[r.attempt for r in claims],
            )
        return {Reference(DeliveryId(r["delivery_id"]), r["part"], r["number"]) for r in rows}
