"""What a channel may send for, and the rendering of a claim into a message."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from recado.domain import pacing, rendering, splitting
from recado.domain.deliveries import DeliveryState
from recado.domain.errors import RecadoError
from recado.domain.ids import CampaignId, ChannelId, RunId, WorkspaceId
from recado.domain.limits import Path
from recado.domain.pacing import Pacing
from recado.domain.rendering import Template
from recado.domain.retry import ErrorClass
from recado.domain.runs import RunState
from recado.domain.schedules import Verdict
from recado.features.channels.models import Channel
from recado.features.channels.service import OpenChannel, opened_channel
from recado.features.dispatch import contents, hours
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.contents import Recipe
from recado.features.dispatch.hours import Hours
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.records import Result
from recado.features.limits import paths
from recado.features.limits.asks import Asking
from recado.features.settings import service as settings
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.base import Media, Message, ProviderFault, Text


@dataclass(frozen=True, slots=True)
class Rest:
    """The channel has nothing to send for so many seconds; None if no time is known."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One run as the driver needs it."""

    run_id: RunId
    campaign_id: CampaignId
    status: str
    template: Template
    pacing: Pacing
    path: Path
    max_parts: int = 1
    hours: Hours = hours.ALWAYS
    done: bool = False  # nothing waits and nothing travels: it can be completed
    recipe: Recipe | None = None  # of what is not plain text

    @property
    def sending(self) -> bool:
        """Whether messages of this run may leave."""
        return self.status == RunState.RUNNING and self.hours.open

    def sleeps(self, claim: Claim, now: datetime) -> bool:
        """Whether a claim must wait for its own contact's hours."""
        return self.hours.by_contact and not self.hours.lets(claim.timezone, claim.phone, now)

    def burst(self, seconds: float, most: int) -> int:
        """How many of its messages the pace allows in about so many seconds."""
        return pacing.burst(self.pacing, seconds, most)


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """A channel and the runs it may send for, as of one moment."""

    channel: OpenChannel
    runs: Mapping[RunId, Plan]

    @property
    def sending(self) -> list[RunId]:
        """The runs that may send, by id."""
        return [run.run_id for run in self.runs.values() if run.sending]

    def path(self, run: RunId) -> Path:
        """What the requests of a run must pass."""
        return self.runs[run].path

    def due_in(self, run: RunId, seconds: float) -> float:
        """Seconds until a run may go on that a limit holds for so many: not outside its hours."""
        now = clock.now()
        opens = self.runs[run].hours.first_open(now + timedelta(seconds=seconds))
        return (opens - now).total_seconds()

    @property
    def opens_at(self) -> datetime | None:
        """When the next run begins to send that waits for its hours; None if none does."""
        return min(self._turning(Verdict.WAIT), default=None)

    @property
    def holds_until(self) -> datetime | None:
        """When some run's hours begin or end; None is never."""
        return min(self._turning(Verdict.WAIT, Verdict.OPEN), default=None)

    def _turning(self, *verdicts: Verdict) -> list[datetime]:
        return [
            run.hours.until
            for run in self.runs.values()
            if run.status == RunState.RUNNING and run.hours.verdict in verdicts and run.hours.until
        ]

    @property
    def done(self) -> list[RunId]:
        """The runs that can be completed, by id."""
        return [run.run_id for run in self.runs.values() if run.done]

    @property
    def rest(self) -> Rest | None:
        """Why nothing may leave at all: the channel is deleted or paused."""
        if self.channel.deleted:
            return Rest(None)
        if self.channel.paused_reason is None:
            return None
        if self.channel.paused_until is None:
            return Rest(None)
        left = (self.channel.paused_until - clock.now()).total_seconds()
        return Rest(left) if left > 0 else None


@dataclass(frozen=True, slots=True)
class Ready:
    """A claim with its message, waiting for its turn.

    ``parts``: what all of its parts say, where that must be put on record before this one leaves;
    ``following``: what the part after this one says.
    """

    claim: Claim
    plan: Plan
    channel: OpenChannel
    message: Message
    parts: tuple[str, ...] = ()
    following: str | None = None

    def again(self, plan: Plan, channel: OpenChannel) -> "Ready | Result":
        """The same under a new plan; what is on record about its parts stays."""
        if self.parts:
            return replace(self, plan=plan, channel=channel)
        return prepare(self.claim, plan, channel)

    def in_hours(self, now: datetime) -> bool:
        """Whether its contact and its campaign may be written to and for at this moment."""
        return self.plan.hours.lets(self.claim.timezone, self.claim.phone, now)

    def asking(self, chance: float) -> Asking:
        """The question whether it may leave now."""
        claim = self.claim
        return Asking(claim.reference, claim.run_id, claim.contact_id, claim.answers, chance)


async def load_plan(
    runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId
) -> ChannelPlan:
    """Read a channel and its unfinished runs."""
    async with runtime.db.workspace(workspace_id) as tx:
        channel = await tx.session.get(Channel, (workspace_id, channel_id))
        if channel is None:
            raise LookupError(f"channel {channel_id} has gone")
        rows = await tx.all(SQL["runs"], workspace_id=workspace_id, channel_id=channel_id)
        saved = await settings.saved(tx)
        shared = await paths.shared(tx, saved)
    opened, now = opened_channel(channel, runtime, saved), clock.now()
    plans = [_plan(row, opened, shared, now) for row in rows]
    return ChannelPlan(opened, {plan.run_id: plan for plan in plans})


def _plan(
    row: Mapping[str, Any], channel: OpenChannel, shared: paths.Shared, now: datetime
) -> Plan:
    return Plan(
        run_id=RunId(row["run_id"]),
        campaign_id=CampaignId(row["campaign_id"]),
        status=row["status"],
        template=rendering.parse(row["content"].get("text", "")),
        pacing=pacing.restrict(channel.pacing, row["pacing"], shared.presets),
        path=paths.path(
            channel,
            shared,
            campaign=CampaignId(row["campaign_id"]),
            own=row["pacing"],
            created_by=row["created_by"],
            now=now,
        ),
        max_parts=row["content"].get("max_split_parts", 1),
        hours=hours.of_run(row["schedule"], row["timezone"], now),
        done=row["done"],
        recipe=contents.recipe(row["content"]),
    )


def prepare(claim: Claim, plan: Plan, channel: OpenChannel) -> Ready | Result:
    """Fill in a claim's text; one that cannot be sent at all is a result at once.

    A message that has begun goes on with what was put on record for it then.
    """
    if plan.recipe is not None:
        return _composed(claim, plan, channel, plan.recipe)
    if claim.reference.part > 1 and claim.part_text is not None:
        return Ready(
            claim, plan, channel, _message(claim, claim.part_text), following=claim.following
        )
    try:
        template = plan.template if claim.own_text is None else rendering.parse(claim.own_text)
        text = rendering.render(template, claim.values).strip()
    except RecadoError as error:
        return _unsendable(claim, "bad_text", error.message())
    if not text:
        return _unsendable(claim, "empty_text", "The text came out empty.")
    parts = splitting.split(text, plan.max_parts)
    length = max(map(len, parts))
    if length > splitting.LONGEST:
        return _unsendable(
            claim,
            "text_too_long",
            f"The text came out with {length} characters; {splitting.LONGEST} are the most.",
        )
    return Ready(
        claim,
        plan,
        channel,
        _message(claim, parts[0]),
        parts=parts if max(len(parts), claim.parts) > 1 else (),
        following=parts[1] if len(parts) > 1 else None,
    )


def _composed(claim: Claim, plan: Plan, channel: OpenChannel, recipe: Recipe) -> Ready | Result:
    try:
        content = recipe.compose(claim.values)
    except RecadoError as error:
        return _unsendable(claim, error.code, error.message())
    caption = content.caption if isinstance(content, Media) else ""
    if len(caption) > (most := channel.adapter.capabilities.longest_caption):
        detail = f"The caption came out with {len(caption)} characters; {most} are the most."
        return _unsendable(claim, "caption_too_long", detail)
    message = Message(claim.phone.lstrip("+"), str(claim.reference), content)
    return Ready(claim, plan, channel, message)


def _message(claim: Claim, text: str) -> Message:
    return Message(to=claim.phone.lstrip("+"), reference=str(claim.reference), content=Text(text))


def _unsendable(claim: Claim, code: str, detail: str) -> Result:
    return Result(
        reference=claim.reference,
        contact_id=claim.contact_id,
        run_id=claim.run_id,
        result="refused",
        status=DeliveryState.FAILED,
        fault=ProviderFault(code, ErrorClass.CONTACT_DATA, detail),
        left=False,
    )
