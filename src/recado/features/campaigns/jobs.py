"""Background work on campaigns: starting at a time, writing the audience down, cancelling."""

from procrastinate import RetryStrategy
from procrastinate.blueprints import Blueprint
from sqlalchemy import select

from recado.domain.errors import Conflict
from recado.domain.ids import CampaignId, RunId, WorkspaceId
from recado.domain.runs import RunState
from recado.features.campaigns import service
from recado.features.campaigns.models import Campaign, Run
from recado.features.dispatch import leases, progress_feed
from recado.features.dispatch.finishing import finish_runs
from recado.features.settings import service as settings
from recado.platform import clock, logging
from recado.platform.runtime import Runtime

log = logging.get(__name__)

QUEUE = "campaign-scheduler"
CANCEL_BATCH = 5_000
MANY = 1_000  # deliveries at once, after which the planner's idea of the table is wrong


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``campaigns:…``."""
    tasks = Blueprint()
    retry = RetryStrategy(max_attempts=3, exponential_wait=2)

    @tasks.task(name="start_scheduled", queue=QUEUE, retry=retry)
    async def start_scheduled(*, workspace_id: int, campaign_id: int) -> None:
        await _start_scheduled(runtime, WorkspaceId(workspace_id), CampaignId(campaign_id))

    @tasks.task(name="materialise", queue=QUEUE, retry=retry)
    async def materialise(*, workspace_id: int, run_id: int) -> None:
        await _materialise(runtime, WorkspaceId(workspace_id), RunId(run_id))

    @tasks.task(name="cancel_pending", queue=QUEUE, retry=retry)
    async def cancel_pending(*, workspace_id: int, run_id: int, campaign_id: int) -> None:
        await _cancel_pending(
            runtime, WorkspaceId(workspace_id), RunId(run_id), CampaignId(campaign_id)
        )

    return tasks


async def _start_scheduled(
    runtime: Runtime, workspace_id: WorkspaceId, campaign_id: CampaignId
) -> None:
    async with runtime.db.workspace(workspace_id) as tx:
        campaign = await tx.session.get(Campaign, (workspace_id, campaign_id))
        if campaign is None or campaign.status != RunState.SCHEDULED:
            return
        try:
            await service.begin(tx, runtime, campaign_id, clock.now())
        except Conflict:
            log.info("not started: no longer scheduled", campaign=campaign_id)


async def _materialise(runtime: Runtime, workspace_id: WorkspaceId, run_id: RunId) -> None:
    """Write the audience down once; repeated, it changes nothing."""
    async with runtime.db.workspace(workspace_id) as tx:
        campaign_id = await tx.session.scalar(
            select(Run.campaign_id).where(Run.workspace_id == workspace_id, Run.id == run_id)
        )
        if campaign_id is None:
            return
        campaign = await service.locked(tx, CampaignId(campaign_id))
        run = await tx.session.get(Run, (workspace_id, run_id))
        if run is None or run.materialised_at is not None:
            return
        if run.status not in {RunState.PREPARING, RunState.PAUSED, RunState.RUNNING}:
            return
        suppressing = await settings.suppression_tags(tx)
        audience = campaign.audience
        channels = await service.channels_of(tx, CampaignId(campaign_id))
        senders = [int(channel) for channel in channels] if len(channels) > 1 else []
        added = await tx.run(
            service.SQL["materialise"],
            workspace_id=workspace_id,
            run_id=run_id,
            list_ids=audience.get("list_ids", []),
            tags=[tag.lower() for tag in audience.get("tags", [])],
            contact_ids=audience.get("contact_ids", []),
            suppression_tags=[tag.strip().lower() for tag in suppressing],
            senders=senders,
            dealt=bool(senders) and not campaign.fail_over,
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
