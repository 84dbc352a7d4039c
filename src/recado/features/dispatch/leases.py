"""The drive table: which channels have work, from when, and which worker process drives each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from recado.domain.ids import ChannelId, RunId, WorkspaceId
from recado.features.dispatch.transactions import short_system
from recado.platform.postgres import Database, Row, Transaction
from recado.platform.sql import load

SQL = load(__package__ or "")
NOTIFICATION = "recado_drive"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive one channel; the token grows with every driver.

    ``last_run``: the run that had the last turn under an earlier one.
    """

    workspace_id: WorkspaceId
    channel_id: ChannelId
    token: int
    last_run: RunId | None = field(default=None, compare=False)


async def wake(tx: Transaction, channels: Sequence[ChannelId], at: datetime) -> None:
    """Say that channels have work from a time on, in the transaction that made the work."""
    await tx.run(SQL["wake"], workspace_id=tx.workspace_id, channels=list(channels), at=at)
    for channel in channels:
        await _notify(tx, f"{tx.workspace_id}:{channel}")


async def wake_run(tx: Transaction, run_id: RunId, at: datetime) -> None:
    """Say that all channels of a run have work from a time on."""
    await tx.run(SQL["wake_run"], workspace_id=tx.workspace_id, run_id=run_id, at=at)
    await _notify(tx, f"{tx.workspace_id}:")


async def tell(tx: Transaction) -> None:
    """Have all drivers of this workspace read their plans again, without waking idle channels."""
    await _notify(tx, f"{tx.workspace_id}:")


async def hasten(tx: Transaction, now: datetime) -> None:
    """Have a changed pace hold at once, also for channels that wait for their next turn by it."""
    await tx.run(SQL["hasten"], workspace_id=tx.workspace_id, at=now)
    await tell(tx)


async def _notify(tx: Transaction, payload: str) -> None:
    await tx.run(
        "SELECT pg_notify(%(channel)s, %(payload)s)", channel=NOTIFICATION, payload=payload
    )


class Leases:
    """The leases of one worker process."""

    def __init__(self, db: Database, owner: str, seconds: float) -> None:
        self._db = db
        self._owner = owner
        self._length = timedelta(seconds=seconds)

    async def take(self, most: int) -> list[Lease]:
        """Lease due channels, one of each workspace in turn, for at most so many free places."""
        async with short_system(self._db) as tx:
            rows = await tx.all(SQL["lease"], owner=self._owner, lease=self._length, most=most)
        return [_lease(row) for row in rows]

    async def renew(self, driven: Collection[Lease]) -> set[Lease]:
        """Keep those that are being driven; what is missing from the answer is lost."""
        async with short_system(self._db) as tx:
            rows = await tx.all(
                SQL["renew"],
                owner=self._owner,
                lease=self._length,
                workspaces=[lease.workspace_id for lease in driven],
                channels=[lease.channel_id for lease in driven],
                tokens=[lease.token for lease in driven],
            )
        return {_lease(row) for row in rows}

    async def give_back(
        self, lease: Lease, due_in: float | None, last_run: RunId | None = None
    ) -> None:
        """Stop driving a channel that has work in so many seconds; None if none is known of.

        ``last_run``: which run had the last turn.
        """
        async with short_system(self._db) as tx:
            await tx.run(
                SQL["give_back"],
                workspace_id=lease.workspace_id,
                channel_id=lease.channel_id,
                owner=self._owner,
                token=lease.token,
                due_in=None if due_in is None else timedelta(seconds=due_in),
                last_run=last_run,
            )

    async def next_due(self) -> float | None:
        """Seconds until a channel is due or a lease runs out; None if nothing is in sight."""
        async with self._db.system() as tx:
            seconds = await tx.value(SQL["next_due"])
        return None if seconds is None else float(seconds)


def _lease(row: Row) -> Lease:
    last = row.get("last_run_id")
    return Lease(
        WorkspaceId(row["workspace_id"]),
        ChannelId(row["channel_id"]),
        int(row["token"]),
        None if last is None else RunId(last),
    )
