"""What outcomes mean beyond their deliveries: pauses, opt-outs, and news for the pages."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

from recado.domain.ids import CampaignId, ChannelId, ContactId, RunId, WorkspaceId
from recado.domain.optout import Wish
from recado.domain.retry import ContactEffect, ErrorClass, Verdict
from recado.features.channels import service as channels
from recado.features.contacts import consent, reach
from recado.features.contacts.consent import Said, Source
from recado.features.dispatch import failover, progress_feed, suspicion
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.plans import ChannelPlan
from recado.features.dispatch.records import Result
from recado.features.dispatch.transactions import AWAY, short
from recado.features.gates import service as gates
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.features.templates import store as templates
from recado.platform import clock, logging, metrics, outages
from recado.platform.runtime import Runtime

log = logging.get(__name__)

RETRY_SECONDS = 0.5
ERRORS_IN_A_ROW = "errors_in_a_row"


async def follow(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    results: Sequence[Result],
    plan: ChannelPlan | None,
    *,
    back_off_until: datetime | None = None,
) -> bool:
    """Do what a recorded batch makes necessary; True if the channel's plan changed by it.

    However long PostgreSQL is away, and whatever goes wrong with one of them: none is left out.

    Args:
        runtime: Of this process.
        workspace_id: Of the channel.
        channel_id: What the outcomes left through.
        results: Outcomes on record.
        plan: The channel's, for the campaigns of its runs.
        back_off_until: Errors in a row pause the channel until then.
    """
    todo = [*_about_channel(runtime, workspace_id, channel_id, results)]
    if back_off_until is not None:
        todo.append(
            partial(_back_off, runtime, workspace_id, channel_id, back_off_until, _last(results))
        )
    wrong = await suspicion.suspects(runtime.redis, workspace_id, results)
    wrong |= _of_runs(results, Verdict.PAUSE_CAMPAIGN)
    todo += [
        partial(
            pause_run, runtime, workspace_id, run_id, reason(because), template_at=_refused(because)
        )
        for run_id, because in sorted(wrong.items())
    ]
    changed = bool(todo)
    if said := list(_opt_outs(channel_id, results)):
        todo.append(partial(_opt_out, runtime, workspace_id, said))
    if dead := _dead(results):
        if plan is not None and plan.channel.adapter.capabilities.number_check:
            # It looks the number up before it sends: a refusal is the answer to that.
            todo.append(partial(reach.note, runtime.db, workspace_id, dead, "dead"))
        else:
            todo.append(partial(reach.missed, runtime.db, workspace_id, dead))
    for action in todo:
        await _insist(action)
    await _announce(runtime, workspace_id, results, plan)
    return changed


async def _insist(action: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await action()
        except AWAY as error:
            outages.met(error)
            await asyncio.sleep(RETRY_SECONDS)
        except Exception:
            log.exception("consequence of an outcome failed")
            return
        else:
            return


def _first(results: Iterable[Result], verdict: Verdict) -> Result | None:
    return next((r for r in results if r.decision and r.decision.verdict is verdict), None)


def _dead(results: Iterable[Result]) -> list[ContactId]:
    return [
        r.contact_id
        for r in results
        if r.contact_id and r.decision and r.decision.contact is ContactEffect.DEAD
    ]


def _opt_outs(channel_id: ChannelId, results: Iterable[Result]) -> Iterator[Said]:
    """Who has told the provider that they want nothing of us."""
    now = clock.now()
    for result in results:
        decision, fault, contact_id = result.decision, result.fault, result.contact_id
        if contact_id and decision and decision.contact is ContactEffect.OPTED_OUT:
            yield Said(
                contact_id=contact_id,
                wish=Wish.OUT,
                source=Source.PROVIDER_ERROR,
                at=now,
                word=fault.code if fault else None,
                channel_id=channel_id,
                event_id=f"refused:{contact_id}:{now.isoformat()}",
            )


def _last(results: Sequence[Result]) -> str:
    """Why the last of some outcomes failed."""
    return next((reason(result) for result in reversed(results) if result.fault), "")


def _of_runs(results: Iterable[Result], verdict: Verdict) -> dict[RunId, Result]:
    return {
        r.run_id: r for r in results if r.run_id and r.decision and r.decision.verdict is verdict
    }


def reason(result: Result) -> str:
    """A fault as the pages show it: the provider's code and words."""
    return f"{result.fault.code}: {result.fault.detail}" if result.fault else "error"


def _about_channel(
    runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId, results: Sequence[Result]
) -> Iterator[Callable[[], Awaitable[None]]]:
    """Until a person has mended it, or for the moment that the provider asked for."""
    paused = _first(results, Verdict.PAUSE_CHANNEL)
    if paused is not None:
        its = paused.fault.error_class if paused.fault else None
        yield partial(
            pause_channel, runtime, workspace_id, channel_id, reason(paused), error_class=its
        )
    until = max(
        filter(None, (r.decision.hold_channel_until for r in results if r.decision)), default=None
    )
    if until is not None:
        yield partial(_hold_channel, runtime, workspace_id, channel_id, until)


async def pause_channel(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    because: str,
    *,
    error_class: ErrorClass | None = None,
) -> None:
    """Let nothing more leave through a channel until a person has checked it, and say so.

    ``error_class``: one whose phone is not connected also goes on once it is.
    """
    by: Literal["connection"] | None = None
    if error_class is ErrorClass.REGISTRATION:
        by = "connection"
    async with short(runtime.db, workspace_id) as tx:
        if not await channels.pause(tx, channel_id, until=None, reason=because, by=by):
            return
        await notify(tx, Kind.CHANNEL_PAUSED, channel_id=channel_id, reason=because)
        await failover.defer(runtime, tx)
    await gates.close_channels(runtime.redis, workspace_id, [channel_id], "paused")
    metrics.PAUSES.labels("channel").inc()
    log.error("channel paused", channel=channel_id, reason=because)


async def _back_off(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    until: datetime,
    because: str,
) -> None:
    metrics.PAUSES.labels("backing_off").inc()
    log.warning("channel backs off", channel=channel_id, until=until.isoformat(), reason=because)
    async with short(runtime.db, workspace_id) as tx:
        held = await tx.run(
            SQL["hold_channel"],
            workspace_id=workspace_id,
            channel_id=channel_id,
            until=until,
            reason=ERRORS_IN_A_ROW,
        )
        if held:
            await notify(
                tx,
                Kind.CHANNEL_BACKING_OFF,
                channel_id=channel_id,
                reason=because,
                until=until.isoformat(),
            )


async def _hold_channel(
    runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId, until: datetime
) -> None:
    log.warning("channel held back", channel=channel_id, until=until.isoformat())
    async with short(runtime.db, workspace_id) as tx:
        await tx.run(
            SQL["hold_channel"],
            workspace_id=workspace_id,
            channel_id=channel_id,
            until=until,
            reason="provider_asked_to_wait",
        )


def _refused(result: Result) -> datetime | None:
    """When its template was refused, if that is what is wrong."""
    refused = result.fault is not None and result.fault.error_class is ErrorClass.TEMPLATE
    return clock.now() if refused else None


async def pause_run(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    run_id: RunId,
    because: str,
    *,
    template_at: datetime | None = None,
) -> None:
    """Stop a campaign whose every message would fail alike, and say so.

    Args:
        runtime: Of this process.
        workspace_id: Of the run.
        run_id: What is stopped.
        because: Why, for people.
        template_at: Its template was refused then: the stored ones are asked for anew, and once
            this one may be sent again, the campaign goes on by itself.
    """
    async with short(runtime.db, workspace_id) as tx:
        rows = await tx.all(
            SQL["pause_run"],
            workspace_id=workspace_id,
            run_id=run_id,
            reason=because,
            template_paused_at=template_at,
        )
        for row in rows:
            campaign_id = CampaignId(row["campaign_id"])
            await notify(tx, Kind.CAMPAIGN_PAUSED, campaign_id=campaign_id, reason=because)
        if rows and template_at is not None:
            await templates.hasten(tx, runtime, clock.now())
    if rows:
        metrics.PAUSES.labels("campaign").inc()
        log.error("campaign paused", run=run_id, reason=because)
        await gates.sync_runs(runtime.redis, workspace_id, {run_id: "paused"})
        await suspicion.begin_anew(runtime.redis, workspace_id, run_id)


async def _opt_out(runtime: Runtime, workspace_id: WorkspaceId, said: Sequence[Said]) -> None:
    async with short(runtime.db, workspace_id) as tx:
        outcome = await consent.record(tx, said, now=clock.now())
    await gates.close_contacts(runtime.redis, workspace_id, outcome.out, "opted_out")


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
            sent[campaign] += result.result == "accepted" and result.last_part
    await progress_feed.publish(
        runtime.redis, workspace_id, touched or set(campaigns.values()), sent=sent, now=clock.now()
    )
