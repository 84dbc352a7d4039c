"""Turning stored callbacks into states of deliveries, in bulk."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recado.domain.ids import CampaignId, ChannelId, ContactId, Reference, RunId, WorkspaceId
from recado.features.contacts import reach
from recado.features.dispatch import leases, progress_feed
from recado.features.dispatch.finishing import reopen_runs
from recado.features.dispatch.transactions import short
from recado.features.inbox import people as whose
from recado.features.inbox import receipts, receiving
from recado.features.webhooks import faults, news
from recado.features.webhooks.early import put_back
from recado.features.webhooks.poison import described, lies_in_the_data
from recado.features.webhooks.routes import SQL
from recado.features.webhooks.sorting import STATUSES, Batch, sort
from recado.features.wishes.hearing import hear
from recado.platform import clock, logging, metrics
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime
from recado.providers.events import CallbackEvent, InboundEvent, StatusEvent

log = logging.get(__name__)

BATCH = 200
# Of callbacks taken together: with a thousand updates in each, reading them would take longer than
# a transaction may idle, and the same again for ever.
BATCH_BYTES = 2**20
LARGEST_NUMBER = 2**15 - 1  # of a part or an attempt, as the tables count them


async def apply_waiting(runtime: Runtime, workspace_id: WorkspaceId) -> int:
    """Apply all callbacks of a workspace that wait; returns how many there were."""
    applied = 0
    async with runtime.db.workspace(workspace_id) as tx:
        await tx.run(SQL["all_stored"], workspace_id=workspace_id)
    while True:
        taken: list[int] = []
        try:
            await _take(runtime, workspace_id, taken)
        except Exception as error:
            if not taken or not lies_in_the_data(error):
                raise
            log.exception("callbacks fail together", callbacks=len(taken))
            for callback in taken:
                await _take_alone(runtime, workspace_id, callback)
        if not taken:
            return applied
        applied += len(taken)


async def _take(
    runtime: Runtime, workspace_id: WorkspaceId, taken: list[int], only: int | None = None
) -> None:
    """Apply a batch of callbacks, or one; ``taken`` hears which."""
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await _waiting(tx, only)
        if not rows:
            return
        taken += [row["id"] for row in rows]
        batch = sort(rows)
        early = await put_back(tx, runtime, batch)  # first: what it knows, _act knows as well
        moved = await _act(tx, runtime, batch)
        done = [one for one in zip(taken, batch.errors, strict=True) if one[0] not in early]
        await tx.run(
            SQL["processed"],
            workspace_id=workspace_id,
            ids=[callback for callback, _ in done],
            errors=[error for _, error in done],
        )
    await _follow_up(runtime, workspace_id, batch, moved)


async def _waiting(tx: Transaction, only: int | None) -> list[Row]:
    return await tx.all(
        SQL["waiting"], workspace_id=tx.workspace_id, most=BATCH, bytes=BATCH_BYTES, only=only
    )


async def _take_alone(runtime: Runtime, workspace_id: WorkspaceId, callback: int) -> None:
    """Apply one of some callbacks that fail together, so that the bad one stops no other."""
    try:
        await _take(runtime, workspace_id, [], only=callback)
    except Exception as error:
        if not lies_in_the_data(error):
            raise
        log.warning("callback cannot be applied", callback=callback, error=described(error))
        await _take_in_pieces(runtime, workspace_id, callback, error)


async def _take_in_pieces(
    runtime: Runtime, workspace_id: WorkspaceId, callback: int, because: Exception
) -> None:
    """Apply those events of a callback that can be; the others are left, with why, for a person."""
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await _waiting(tx, callback)
        if not rows:
            return
        try:
            pieces = sort(rows).pieces()
        except Exception:  # noqa: BLE001 - it is because of this that we are here
            pieces = []
        for piece in pieces:
            try:
                async with runtime.db.workspace(workspace_id) as own:
                    moved = await _act(own, runtime, piece)
                await _follow_up(runtime, workspace_id, piece, moved)
            except Exception as error:
                if not lies_in_the_data(error):
                    raise
                because = error
        metrics.UNAPPLIED.labels(rows[0]["provider"]).inc()
        await tx.run(
            SQL["processed"],
            workspace_id=workspace_id,
            ids=[callback],
            errors=[described(because)],
        )


async def _act(tx: Transaction, runtime: Runtime, batch: Batch) -> list[dict[str, Any]]:
    """Have everybody hear what concerns them; returns what became of runs."""
    # In transactions of its own and before these callbacks count as applied: contacts are never
    # locked after deliveries, and what a crash cuts short is taken in again.
    await receiving.take_in(runtime, tx.workspace_id, batch.people)
    await news.take_in(runtime, tx.workspace_id, batch.news)
    await hear(runtime, tx.workspace_id, batch.people, batch.reports)
    moved = await _apply(tx, batch.reports) if batch.reports else []
    told = [(channel, event, STATUSES[event.status]) for channel, event in batch.reports]
    await receipts.take_in(tx, runtime, told)
    return moved


async def _follow_up(
    runtime: Runtime, workspace_id: WorkspaceId, batch: Batch, moved: Sequence[Mapping[str, Any]]
) -> None:
    """What follows once states have changed for good."""
    await _note_reach(runtime, workspace_id, moved, batch.people)
    await faults.heed(runtime, workspace_id, batch.reports, moved)
    await _go_on(runtime, workspace_id, [row["run_id"] for row in moved if row["goes_on"]])
    campaigns = [CampaignId(row["campaign_id"]) for row in moved]
    if campaigns:
        await progress_feed.publish(runtime.redis, workspace_id, campaigns)


async def _apply(
    tx: Transaction, reports: Sequence[tuple[ChannelId, StatusEvent]]
) -> list[dict[str, Any]]:
    references = [_ours(event.reference) for _, event in reports]
    statuses = [STATUSES[event.status] for _, event in reports]
    for status in statuses:
        metrics.REPORTS.labels(status).inc()
    # What is wrong with a message that has not failed is no reason for anything.
    found = [event.fault if event.status == "failed" else None for _, event in reports]
    return await tx.all(
        SQL["apply"],
        workspace_id=tx.workspace_id,
        channels=[channel for channel, _ in reports],
        deliveries=[r.delivery_id if r else None for r in references],
        parts=[r.part if r else None for r in references],
        numbers=[r.attempt if r else None for r in references],
        provider_ids=[event.provider_id or None for _, event in reports],
        statuses=statuses,
        times=[event.at for _, event in reports],
        codes=[fault.code if fault else None for fault in found],
        classes=[fault.error_class.value if fault else None for fault in found],
        details=[fault.detail if fault else None for fault in found],
        of_campaign=faults.OF_CAMPAIGN,
    )


async def _go_on(runtime: Runtime, workspace_id: WorkspaceId, runs: Sequence[int]) -> None:
    """Messages wait again whose parts in doubt have arrived: their runs may have ended.

    In a transaction of its own, as runs are locked after campaigns here; what a crash leaves undone
    is found by the sweeper.
    """
    if not runs:
        return
    async with short(runtime.db, workspace_id) as tx:
        await reopen_runs(tx, [RunId(run) for run in runs])
        for run in runs:
            await leases.wake_run(tx, RunId(run), clock.now())


def _ours(text: str | None) -> Reference | None:
    """A reference that may be ours; others who send from the same number write what they like."""
    reference = Reference.parse(text or "")
    if reference is None or max(reference.part, reference.attempt) > LARGEST_NUMBER:
        return None
    return reference


async def _note_reach(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    moved: Sequence[Mapping[str, Any]],
    people: Sequence[tuple[ChannelId, CallbackEvent]],
) -> None:
    """Afterwards and by itself: contacts are locked before deliveries, never after."""

    def in_column(name: str) -> list[ContactId]:
        return [ContactId(contact) for row in moved for contact in row[name] or () if contact]

    wrote: Iterable[ContactId] = ()
    if found := [whose.of(by, event) for by, event in people if isinstance(event, InboundEvent)]:
        async with runtime.db.workspace(workspace_id) as tx:
            wrote = (await whose.look_up(tx, filter(None, found))).values()
    await reach.missed(runtime.db, workspace_id, in_column("dead"))
    await reach.reached(runtime.db, workspace_id, [*in_column("reached"), *wrote])
