"""Background work on campaigns: starting at a time, writing the audience down, ending at a time.

A job that got lost costs a minute: the sweeper finds what ought to have started or ended.
"""

from contextlib import suppress
from datetime import timedelta

from procrastinate import JobContext, RetryStrategy
from procrastinate.blueprints import Blueprint
from sqlalchemy import select

from recado.domain.errors import NotFound, RecadoError
from recado.domain.ids import CampaignId, RunId, WorkspaceId
from recado.domain.runs import SETTLED, RunEvent, RunState
from recado.domain.schedules import LATE
from recado.domain.transitions import NotAllowed
from recado.features.campaigns import audience, deleting, service, starts, template_pauses
from recado.features.campaigns.models import Run
from recado.features.dispatch import leases, progress_feed, sleepers
from recado.features.dispatch.finishing import finish_runs
from recado.platform import clock, logging
from recado.platform.postgres import DATABASE_AWAY
from recado.platform.runtime import Runtime

log = logging.get(__name__)

QUEUE = "campaign-scheduler"
CANCEL_BATCH = 5_000
MOST_RETRIES = 3
OVERDUE = timedelta(seconds=20)  # what has been due for so long, its job has forgotten
MANY = 1_000  # deliveries at once, after which the planner's idea of the table is wrong


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``campaigns:…``."""
    tasks = Blueprint()
    retry = RetryStrategy(max_attempts=MOST_RETRIES, exponential_wait=2)

    @tasks.task(name="start_scheduled", queue=QUEUE, retry=retry)
    async def start_scheduled(*, workspace_id: int, campaign_id: int) -> None:
        await start_due(runtime, WorkspaceId(workspace_id), CampaignId(campaign_id))

    @tasks.task(name="expire", queue=QUEUE, retry=retry)
    async def expire_left(*, workspace_id: int, run_id: int) -> None:
        await expire(runtime, WorkspaceId(workspace_id), RunId(run_id))

    @tasks.task(name="wake_sleepers", queue=QUEUE, retry=retry)
    async def wake_sleepers(*, workspace_id: int, run_id: int) -> None:
        await _wake_sleepers(runtime, WorkspaceId(workspace_id), RunId(run_id))

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="sweep", queue=QUEUE, queueing_lock="sweep schedules")
    async def sweep(timestamp: int) -> None:
        del timestamp
        await sweep_schedules(runtime)
        await deleting.purge(runtime.db, clock.now())

    @tasks.task(name="materialise", queue=QUEUE, retry=retry, pass_context=True)
    async def materialise(context: JobContext, *, workspace_id: int, run_id: int) -> None:
        try:
            await _materialise(runtime, WorkspaceId(workspace_id), RunId(run_id))
        except DATABASE_AWAY:
            raise  # the sweeper asks for it again
        except Exception as error:
            if context.job.attempts >= MOST_RETRIES:
                await give_up(runtime, WorkspaceId(workspace_id), RunId(run_id), error)
            raise

    @tasks.task(name="cancel_pending", queue=QUEUE, retry=retry)
    async def cancel_pending(*, workspace_id: int, run_id: int, campaign_id: int) -> None:
        await _cancel_pending(
            runtime, WorkspaceId(workspace_id), RunId(run_id), CampaignId(campaign_id)
        )

    _add_following(tasks, runtime)
    return tasks


def _add_following(tasks: Blueprint, runtime: Runtime) -> None:
    @tasks.task(
        name="follow_templates",
        queue=QUEUE,
        retry=RetryStrategy(max_attempts=MOST_RETRIES, exponential_wait=2),
    )
    async def follow_templates(*, workspace_id: int) -> None:
        await template_pauses.follow(runtime, WorkspaceId(workspace_id))


async def give_up(
    runtime: Runtime, workspace_id: WorkspaceId, run_id: RunId, error: Exception
) -> None:
    """A campaign whose audience cannot be written down has failed; a person may start it again."""
    log.error("campaign failed", run=run_id, exc_info=error)
    reason = error.message() if isinstance(error, RecadoError) else type(error).__name__
    with suppress(NotFound, NotAllowed):  # deleted or ended meanwhile
        async with runtime.db.workspace(workspace_id) as tx:
            campaign_id = await tx.session.scalar(
                select(Run.campaign_id).where(Run.workspace_id == workspace_id, Run.id == run_id)
            )
            await service.fail(tx, runtime, CampaignId(campaign_id or 0), reason, clock.now())


async def start_due(runtime: Runtime, workspace_id: WorkspaceId, campaign_id: CampaignId) -> None:
    """Start a campaign whose time has come; one that is late is made up for, once.

    A recurring campaign that is still at its last run passes this start over, as does one that a
    person has paused.
    """
    now = clock.now()
    async with runtime.db.workspace(workspace_id) as tx:
        try:
            campaign = await service.locked(tx, campaign_id)
        except NotFound:
            return
        if campaign.starts_at is None or campaign.starts_at > now:
            return  # put off, or cancelled
        if campaign.status != RunState.SCHEDULED:
            log.info("start passed over", campaign=campaign_id, status=campaign.status)
            if starts.schedule_of(campaign).repeat is not None:
                await starts.set_next_start(tx, runtime, campaign, now)
        elif starts.has_ended(campaign, now) and await service.latest_run(tx, campaign_id):
            service.move(campaign, RunEvent.FINISH, now)
            campaign.starts_at = None
        else:
            if now - campaign.starts_at >= LATE:
                log.warning("campaign starts late", campaign=campaign_id, at=campaign.starts_at)
            await service.begin(tx, runtime, campaign_id, now)
        await tx.session.flush()


async def expire(runtime: Runtime, workspace_id: WorkspaceId, run_id: RunId) -> None:
    """Let what a run has left unsent expire, once its campaign's end has passed."""
    while True:
        async with runtime.db.workspace(workspace_id) as tx:
            run = await tx.session.get(Run, (workspace_id, run_id))
            if run is None or run.status in SETTLED:
                return
            campaign = await service.get(tx, CampaignId(run.campaign_id))
            if not starts.has_ended(campaign, clock.now()):
                return  # put off
            left = await tx.run(
                service.SQL["expire_pending"],
                workspace_id=workspace_id,
                run_id=run_id,
                most=CANCEL_BATCH,
            )
        if not left:
            break
    async with runtime.db.workspace(workspace_id) as tx:
        await finish_runs(tx, [run_id])
    await progress_feed.publish(runtime.redis, workspace_id, [CampaignId(run.campaign_id)])


async def _wake_sleepers(runtime: Runtime, workspace_id: WorkspaceId, run_id: RunId) -> None:
    """Let those who waited for their own hours be looked at anew, as the hours have changed."""
    now = clock.now()
    await sleepers.wake_up(runtime.db, workspace_id, run_id, now)
    async with runtime.db.workspace(workspace_id) as tx:
        await leases.wake_run(tx, run_id, now)


async def sweep_schedules(runtime: Runtime) -> None:
    """Find the starts and ends whose jobs got lost, or left something behind."""
    before = clock.now() - OVERDUE
    async with runtime.db.system() as tx:
        late_starts = await tx.all(service.SQL["missed_starts"], before=before)
        late_ends = await tx.all(service.SQL["missed_ends"], before=before)
    for row in late_starts:
        workspace_id, campaign_id = WorkspaceId(row["workspace_id"]), CampaignId(row["campaign_id"])
        try:
            await start_due(runtime, workspace_id, campaign_id)
        except Exception:
            log.exception("missed start not made up for", campaign=campaign_id)
    for row in late_ends:
        workspace_id, run_id = WorkspaceId(row["workspace_id"]), RunId(row["run_id"])
        try:
            await expire(runtime, workspace_id, run_id)
        except Exception:
            log.exception("missed end not made up for", run=run_id)


async def _materialise(runtime: Runtime, workspace_id: WorkspaceId, run_id: RunId) -> None:
    """Write the audience down once; repeated, it changes nothing."""
    async with runtime.db.workspace(workspace_id) as tx:
        campaign_id = await tx.session.scalar(
            select(Run.campaign_id).where(Run.workspace_id == workspace_id, Run.id == run_id)
        )
        if campaign_id is None:
            return
        try:
            campaign = await service.locked(tx, CampaignId(campaign_id))
        except NotFound:
            return  # cancelled and deleted before
        run = await tx.session.get(Run, (workspace_id, run_id))
        if run is None or run.materialised_at is not None:
            return
        if run.status not in {RunState.PREPARING, RunState.PAUSED, RunState.RUNNING}:
            return
        channels = await service.channels_of(tx, CampaignId(campaign_id))
        senders = [int(channel) for channel in channels] if len(channels) > 1 else []
        added = await tx.run(
            service.SQL["materialise"],
            workspace_id=workspace_id,
            run_id=run_id,
            senders=senders,
            dealt=bool(senders) and not campaign.fail_over,
            **await audience.parameters(
                tx, campaign.audience, skip_dead=campaign.skip_dead_numbers
            ),
        )
        if added >= MANY:
            await tx.run("SELECT refresh_delivery_statistics()")
        now = clock.now()
        await tx.run(
            "UPDATE run SET materialised_at = %(now)s,"
            " status = CASE WHEN status = 'preparing' THEN 'running' ELSE status END"
            " WHERE workspace_id = %(workspace_id)s AND id = %(run_id)s",
            now=now,
            workspace_id=workspace_id,
            run_id=run_id,
        )
        if campaign.status == RunState.PREPARING:
            campaign.status = RunState.RUNNING.value
            await tx.session.flush()
        await leases.wake_run(tx, run_id, now)
        if starts.has_ended(campaign, now):
            await starts.set_end(tx, runtime, campaign, run_id)
        await finish_runs(tx, [run_id])
        tx.after_commit(
            lambda: progress_feed.publish(runtime.redis, workspace_id, [CampaignId(campaign.id)])
        )


async def _cancel_pending(
    runtime: Runtime, workspace_id: WorkspaceId, run_id: RunId, campaign_id: CampaignId
) -> None:
    while True:
        async with runtime.db.workspace(workspace_id) as tx:
            cancelled = await tx.run(
                service.SQL["cancel_pending"],
                workspace_id=workspace_id,
                run_id=run_id,
                most=CANCEL_BATCH,
            )
        await progress_feed.publish(runtime.redis, workspace_id, [campaign_id])
        if cancelled == 0:
            return
