"""The sweeper: what a lost notification, a crash or a flush may have left lying is found here."""

from datetime import datetime, timedelta

from procrastinate.blueprints import Blueprint

from recado.domain.ids import CampaignId, RunId, WorkspaceId
from recado.domain.runs import RunState
from recado.domain.schedules import Verdict
from recado.features.dispatch import failover, hours, leases, progress_feed
from recado.features.dispatch.finishing import finish_runs, reopen_runs
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.transactions import short
from recado.features.dispatch.unknowns import resend_unknown
from recado.platform import clock, logging
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime

log = logging.get(__name__)

IDLE_AFTER = timedelta(seconds=30)


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``dispatch:…``."""
    tasks = Blueprint()

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="sweep", queue="campaign-scheduler", queueing_lock="sweep")
    async def sweep(timestamp: int) -> None:
        del timestamp
        await sweep_runs(runtime)
        await failover.set_free(runtime)

    @tasks.task(name="fail_over", queue="campaign-scheduler")
    async def fail_over(*, workspace_id: int) -> None:
        await failover.set_free(runtime, WorkspaceId(workspace_id))

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="resend_unknown", queue="message-retry", queueing_lock="resend unknown")
    async def resend(timestamp: int) -> None:
        del timestamp
        await resend_unknown(runtime)

    return tasks


async def sweep_runs(runtime: Runtime) -> None:
    """See that every run which ought to move does: its audience, its channels, its end."""
    async with runtime.db.system() as tx:
        rows = await tx.all(SQL["unfinished"], idle=IDLE_AFTER)
    for row in rows:
        workspace_id = WorkspaceId(row["workspace_id"])
        async with short(runtime.db, workspace_id) as tx:
            ended = await _sweep_run(tx, runtime, row)
        if ended:
            await progress_feed.publish(runtime.redis, workspace_id, ended)


async def _sweep_run(tx: Transaction, runtime: Runtime, row: Row) -> list[CampaignId]:
    """Give one run a push; returns its campaign if that ended it or opened it again."""
    run_id = RunId(row["run_id"])
    if row["status"] == RunState.CANCELLED:
        await runtime.queue.defer(
            tx,
            "campaigns:cancel_pending",
            once=f"cancel {run_id}",
            workspace_id=tx.workspace_id,
            run_id=run_id,
            campaign_id=row["campaign_id"],
        )
    elif row["materialised_at"] is None:
        await runtime.queue.defer(
            tx,
            "campaigns:materialise",
            once=f"materialise {run_id}",
            workspace_id=tx.workspace_id,
            run_id=run_id,
        )
        return []
    ended = await finish_runs(tx, [run_id])
    if ended:
        return ended
    reopened = await reopen_runs(tx, [run_id])
    await leases.wake_run(tx, run_id, _wakes_at(row, clock.now()))
    return reopened


def _wakes_at(row: Row, now: datetime) -> datetime:
    """When a run's channels have work: not before its hours, nor before anything of it is due."""
    run = hours.of_run(row["schedule"], row["timezone"], now)
    opens = run.until if run.verdict is Verdict.WAIT and run.until else now
    return max(now, opens, row["due_at"] or now)
