"""What outcomes mean beyond their deliveries: pauses, opt-outs, and news for the pages."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from recado.domain.ids import CampaignId, ChannelId, ContactId, RunId, WorkspaceId
from recado.domain.retry import ContactEffect, Verdict
from recado.features.channels import service as channels
from recado.features.contacts import consent
from recado.features.dispatch import progress_feed
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.plans import ChannelPlan
from recado.features.dispatch.records import Result
from recado.features.gates import service as gates
from recado.platform import clock, logging
from recado.platform.runtime import Runtime

log = logging.get(__name__)


async def follow(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    results: Sequence[Result],
    plan: ChannelPlan | None,
) -> bool:
    """Do what a recorded batch makes necessary; True if the channel's plan changed by it."""
    changed = False
    for result in results:
        effect = result.decision.contact if result.decision else None
        if effect is ContactEffect.OPTED_OUT and result.contact_id is not None:
            await _opt_out(runtime, workspace_id, result.contact_id)
    paused = _first(results, Verdict.PAUSE_CHANNEL)
    held = max(
        filter(None, (r.decision.hold_channel_until for r in results if r.decision)), default=None
    )
    if paused is not None or held is not None:
        await _pause_channel(runtime, workspace_id, channel_id, paused, held)
        changed = True
    for run_id in _runs(results, Verdict.PAUSE_CAMPAIGN):
        await _pause_run(runtime, workspace_id, run_id, results)
        changed = True
    await _announce(runtime, workspace_id, results, plan)
    return changed


def _first(results: Iterable[Result], verdict: Verdict) -> Result | None:
    return next((r for r in results if r.decision and r.decision.verdict is verdict), None)


def _runs(results: Iterable[Result], verdict: Verdict) -> set[RunId]:
    return {r.run_id for r in results if r.run_id and r.decision and r.decision.verdict is verdict}


def reason(result: Result) -> str:
    """A fault as the pages show it: the provider's code and words."""
    return f"{result.fault.code}: {result.fault.detail}" if result.fault else "error"


async def _pause_channel(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    paused: Result | None,
    held: datetime | None,
) -> None:
    """Until a person has mended it, or for the moment that the provider asked for."""
    async with runtime.db.workspace(workspace_id) as tx:
        if paused is not None:
            log.error("channel paused", channel=channel_id, reason=reason(paused))
            await channels.pause(tx, channel_id, until=None, reason=reason(paused))
        elif held is not None:
            await channels.pause(tx, channel_id, until=held, reason="provider_asked_to_wait")


async def _pause_run(
    runtime: Runtime, workspace_id: WorkspaceId, run_id: RunId, results: Sequence[Result]
) -> None:
    """Stop a campaign whose every message would fail alike."""
    because = _first(results, Verdict.PAUSE_CAMPAIGN)
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(
            SQL["pause_run"],
            workspace_id=workspace_id,
            run_id=run_id,
            reason=reason(because) if because else "error",
        )
    if rows:
        log.error("campaign paused", run=run_id, reason=reason(because) if because else "")
        await gates.sync_runs(runtime.redis, workspace_id, {run_id: "paused"})


async def _opt_out(runtime: Runtime, workspace_id: WorkspaceId, contact_id: ContactId) -> None:
    async with runtime.db.workspace(workspace_id) as tx:
        await consent.opt_out(tx, contact_id, source="provider", now=clock.now())
    await gates.close_contacts(runtime.redis, workspace_id, [contact_id], "opted_out")


async def _announce(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    results: Sequence[Result],
    plan: ChannelPlan | None,
) -> None:
    campaigns = {run.run_id: run.campaign_id for run in plan.runs.values()} if plan else {}
    sent: Counter[CampaignId] = Counter()
    touched: set[CampaignId] = set()
    for result in results:
        campaign = campaigns.get(result.run_id) if result.run_id else None
        if campaign is not None:
            touched.add(campaign)
            sent[campaign] += result.result == "accepted"
    await progress_feed.publish(
        runtime.redis, workspace_id, touched or set(campaigns.values()), sent=sent, now=clock.now()
    )
