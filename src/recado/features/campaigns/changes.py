"""Changing a campaign that there is, in time for its next message.

What to say and to whom is settled with the start. When and how fast may be changed until the end.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from recado.domain import pacing, schedules
from recado.domain.errors import Conflict
from recado.domain.ids import CampaignId, RunId
from recado.domain.runs import SETTLED, RunState
from recado.domain.schedules import InvalidSchedule, next_start
from recado.features.campaigns import contents, service, starts
from recado.features.campaigns.models import Campaign
from recado.features.campaigns.schemas import CampaignChanges
from recado.features.dispatch import leases
from recado.features.settings.presets import presets_for
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

WAKE: Final = "campaigns:wake_sleepers"
WHILE_DRAFT: Final = frozenset(
    {"channel_ids", "fail_over", "audience", "skip_dead_numbers", "content"}
)
UNTIL_SETTLED: Final = frozenset({"schedule", "pacing"})


class NotChangeable(Conflict):
    code = "not_changeable"
    sentence = "In the state '{state}' a campaign keeps what it has of this: {names}."


async def change(
    tx: Transaction,
    runtime: Runtime,
    campaign_id: CampaignId,
    changes: CampaignChanges,
    now: datetime,
) -> Campaign:
    """Change what is given, and let it hold for the next message.

    Of schedule and pacing the keys given are replaced; a schedule's null takes a key away.

    Raises:
        NotFound: No such campaign.
        NotChangeable: Its state forbids it.
        UnknownAudience, UnknownVariable, TemplateError, InvalidLink, Unsupported, InvalidPacing,
            InvalidSchedule: As for a new one; or a scheduled campaign would be left without its
            start.
    """
    campaign = await service.locked(tx, campaign_id)
    names = {name for name in changes.model_fields_set if getattr(changes, name) is not None}
    _refuse(campaign, names)
    await _write(tx, campaign, changes)
    if changes.pacing is not None:
        known = await presets_for(tx, changes.pacing)
        campaign.pacing = {**campaign.pacing, **pacing.validated(changes.pacing, known)}
    if changes.schedule is not None:
        await _reschedule(tx, runtime, campaign, changes.schedule, now)
    campaign.updated_at = now
    await tx.session.flush()
    for run in await service.unfinished_runs(tx, campaign_id):
        await leases.wake_run(tx, RunId(run.id), now)
    service.announce(tx, runtime, campaign_id)
    return campaign


def _refuse(campaign: Campaign, names: Collection[str]) -> None:
    state = RunState(campaign.status)
    kept = WHILE_DRAFT if state is not RunState.DRAFT else frozenset()
    kept |= UNTIL_SETTLED if state in SETTLED else frozenset()
    if wrong := kept & frozenset(names):
        raise NotChangeable(state=state.value, names=", ".join(sorted(wrong)))


async def _write(tx: Transaction, campaign: Campaign, changes: CampaignChanges) -> None:
    """What needs no more than to be written down, once it is known to make sense."""
    channels, audience = changes.channel_ids, changes.audience
    if channels is not None and not channels:
        raise service.ChannelNeeded(fields={"channel_ids": "one at least"})
    await service.check_references(tx, channel_ids=channels or (), audience=audience)
    if changes.content is not None:
        campaign.content = changes.content.model_dump()
    if changes.content is not None or channels is not None:
        through = channels or await service.channels_of(tx, CampaignId(campaign.id))
        await contents.check(tx, campaign.content, through)
    if channels is not None:
        await tx.run(
            "DELETE FROM campaign_channel"
            " WHERE workspace_id = %(workspace_id)s AND campaign_id = %(campaign_id)s",
            workspace_id=tx.workspace_id,
            campaign_id=campaign.id,
        )
        await service.add_channels(tx, CampaignId(campaign.id), channels)
    if audience is not None:
        campaign.audience = audience.model_dump()
    if changes.name is not None:
        campaign.name = changes.name
    if changes.fail_over is not None:
        campaign.fail_over = changes.fail_over
    if changes.skip_dead_numbers is not None:
        campaign.skip_dead_numbers = changes.skip_dead_numbers


async def _reschedule(
    tx: Transaction,
    runtime: Runtime,
    campaign: Campaign,
    wish: Mapping[str, object],
    now: datetime,
) -> None:
    before = starts.schedule_of(campaign)
    campaign.schedule = schedules.validated({**campaign.schedule, **wish}, now)
    runs = await service.unfinished_runs(tx, CampaignId(campaign.id))
    if runs:
        await starts.set_next_start(tx, runtime, campaign, now)
    elif campaign.status != RunState.DRAFT:
        await _move_start(tx, runtime, campaign, now)
    for run in runs:
        await starts.set_end(tx, runtime, campaign, RunId(run.id))
        if before.window != starts.schedule_of(campaign).window:
            await runtime.queue.defer(tx, WAKE, workspace_id=tx.workspace_id, run_id=run.id)


async def _move_start(tx: Transaction, runtime: Runtime, campaign: Campaign, now: datetime) -> None:
    """A start that is put in the past comes at once; the next one of several does not."""
    schedule = starts.schedule_of(campaign)
    if schedule.start_at is None:
        raise InvalidSchedule(
            fields={"schedule.start_at": "a date and time, as the campaign waits for its start"}
        )
    at = schedule.start_at
    if schedule.repeat is not None:
        again = next_start(schedule, now, await starts.zone_of(tx))
        if again is None:
            raise InvalidSchedule(fields={"schedule.end_at": "a moment after the next start"})
        at = again
    await starts.set_start(tx, runtime, campaign, at)
