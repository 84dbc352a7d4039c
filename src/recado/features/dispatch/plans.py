"""What a channel may send for, and the rendering of a claim into a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from recado.domain import pacing, rendering
from recado.domain.deliveries import DeliveryState
from recado.domain.ids import CampaignId, ChannelId, RunId, WorkspaceId
from recado.domain.pacing import Pacing
from recado.domain.rendering import Template
from recado.domain.retry import ErrorClass
from recado.features.channels.models import Channel
from recado.features.channels.service import OpenChannel, opened_channel
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.records import Result
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.base import Message, ProviderFault, Text

LONGEST_TEXT = 4096  # characters; Meta: the body of a text message


@dataclass(frozen=True, slots=True)
class Rest:
    """The channel has nothing to send before this time; None if no time is known."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One run as the driver needs it."""

    run_id: RunId
    campaign_id: CampaignId
    status: str
    template: Template
    pacing: Pacing


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """A channel and the runs it may send for, as of one moment."""

    channel: OpenChannel
    runs: Mapping[RunId, Plan]

    @property
    def sending(self) -> list[RunId]:
        return [run.run_id for run in self.runs.values() if run.status == "running"]

    @property
    def statuses(self) -> dict[RunId, str]:
        return {run.run_id: run.status for run in self.runs.values()}

    @property
    def rest(self) -> Rest | None:
        """Why nothing may leave at all: the channel is deleted or paused."""
        if self.channel.deleted:
            return Rest(None)
        if self.channel.paused_reason is None:
            return None
        until = self.channel.paused_until
        return None if until is not None and until <= clock.now() else Rest(until)


@dataclass(frozen=True, slots=True)
class Ready:
    """A claim with its message, waiting for its turn."""

    claim: Claim
    plan: Plan
    channel: OpenChannel
    message: Message


async def load_plan(
    runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId
) -> ChannelPlan:
    """Read a channel and its unfinished runs."""
    async with runtime.db.workspace(workspace_id) as tx:
        channel = await tx.session.get(Channel, (workspace_id, channel_id))
        if channel is None:
            raise LookupError(f"channel {channel_id} has gone")
        rows = await tx.all(SQL["runs"], workspace_id=workspace_id, channel_id=channel_id)
    opened = opened_channel(channel, runtime)
    runs = [
        Plan(
            run_id=RunId(row["run_id"]),
            campaign_id=CampaignId(row["campaign_id"]),
            status=row["status"],
            template=rendering.parse(row["content"]["text"]),
            pacing=pacing.restrict(opened.pacing, row["pacing"]),
        )
        for row in rows
    ]
    return ChannelPlan(opened, {run.run_id: run for run in runs})


def prepare(claim: Claim, plan: Plan, channel: OpenChannel) -> Ready | Result:
    """Fill in a claim's text; one that cannot be sent at all is a result at once."""
    template = plan.template if claim.own_text is None else rendering.parse(claim.own_text)
    text = rendering.render(template, claim.values).strip()
    problem = None
    if not text:
        problem = ProviderFault("empty_text", ErrorClass.CONTACT_DATA, "The text came out empty.")
    elif len(text) > LONGEST_TEXT:
        detail = f"The text came out with {len(text)} characters; {LONGEST_TEXT} are the most."
        problem = ProviderFault("text_too_long", ErrorClass.CONTACT_DATA, detail)
    if problem is not None:
        return Result(
            reference=claim.reference,
            contact_id=claim.contact_id,
            run_id=claim.run_id,
            result="refused",
            status=DeliveryState.FAILED,
            fault=problem,
        )
    message = Message(
        to=claim.phone.lstrip("+"), reference=str(claim.reference), content=Text(text)
    )
    return Ready(claim, plan, channel, message)
