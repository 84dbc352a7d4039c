"""What is known of channels from their providers, changed by the time it was said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.dispatch import failover, leases, mood
from recado.features.dispatch.transactions import short
from recado.features.gates import service as gates
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.platform import clock, logging, metrics
from recado.platform.postgres import Row, Transaction, storable
from recado.platform.runtime import Runtime
from recado.platform.sql import load
from recado.providers.events import ChannelStatus, ProviderFault

log = logging.get(__name__)

SQL = load(__package__ or "")
LOW: Final = "RED"
ANY: Final = "∞"
LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class Connection:
    """How a channel's phone is, as of a moment.

    Attributes:
        status: Whether messages can leave.
        at: When it was said.
        detail: Why, in the provider's words.
        number: The digits that are connected; empty where that is not told.
        returns: Whether it connects again without a person.
    """

    status: ChannelStatus
    at: datetime
    detail: str = ""
    number: str = ""
    returns: bool = False


async def connections(
    runtime: Runtime, workspace_id: WorkspaceId, told: Mapping[ChannelId, Connection]
) -> None:
    """Note who has come and gone: nothing leaves through the one, the other goes on.

    After this returns, no request of a campaign leaves through a channel that has gone.
    """
    if not told:
        return
    async with short(runtime.db, workspace_id) as tx:
        rows = await tx.all(
            SQL["connections"],
            workspace_id=workspace_id,
            channels=[*told],
            statuses=[one.status for one in told.values()],
            details=[_kept(one.detail) for one in told.values()],
            numbers=[_kept(one.number) for one in told.values()],
            times=[one.at for one in told.values()],
        )
        back = [ChannelId(row["id"]) for row in rows if row["ends"]]
        gone = [ChannelId(row["id"]) for row in rows if row["begins"]]
        for row in rows:
            await _tell_of_connection(tx, row, told[ChannelId(row["id"])])
        if back:
            await leases.wake(tx, back, clock.now())
        if gone:
            await failover.defer(runtime, tx)
    await gates.close_channels(runtime.redis, workspace_id, gone, "disconnected")
    for channel in back:
        await mood.forget(runtime.redis, workspace_id, channel)


async def _tell_of_connection(tx: Transaction, row: Row, said: Connection) -> None:
    if row["was"] == row["status"] or row["status"] not in {"disconnected", "blocked"}:
        return
    metrics.PAUSES.labels("channel").inc()
    log.warning("channel disconnected", channel=row["id"], reason=said.detail)
    if not said.returns:
        channel_id = ChannelId(row["id"])
        await notify(tx, Kind.CHANNEL_DISCONNECTED, channel_id=channel_id, reason=said.detail)


async def stop_account(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channels: Sequence[ChannelId],
    *,
    because: str,
    until: datetime | None,
    at: datetime,
) -> None:
    """Let nothing leave through an account's channels; None: until a person has checked them."""
    if until is not None and until <= clock.now():
        return
    async with short(runtime.db, workspace_id) as tx:
        rows = await tx.all(
            SQL["stop_account"],
            workspace_id=workspace_id,
            channels=[*channels],
            reason=_kept(because),
            until=until,
            at=at,
        )
        new = [row for row in rows if row["changed"]]
        if new:
            await notify(
                tx,
                Kind.ACCOUNT_STOPPED,
                channel_id=ChannelId(new[0]["id"]),
                reason=because,
                channels=_names(new),
                until=until.isoformat() if until else "",
            )
            await failover.defer(runtime, tx)
    stopped = [ChannelId(row["id"]) for row in rows]
    await gates.close_channels(runtime.redis, workspace_id, stopped, "account")
    if new:
        metrics.PAUSES.labels("channel").inc(len(new))
        log.error("account stopped", channels=[row["id"] for row in new], reason=because)


async def free_account(
    runtime: Runtime, workspace_id: WorkspaceId, channels: Sequence[ChannelId], *, at: datetime
) -> bool:
    """An account may send again: what its restriction began ends, and nothing else.

    Returns whether that is news of which people were not told, as nothing had been paused by it.
    """
    async with short(runtime.db, workspace_id) as tx:
        rows = await tx.all(
            SQL["free_account"], workspace_id=workspace_id, channels=[*channels], at=at
        )
        freed = [row for row in rows if row["freed"]]
        if freed:
            await notify(
                tx,
                Kind.ACCOUNT_FREED,
                channel_id=ChannelId(freed[0]["id"]),
                channels=_names(freed),
            )
            await leases.wake(tx, [ChannelId(row["id"]) for row in freed], clock.now())
    return bool(rows) and not freed


async def tell_of_account(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channels: Sequence[ChannelId],
    *,
    event: str,
    detail: str,
    at: datetime,
) -> None:
    """Tell people what else was said of an account, once however often it is repeated."""
    reason = f"{event}: {detail}" if detail else event
    async with short(runtime.db, workspace_id) as tx:
        await _tell_once(tx, Kind.ACCOUNT_NEWS, channels, event=event, reason=reason, at=at)


async def tell_of_fault(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channel: ChannelId,
    fault: ProviderFault,
    at: datetime,
) -> None:
    """Tell people what is wrong with a channel, though messages may leave; once likewise."""
    reason = f"{fault.code}: {fault.detail}"
    async with short(runtime.db, workspace_id) as tx:
        await _tell_once(tx, Kind.CHANNEL_FAULT, [channel], event=fault.code, reason=reason, at=at)


async def _tell_once(
    tx: Transaction,
    kind: Kind,
    channels: Sequence[ChannelId],
    *,
    event: str,
    reason: str,
    at: datetime,
) -> None:
    named, time = _kept(event), at.isoformat()
    known = await tx.value(
        SQL["already_told"],
        workspace_id=tx.workspace_id,
        kind=kind.value,
        channels=[*channels],
        event=named,
        at=time,
    )
    if not known:
        await notify(tx, kind, channel_id=min(channels), reason=reason, event=named, at=time)


async def called(
    tx: Transaction, channels: Sequence[ChannelId], number: str
) -> tuple[list[ChannelId], list[ChannelId]]:
    """Which channels have a number (its digits), and of which that is not known."""
    rows = await tx.all(
        SQL["numbers_called"], workspace_id=tx.workspace_id, channels=[*channels], number=number
    )
    return (
        [ChannelId(row["id"]) for row in rows if not row["unknown"]],
        [ChannelId(row["id"]) for row in rows if row["unknown"]],
    )


async def qualities(
    tx: Transaction, channels: Sequence[ChannelId], quality: str, *, at: datetime
) -> None:
    """Note what the provider thinks of some channels' number; tell when that becomes bad, or ends.

    Args:
        tx: Inside the workspace.
        channels: With that number.
        quality: GREEN, YELLOW, RED or UNKNOWN.
        at: When it was said.
    """
    rows = await tx.all(
        SQL["qualities"],
        workspace_id=tx.workspace_id,
        channels=[*channels],
        quality=quality,
        at=at,
    )
    for row in rows:
        if (row["was"] == LOW) != (quality == LOW):
            kind = Kind.QUALITY_LOW if quality == LOW else Kind.QUALITY_BETTER
            await notify(tx, kind, channel_id=ChannelId(row["id"]))


async def tier(
    tx: Transaction,
    channels: Sequence[ChannelId],
    people: int | None,
    *,
    at: datetime,
    portfolio: str | None = None,
) -> None:
    """Note how many people a portfolio may reach in a day; holds for the next message.

    Args:
        tx: Inside the workspace.
        channels: Some of the portfolio's; all others of it are changed too.
        people: None is any number.
        at: When it was said.
        portfolio: Of channels that know of none yet.
    """
    rows = await tx.all(
        SQL["tiers"],
        workspace_id=tx.workspace_id,
        channels=[*channels],
        people=people,
        at=at,
        portfolio=portfolio,
    )
    changed = sorted((row for row in rows if row["changed"]), key=lambda row: int(row["id"]))
    if not changed:
        return
    await leases.wake(tx, [ChannelId(row["id"]) for row in changed], clock.now())
    known = [row for row in changed if row["known"]]
    if known:
        first, was = known[0]["id"], known[0]["was"]
        raised = people is None or (was is not None and people > was)
        kind = Kind.TIER_RAISED if raised else Kind.TIER_LOWERED
        await notify(
            tx,
            kind,
            channel_id=ChannelId(first),
            before=ANY if was is None else was,
            people=ANY if people is None else people,
        )


def _names(rows: Sequence[Row]) -> str:
    return ", ".join(sorted(row["name"] for row in rows))[:LONGEST]


def _kept(text: str) -> str:
    return text[:LONGEST] if storable(text) else ""
