"""Making campaigns, and moving them from state to state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from recado.domain import pacing, schedules
from recado.domain.errors import InvalidInput, NotFound
from recado.domain.ids import CampaignId, ChannelId, RunId
from recado.domain.runs import SETTLED, RunEvent, RunState, next_state
from recado.domain.transitions import NotAllowed
from recado.features.campaigns import contents, starts
from recado.features.campaigns.models import Campaign, CampaignChannel, Run
from recado.features.campaigns.schemas import Audience, NewCampaign
from recado.features.dispatch import leases, progress_feed
from recado.features.gates import service as gates
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.features.settings.presets import presets_for
from recado.features.templates import checking
from recado.features.templates import store as templates
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.platform.sql import load

SQL = load(__package__ or "")


class ChannelNeeded(InvalidInput):
    code = "channel_needed"
    sentence = "The campaign has no channel to send through. Give channel_ids with one at least."


class UnknownAudience(InvalidInput):
    code = "unknown_audience"
    sentence = "Some of the lists, tags, contacts or channels named do not exist here. See fields."


async def create(
    tx: Transaction, given: NewCampaign, now: datetime, *, created_by: str = ""
) -> Campaign:
    """Add a draft.

    Args:
        tx: Inside the workspace.
        given: What it is made of.
        now: A schedule that has passed by then is refused.
        created_by: Whose limit a minute its messages count against; empty for the workspace's own.

    Raises:
        ChannelNeeded, UnknownAudience: What it refers to is not there.
        UnknownVariable, TemplateError, InvalidLink, Unsupported: As `contents.check` says.
        InvalidPacing, InvalidSchedule: Wrong keys or values; or an end that has passed.
    """
    if not given.channel_ids:
        raise ChannelNeeded(fields={"channel_ids": "one at least"})
    await check_references(tx, channel_ids=given.channel_ids, audience=given.audience)
    await contents.check(tx, given.content.model_dump(), given.channel_ids)
    campaign = Campaign(
        workspace_id=tx.workspace_id,
        name=given.name,
        status=RunState.DRAFT.value,
        content=given.content.model_dump(),
        audience=given.audience.model_dump(),
        schedule=schedules.validated(given.schedule, now),
        pacing=pacing.validated(given.pacing, await presets_for(tx, given.pacing)),
        fail_over=given.fail_over,
        skip_dead_numbers=given.skip_dead_numbers,
        created_by=created_by,
    )
    tx.session.add(campaign)
    await tx.session.flush()
    await add_channels(tx, CampaignId(campaign.id), given.channel_ids)
    return campaign


async def add_channels(
    tx: Transaction, campaign_id: CampaignId, channel_ids: Sequence[int]
) -> None:
    """Have a campaign sent through these, in this order; one that has none yet."""
    tx.session.add_all(
        CampaignChannel(
            workspace_id=tx.workspace_id,
            campaign_id=campaign_id,
            channel_id=channel,
            position=position,
        )
        for position, channel in enumerate(dict.fromkeys(channel_ids))
    )
    await tx.session.flush()


async def check_references(
    tx: Transaction, *, channel_ids: Sequence[int], audience: Audience | None
) -> None:
    """See that what a campaign refers to is there; raises UnknownAudience."""
    wrong: dict[str, str] = {}
    for field, name, values in (
        ("channel_ids", "channels_missing", list(channel_ids)),
        ("audience.list_ids", "lists_missing", audience.list_ids if audience else []),
        ("audience.contact_ids", "contacts_missing", audience.contact_ids if audience else []),
    ):
        rows = await tx.all(SQL[name], workspace_id=tx.workspace_id, ids=values) if values else []
        if rows:
            wrong[field] = "unknown: " + ", ".join(str(row["id"]) for row in rows[:20])
    if audience and audience.tags:
        rows = await tx.all(SQL["tags_missing"], workspace_id=tx.workspace_id, names=audience.tags)
        if rows:
            wrong["audience.tags"] = "unknown: " + ", ".join(row["name"] for row in rows[:20])
    if wrong:
        raise UnknownAudience(fields=wrong)


async def get(tx: Transaction, campaign_id: CampaignId) -> Campaign:
    """One campaign; raises NotFound."""
    campaign = await tx.session.get(Campaign, (tx.workspace_id, campaign_id))
    if campaign is None or campaign.deleted_at is not None:
        raise NotFound("campaign")
    return campaign


async def named(tx: Transaction, name: str) -> Campaign:
    """The newest campaign of this name, upper and lower case being the same; raises NotFound."""
    campaign: Campaign | None = await tx.session.scalar(
        select(Campaign)
        .where(func.lower(Campaign.name) == name.lower(), Campaign.deleted_at.is_(None))
        .order_by(Campaign.id.desc())
        .limit(1)
    )
    if campaign is None:
        raise NotFound("campaign")
    return campaign


async def channels_of(tx: Transaction, campaign_id: CampaignId) -> list[ChannelId]:
    """The channels of a campaign, in their order."""
    return [
        ChannelId(channel)
        for channel in await tx.session.scalars(
            select(CampaignChannel.channel_id)
            .where(
                CampaignChannel.workspace_id == tx.workspace_id,
                CampaignChannel.campaign_id == campaign_id,
            )
            .order_by(CampaignChannel.position)
        )
    ]


async def everyone(
    tx: Transaction, *, limit: int, before: int | None, status: str | None = None
) -> list[Campaign]:
    """Campaigns, the newest first."""
    statement = select(Campaign).where(Campaign.deleted_at.is_(None))
    statement = statement.order_by(Campaign.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Campaign.id < before)
    if status is not None:
        statement = statement.where(Campaign.status == status)
    return list(await tx.session.scalars(statement))


async def latest_run(tx: Transaction, campaign_id: CampaignId) -> Run | None:
    """The newest execution of a campaign."""
    run: Run | None = await tx.session.scalar(
        select(Run)
        .where(Run.workspace_id == tx.workspace_id, Run.campaign_id == campaign_id)
        .order_by(Run.number.desc())
        .limit(1)
    )
    return run


async def unfinished_runs(tx: Transaction, campaign_id: CampaignId) -> list[Run]:
    """The executions that have not ended: one, but where dead letters opened an older again."""
    statement = select(Run).where(
        Run.workspace_id == tx.workspace_id,
        Run.campaign_id == campaign_id,
        Run.status.not_in([state.value for state in SETTLED]),
    )
    return list(await tx.session.scalars(statement.order_by(Run.id)))


async def start(
    tx: Transaction, runtime: Runtime, campaign_id: CampaignId, now: datetime
) -> Campaign:
    """Start a campaign now, or have it started at its time.

    Raises:
        NotFound: No such campaign.
        NotAllowed: It has been started already, be it that it waits for its time.
        ScheduleEnded: Its end has passed.
        UnknownTemplate, TemplateNotApproved, TemplateMismatch: As `checking.check` says.
    """
    campaign = await locked(tx, campaign_id)
    at = starts.schedule_of(campaign).start_at
    if at is not None and at > now and campaign.status != RunState.DRAFT:
        raise NotAllowed(RunState(campaign.status), RunEvent.START)
    if starts.has_ended(campaign, now):
        raise starts.ScheduleEnded
    at_once = at is None or at <= now
    next_state(RunState(campaign.status), RunEvent.START)  # whoever may not, hears of that first
    through = await channels_of(tx, campaign_id)
    await checking.check(tx, campaign.content, through, at_once=at_once)
    if at is None or at_once:
        return await begin(tx, runtime, campaign_id, now)
    move(campaign, RunEvent.SCHEDULE, now)
    await starts.set_start(tx, runtime, campaign, at)
    announce(tx, runtime, campaign_id)
    return campaign


async def begin(
    tx: Transaction, runtime: Runtime, campaign_id: CampaignId, now: datetime
) -> Campaign:
    """Start a campaign now, whatever its time; the same errors as ``start``.

    Past its end, all of its audience expires.
    """
    campaign = await locked(tx, campaign_id)
    move(campaign, RunEvent.START, now)
    previous = await latest_run(tx, campaign_id)
    run = Run(
        workspace_id=tx.workspace_id,
        campaign_id=campaign.id,
        number=1 if previous is None else previous.number + 1,
        status=RunState.PREPARING.value,
    )
    tx.session.add(run)
    await starts.set_next_start(tx, runtime, campaign, now)
    await tx.session.flush()
    await starts.set_end(tx, runtime, campaign, RunId(run.id))
    await runtime.queue.defer(
        tx,
        "campaigns:materialise",
        once=f"materialise {run.id}",
        workspace_id=tx.workspace_id,
        run_id=run.id,
    )
    if campaign.content.get("type") == "template":
        await templates.defer_following(tx, runtime)
    announce(tx, runtime, campaign_id)
    return campaign


async def pause(
    tx: Transaction,
    runtime: Runtime,
    campaign_id: CampaignId,
    now: datetime,
    *,
    reason: str = "by_person",
) -> Campaign:
    """Let nothing more leave, or start; what is on the wire ends by itself.

    One that waits for its template, and would go on by itself, waits for a person from then on.
    """
    campaign = await locked(tx, campaign_id)
    if campaign.status == RunState.PAUSED and campaign.template_paused_at is not None:
        unpause(campaign)
        campaign.paused_reason, campaign.updated_at = reason, now
        announce(tx, runtime, campaign_id)
        return campaign
    campaign, _ = await _shift(tx, runtime, campaign_id, RunEvent.PAUSE, now)
    campaign.paused_reason = reason
    return campaign


async def resume(
    tx: Transaction, runtime: Runtime, campaign_id: CampaignId, now: datetime
) -> Campaign:
    """Go on where it was paused, be it to wait for its time; one whose time has come starts.

    Raises:
        NotFound, NotAllowed: There is no such campaign, or it is not paused.
        ScheduleEnded: Its end has passed.
    """
    campaign = await locked(tx, campaign_id)
    if campaign.status == RunState.PAUSED and starts.has_ended(campaign, now):
        raise starts.ScheduleEnded
    if campaign.status == RunState.PAUSED and not await unfinished_runs(tx, campaign_id):
        return await _wait_again(tx, runtime, campaign, now)
    campaign, runs = await _shift(tx, runtime, campaign_id, RunEvent.RESUME, now)
    for run in runs:
        await leases.wake_run(tx, RunId(run.id), now)
    return campaign


async def _wait_again(
    tx: Transaction, runtime: Runtime, campaign: Campaign, now: datetime
) -> Campaign:
    """Starts of a recurring campaign that fell into its pause are left out."""
    campaign_id = CampaignId(campaign.id)
    move(campaign, RunEvent.SCHEDULE, now)
    unpause(campaign)
    if starts.schedule_of(campaign).repeat is not None:
        await starts.set_next_start(tx, runtime, campaign, now)
    elif campaign.starts_at is None or campaign.starts_at <= now:
        await tx.session.flush()
        return await begin(tx, runtime, campaign_id, now)
    if campaign.starts_at is None:
        raise starts.ScheduleEnded
    await tx.session.flush()
    announce(tx, runtime, campaign_id)
    return campaign


async def cancel(
    tx: Transaction, runtime: Runtime, campaign_id: CampaignId, now: datetime
) -> Campaign:
    """End a campaign for good; what waits is cancelled, what is on the wire ends by itself."""
    campaign, runs = await _shift(tx, runtime, campaign_id, RunEvent.CANCEL, now)
    campaign.starts_at = None
    for run in runs:
        run.finished_at = now
        await runtime.queue.defer(
            tx,
            "campaigns:cancel_pending",
            once=f"cancel {run.id}",
            workspace_id=tx.workspace_id,
            run_id=run.id,
            campaign_id=campaign.id,
        )
    return campaign


async def fail(
    tx: Transaction, runtime: Runtime, campaign_id: CampaignId, reason: str, now: datetime
) -> None:
    """Give up on a campaign that cannot be prepared, and say so; a person may start it again.

    Raises:
        NotFound, NotAllowed: It has gone or has ended meanwhile.
    """
    campaign, _ = await _shift(tx, runtime, campaign_id, RunEvent.FAIL, now)
    campaign.paused_reason = reason
    await notify(tx, Kind.CAMPAIGN_FAILED, campaign_id=campaign_id, reason=reason)


async def _shift(
    tx: Transaction, runtime: Runtime, campaign_id: CampaignId, event: RunEvent, now: datetime
) -> tuple[Campaign, list[Run]]:
    """Move a campaign and what it executes to the same state, and its gates after the commit.

    Raises:
        NotFound: No such campaign.
        NotAllowed: Its state forbids it.
    """
    campaign = await locked(tx, campaign_id)
    move(campaign, event, now)
    unpause(campaign)
    runs = await unfinished_runs(tx, campaign_id)
    for run in runs:
        run.status = campaign.status
    await tx.session.flush()
    workspace_id, statuses = tx.workspace_id, {RunId(run.id): run.status for run in runs}
    tx.after_commit(lambda: gates.sync_runs(runtime.redis, workspace_id, statuses))
    announce(tx, runtime, campaign_id)
    return campaign, runs


async def locked(tx: Transaction, campaign_id: CampaignId) -> Campaign:
    """A campaign that nobody else moves until the transaction ends; before its run is touched."""
    campaign: Campaign | None = await tx.session.scalar(
        select(Campaign)
        .where(Campaign.workspace_id == tx.workspace_id, Campaign.id == campaign_id)
        .with_for_update()
        # As it is now that we hold it, not as it was when this transaction read it before.
        .execution_options(populate_existing=True)
    )
    if campaign is None or campaign.deleted_at is not None:
        raise NotFound("campaign")
    return campaign


def move(campaign: Campaign, event: RunEvent, now: datetime) -> None:
    """Put a campaign that is locked in the state after an event; raises NotAllowed."""
    campaign.status = next_state(RunState(campaign.status), event).value
    campaign.updated_at = now


def unpause(campaign: Campaign) -> None:
    """Forget why a campaign was paused."""
    campaign.paused_reason = campaign.paused_until = campaign.template_paused_at = None


def announce(tx: Transaction, runtime: Runtime, campaign_id: CampaignId) -> None:
    """Tell those who watch a campaign, once this is committed."""
    workspace_id = tx.workspace_id
    tx.after_commit(lambda: progress_feed.publish(runtime.redis, workspace_id, [campaign_id]))


async def rows_of_progress(
    tx: Transaction, campaigns: Sequence[CampaignId]
) -> list[dict[str, Any]]:
    """The counters of each campaign's latest run, exclusive states as the table holds them."""
    return await tx.all(
        SQL["progress"], workspace_id=tx.workspace_id, campaigns=[int(c) for c in campaigns]
    )
