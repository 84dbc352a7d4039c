"""What callbacks say of numbers, accounts, templates and connections, handed to whoever acts on it.

Taken in again after a crash, it comes to the same. What concerns a whole account comes once for
each of its channels: here it is put together again.
"""

from collections.abc import Sequence
from typing import TypeVar

from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.retry import RULES, Verdict
from recado.features.connections import numbers, sessions, standing
from recado.features.connections.standing import Connection
from recado.features.dispatch import consequences
from recado.features.dispatch.transactions import short
from recado.features.templates import news as templates
from recado.features.webhooks.faults import NEWS_FOR
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.events import (
    AccountEvent,
    CallbackEvent,
    CapabilityEvent,
    ConnectionEvent,
    ErrorEvent,
    NumberQualityEvent,
    QrEvent,
)

News = Sequence[tuple[ChannelId, CallbackEvent]]
E = TypeVar("E", bound=CallbackEvent)


async def take_in(runtime: Runtime, workspace_id: WorkspaceId, news: News) -> None:
    """Do what the events ask for, each kind in the order of its times."""
    if not news:
        return
    for quality, channels in _told(news, NumberQualityEvent):
        await _of_number(runtime, workspace_id, channels, quality)
    for capability, channels in _told(news, CapabilityEvent):
        async with short(runtime.db, workspace_id) as tx:
            portfolio = capability.account_id or None
            people, at = capability.people, capability.at
            await standing.tier(tx, channels, people, at=at, portfolio=portfolio)
    for account, channels in _told(news, AccountEvent):
        await _of_account(runtime, workspace_id, channels, account)
    await standing.connections(
        runtime,
        workspace_id,
        {channel: _connection(event) for channel, event in _latest(news, ConnectionEvent).items()},
    )
    await sessions.keep_pictures(runtime.redis, workspace_id, _latest(news, QrEvent))
    for channel, fault in _gravest(news).items():
        await _of_fault(runtime, workspace_id, channel, fault)
    await templates.take_in(runtime, workspace_id, news)


def _told(news: News, kind: type[E]) -> list[tuple[E, list[ChannelId]]]:
    """Events of one kind, the oldest first, each once, with the channels that it came to."""
    found: dict[E, list[ChannelId]] = {}
    for channel, event in news:
        if isinstance(event, kind):
            channels = found.setdefault(event, [])
            if channel not in channels:
                channels.append(channel)
    return sorted(found.items(), key=lambda one: one[0].at)


def _latest(news: News, kind: type[E]) -> dict[ChannelId, E]:
    """What was said last to each channel, in the order of their ids."""
    latest: dict[ChannelId, E] = {}
    for channel, event in news:
        if isinstance(event, kind) and _follows(event, latest.get(channel)):
            latest[channel] = event
    return dict(sorted(latest.items()))


def _gravest(news: News) -> dict[ChannelId, ErrorEvent]:
    """What is wrong with each channel; the latest of what pauses it comes before all else."""
    errors = [(channel, event) for channel, event in news if isinstance(event, ErrorEvent)]
    pausing = [(channel, event) for channel, event in errors if _pauses(event)]
    return {**_latest(errors, ErrorEvent), **_latest(pausing, ErrorEvent)}


def _pauses(event: ErrorEvent) -> bool:
    return RULES[event.fault.error_class].verdict is Verdict.PAUSE_CHANNEL


def _follows(event: CallbackEvent, known: CallbackEvent | None) -> bool:
    return known is None or known.at <= event.at


async def _of_number(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channels: Sequence[ChannelId],
    event: NumberQualityEvent,
) -> None:
    async with short(runtime.db, workspace_id) as tx:
        its, strangers = await standing.called(tx, channels, event.display_number)
        if its and event.event == "FLAGGED":
            await standing.qualities(tx, its, standing.LOW, at=event.at)
        if its and event.tier:
            await standing.tier(
                tx, its, event.people, at=event.at, portfolio=event.account_id or None
            )
        # It names no rating, and what may be a channel's without its knowing must be asked for.
        for channel in its + strangers:
            await numbers.ask_soon(runtime, tx, channel)


async def _of_account(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channels: Sequence[ChannelId],
    event: AccountEvent,
) -> None:
    kinds = ", ".join(restriction.kind for restriction in event.restrictions)
    if event.stops_sending:
        because = ": ".join(filter(None, (event.event, kinds or event.ban, event.detail)))
        await standing.stop_account(
            runtime,
            workspace_id,
            channels,
            because=because,
            until=event.stopped_until,
            at=event.at,
        )
    elif not event.reinstates or await standing.free_account(
        runtime, workspace_id, channels, at=event.at
    ):
        detail = ", ".join(filter(None, (kinds, event.ban, event.detail)))
        await standing.tell_of_account(
            runtime, workspace_id, channels, event=event.event, detail=detail, at=event.at
        )


async def _of_fault(
    runtime: Runtime, workspace_id: WorkspaceId, channel: ChannelId, event: ErrorEvent
) -> None:
    fault = event.fault
    if event.at < clock.now() - NEWS_FOR:
        return
    if not _pauses(event):
        await standing.tell_of_fault(runtime, workspace_id, channel, fault, event.at)
        return
    because = f"{fault.code}: {fault.detail}"
    await consequences.pause_channel(
        runtime, workspace_id, channel, because, error_class=fault.error_class
    )


def _connection(event: ConnectionEvent) -> Connection:
    return Connection(event.status, event.at, event.reason, event.number, event.returns)
