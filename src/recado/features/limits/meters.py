"""What the limits hold now: how much of each is used, what is left, and when it refills."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recado.domain.ids import CampaignId, ChannelId, RunId, WorkspaceId
from recado.domain.limits import Limit, Path
from recado.features.channels import service as channels
from recado.features.channels.service import OpenChannel
from recado.features.limits import paths
from recado.features.limits.books import SQL, Books
from recado.features.limits.limiter import BooksClosed, Grant, Limiter
from recado.features.settings import service as settings
from recado.platform import clock
from recado.platform.postgres import Row
from recado.platform.redis import key
from recado.platform.runtime import Runtime

AT_ONCE = 500  # limits in one question


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit and its book.

    Attributes:
        limit: The limit.
        used: Of it, at this moment.
        refills_at: When one more may go; None if one may go now.
    """

    limit: Limit
    used: int
    refills_at: datetime | None

    @property
    def left(self) -> int:
        """How many may still go."""
        return max(0, self.limit.most - self.used)


@dataclass(frozen=True, slots=True)
class ChannelMeters:
    """What a channel has to do, and its limits: its own and those of campaigns on it.

    Attributes:
        id: Of the channel.
        name: Of the channel.
        running: Requests on the wire.
        slots: The most there may be.
        waiting: Deliveries of its running campaigns that have not left.
        meters: Each limit once.
    """

    id: ChannelId
    name: str
    running: int
    slots: int | None
    waiting: int
    meters: Sequence[Meter]


@dataclass(frozen=True, slots=True)
class Meters:
    """All limits of a workspace, of a page of its channels."""

    workspace: Sequence[Meter]
    channels: Sequence[ChannelMeters]
    per_contact_daily: int | None


async def read(
    runtime: Runtime, workspace_id: WorkspaceId, *, limit: int, after: int | None
) -> Meters:
    """What the limits hold now; books that nobody has asked for since a flush are filled first.

    Args:
        runtime: Its Redis and PostgreSQL are asked.
        workspace_id: Whose.
        limit: How many channels.
        after: From which one on.

    Raises:
        RedisError: Redis is away: nobody knows.
    """
    now = clock.now()
    async with runtime.db.workspace(workspace_id) as tx:
        found = await channels.everyone(tx, limit=limit, after=after)
        shared = await paths.shared(tx, saved := await settings.saved(tx))
        opened = [channels.opened_channel(channel, runtime, saved) for channel in found]
        rows = await tx.all(
            SQL["runs_of_channels"], workspace_id=workspace_id, channels=[one.id for one in opened]
        )
    of_workspace = paths.of_workspace(shared)
    of_channels = {
        one.id: _limits(one, shared, [row for row in rows if row["channel_id"] == one.id], now)
        for one in opened
    }
    of_all = [*of_workspace, *itertools.chain.from_iterable(of_channels.values())]
    everything = list(dict.fromkeys(of_all))
    meters: dict[Limit, Meter] = {}
    for first in range(0, len(everything), AT_ONCE):
        some = everything[first : first + AT_ONCE]
        meters |= _meters(await _look(runtime, workspace_id, some), some, now)
    flying = await _flying(runtime, workspace_id, list(of_channels))
    names = {channel.id: channel.name for channel in found}
    return Meters(
        workspace=[meters[one] for one in of_workspace],
        channels=[
            ChannelMeters(
                id=one.id,
                name=names[one.id],
                running=flying[one.id],
                slots=one.pacing.in_flight,
                waiting=sum(row["pending"] for row in rows if row["channel_id"] == one.id),
                meters=[meters[each] for each in of_channels[one.id]],
            )
            for one in opened
        ],
        per_contact_daily=shared.per_contact_daily,
    )


def _limits(
    channel: OpenChannel, shared: paths.Shared, rows: Iterable[Row], now: datetime
) -> list[Limit]:
    found = list(paths.of_channel(channel, now))
    for row in rows:
        path = paths.path(
            channel,
            shared,
            campaign=CampaignId(row["campaign_id"]),
            own=row["pacing"],
            created_by=row["created_by"],
            now=now,
        )
        found += path.limits
    workspace = set(paths.of_workspace(shared))
    return [one for one in dict.fromkeys(found) if one not in workspace]


async def _look(runtime: Runtime, workspace_id: WorkspaceId, found: Sequence[Limit]) -> Grant:
    """Each limit as the only one on a path of its own."""
    limiter = Limiter(runtime.redis, key(workspace_id))
    books = Books(runtime.redis, runtime.db, workspace_id)
    alone = {
        RunId(place): Path(limits=(limit,), slots=paths.UNLIMITED)
        for place, limit in enumerate(found)
    }
    while True:
        try:
            return await limiter.reserve([], alone)
        except BooksClosed as closed:
            await books.fill(closed.limits)


async def _flying(
    runtime: Runtime, workspace_id: WorkspaceId, found: Sequence[ChannelId]
) -> Mapping[ChannelId, int]:
    async with runtime.redis.pipeline(transaction=False) as pipe:
        for channel in found:
            pipe.zcard(key(workspace_id, "channel", channel, "flight"))
        counts = await pipe.execute() if found else []
    return dict(zip(found, counts, strict=True))


def _meters(grant: Grant, found: Sequence[Limit], now: datetime) -> dict[Limit, Meter]:
    used = {limit.mark: count for limit, count in grant.used}
    meters = {}
    for place, limit in enumerate(found):
        wait = grant.ahead[RunId(place)].seconds
        refills = now + timedelta(seconds=wait) if wait > 0 else None
        meters[limit] = Meter(limit, used[limit.mark], refills)
    return meters
