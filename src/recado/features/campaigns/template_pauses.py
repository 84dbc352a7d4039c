"""Campaigns follow their templates: one that may not be sent pauses them, and lets them go on.

What is known of a template decides, not the piece of news that changed it: whatever came late,
twice or never, the campaigns end where the template is. Only those go on that were paused for their
template, and only by a change of it that is younger than what paused them.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recado.domain import templates
from recado.domain.errors import NotFound
from recado.domain.ids import CampaignId, WorkspaceId
from recado.domain.runs import RunState
from recado.domain.transitions import NotAllowed
from recado.features.campaigns import service, starts
from recado.features.campaigns.models import Campaign
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.platform import clock
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

PAUSED: Final = "template_paused"
STOPPED: Final = "template_stopped"
"""Reasons of a pause: the provider paused the template; or it may not be sent for another one."""


@dataclass(frozen=True, slots=True)
class State:
    """A campaign's template in the lists of the accounts that it is sent through.

    Attributes:
        status: The one that stops it; else that of any.
        since: When the last of them changed.
        until: When its pause ends by itself, where that is known.
    """

    status: str
    since: datetime
    until: datetime | None


async def follow(runtime: Runtime, workspace_id: WorkspaceId) -> None:
    """Pause and resume what has to be, each campaign in a transaction of its own."""
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(service.SQL["bound_to_templates"], workspace_id=workspace_id)
    for row in rows:
        async with runtime.db.workspace(workspace_id) as tx:
            # Deleted, moved by a person, or over meanwhile: then it is no more ours to move.
            with suppress(NotFound, NotAllowed, starts.ScheduleEnded):
                await _follow(tx, runtime, CampaignId(row["campaign_id"]), clock.now())


async def _follow(
    tx: Transaction, runtime: Runtime, campaign_id: CampaignId, now: datetime
) -> None:
    campaign = await service.locked(tx, campaign_id)
    state = await _state(tx, campaign_id)
    if state is None:
        return
    if not templates.may_be_sent(state.status):
        await _pause(tx, runtime, campaign, state, now)
    elif campaign.template_paused_at is not None and state.since > campaign.template_paused_at:
        name = str(campaign.content["name"])
        await service.resume(tx, runtime, campaign_id, now)
        await notify(tx, Kind.CAMPAIGN_GOES_ON, campaign_id=campaign_id, template=name)


async def _pause(
    tx: Transaction, runtime: Runtime, campaign: Campaign, state: State, now: datetime
) -> None:
    campaign_id = CampaignId(campaign.id)
    if campaign.status in {RunState.PREPARING, RunState.RUNNING}:
        await service.pause(tx, runtime, campaign_id, now)
        await notify(
            tx,
            Kind.CAMPAIGN_WAITS,
            campaign_id=campaign_id,
            template=str(campaign.content["name"]),
            status=state.status,
        )
    elif campaign.status != RunState.PAUSED or campaign.template_paused_at is None:
        return
    campaign.paused_reason = PAUSED if state.status == templates.PAUSED else STOPPED
    campaign.paused_until = state.until
    campaign.template_paused_at = state.since
    await tx.session.flush()


async def _state(tx: Transaction, campaign_id: CampaignId) -> State | None:
    rows = await tx.all(
        service.SQL["templates_of"], workspace_id=tx.workspace_id, campaign_id=campaign_id
    )
    if not rows:
        return None
    stopped = [row for row in rows if not templates.may_be_sent(row["status"])]
    return State(
        status=(stopped or rows)[0]["status"],
        since=max(row["since"] for row in rows),
        until=max((row["paused_until"] for row in stopped if row["paused_until"]), default=None),
    )
