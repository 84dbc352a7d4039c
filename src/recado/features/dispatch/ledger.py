"""The books of one channel under one lease: every word with PostgreSQL and Redis about it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from recado.domain.ids import ContactId, Reference, RunId
from recado.domain.limits import Path
from recado.features.dispatch import (
    claims,
    consequences,
    progress_feed,
    sleepers,
    takeover,
)
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.finishing import finish_runs
from recado.features.dispatch.leases import SQL, Lease
from recado.features.dispatch.plans import ChannelPlan, Ready, load_plan
from recado.features.dispatch.records import Result, record
from recado.features.dispatch.rota import Rota
from recado.features.dispatch.transactions import short
from recado.features.dispatch.unknowns import Unsure
from recado.features.gates import service as gates
from recado.features.gates.service import OPEN
from recado.features.limits.asks import Asking
from recado.features.limits.books import LONGEST_UNRECORDED
from recado.features.limits.entrance import Entrance
from recado.features.limits.limiter import (
    ChannelLimiter,
    Closed,
    Grant,
    LeaseLost,
)
from recado.platform import clock, logging
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

log = logging.get(__name__)


class Ledger:
    """What a driver reads and writes; all that it keeps is about its own leases."""

    def __init__(self, runtime: Runtime, lease: Lease) -> None:
        self._runtime = runtime
        self._db = runtime.db
        self._workspace_id = lease.workspace_id
        self._channel_id = lease.channel_id
        self._token = lease.token
        self.rota = Rota(lease.last_run)
        self.unsure = Unsure(runtime.db, lease.workspace_id)
        self._revoked: dict[str, frozenset[str]] = {}  # lease → what was in flight at its end
        self._forgotten = False  # Redis cannot tell that of some lease
        self.limiter = ChannelLimiter(
            runtime.redis, lease.workspace_id, lease.channel_id, lease.token
        )
        self.entrance = Entrance(runtime, lease.workspace_id, self.limiter)

    async def plan(self) -> ChannelPlan:
        """The channel and what it may send for, as of now."""
        plan = await load_plan(self._runtime, self._workspace_id, self._channel_id)
        if plan.channel.paused_reason is not None and plan.rest is None:
            async with short(self._db, self._workspace_id) as tx:
                await tx.run(
                    SQL["end_hold"], workspace_id=self._workspace_id, channel_id=self._channel_id
                )
        return plan

    async def reserve(self, asking: Sequence[Asking], paths: Mapping[RunId, Path]) -> Grant | None:
        """Ask for attempts; None if nothing was granted, as books had to be filled first.

        Raises:
            LeaseLost: Nothing will be granted under this lease.
        """
        return await self.entrance.reserve(asking, paths)

    async def take(self, on_the_wire: Collection[Reference] = ()) -> list[Result]:
        """Revoke the earlier driver, and settle what it left.

        Args:
            on_the_wire: Attempts of ours whose outcome is not on record yet.

        Returns:
            Attempts that may have left with it, to be recorded as unknown. Those that provably
            did not are pending again.

        Raises:
            LeaseLost: Someone has taken the channel after us.
        """
        try:
            taken = await self.limiter.take(list(on_the_wire))
        except LeaseLost as lost:
            await self._catch_up(lost.above)
            raise
        # Kept for the next try, should PostgreSQL be away from here on.
        if taken.previous is not None:
            self._revoked[taken.previous] = taken.in_flight
        else:
            self._forgotten = True
        behind = await takeover.left_behind(
            self._db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            lease=self.limiter.lease,
            in_flight=frozenset().union(*self._revoked.values()),
            claimed_since=clock.now() - LONGEST_UNRECORDED if self._forgotten else None,
        )
        self._forgotten = False
        theirs = [attempt for attempt in behind if attempt.reference not in on_the_wire]
        never_left, may_have_left = takeover.judge(theirs, self._revoked)
        await self.release(never_left)
        if theirs:
            log.warning(
                "settled what an earlier driver left",
                channel=self._channel_id,
                back=len(never_left),
                unknown=len(may_have_left),
            )
        return [takeover.lost(reference) for reference in may_have_left]

    async def _catch_up(self, above: int | None) -> None:
        """If PostgreSQL still says that the channel is ours, its tokens have fallen behind."""
        async with short(self._db, self._workspace_id) as tx:
            behind = await tx.run(
                SQL["catch_up"],
                workspace_id=self._workspace_id,
                channel_id=self._channel_id,
                token=self._token,
                above=above,
            )
        if behind:
            log.warning("tokens caught up with Redis", channel=self._channel_id, token=above)

    async def claim(
        self, plan: ChannelPlan, most: int, runs: Mapping[RunId, int] | None = None
    ) -> list[Claim]:
        """Claim about so many; those whose contact must not be written to go back at once.

        ``runs``: only of these, and of each no more; of all that are sending by default.
        """
        if not plan.sending:
            return []
        of_each = dict.fromkeys(plan.sending, most) if runs is None else runs
        claimed = await claims.claim(
            self._db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            runs={run: of_each[run] for run in self.rota.order(list(of_each))},
            lease=self.limiter.lease,
            most=most,
        )
        self.rota.had(one.run_id for one in claimed)
        now = clock.now()
        asleep = [one for one in claimed if plan.runs[one.run_id].sleeps(one, now)]
        away = {one.reference for one in asleep} | {o.reference for o in claimed if o.closed}
        await self.release(list(away))
        await sleepers.put_off(self._db, self._workspace_id, plan, asleep, now)
        return [one for one in claimed if one.reference not in away]

    async def keep_parts(self, messages: Sequence[Ready]) -> None:
        """Put on record what the parts of those say that have several; before any is reserved."""
        await claims.keep_parts(
            self._db,
            workspace_id=self._workspace_id,
            messages={one.claim.reference: one.parts for one in messages if one.parts},
        )

    async def release(self, references: Sequence[Reference]) -> None:
        """Give back claims that provably never left."""
        await claims.release(self._db, workspace_id=self._workspace_id, references=references)

    async def turn_away(self, asked: Sequence[Asking], grant: Grant) -> None:
        """Give back what a gate shut out, and until its time what the contact's own limit holds."""
        now = clock.now()
        held = [(place, wait) for place, wait in grant.held.items() if wait.of_contact]
        await claims.release(
            self._db,
            workspace_id=self._workspace_id,
            references=_of_deliveries(asked[place] for place, _ in held),
            due=[now + timedelta(seconds=wait.seconds) for _, wait in held],
        )
        if grant.gated:
            await self.shut_out([(asked[place], gate) for place, gate in grant.gated.items()])

    async def shut_out(self, attempts: Sequence[tuple[Asking, Closed]]) -> None:
        """Redis says that channel, run or contact is closed; PostgreSQL knows for certain."""
        await self.release(_of_deliveries(asking for asking, _ in attempts))
        async with self._db.workspace(self._workspace_id) as tx:
            runs = await _open_runs(tx, {asking.run_id for asking, _ in attempts})
            contacts = await _open_contacts(
                tx, {asking.contact_id for asking, _ in attempts if asking.contact_id}
            )
            channel_open = await tx.value(
                SQL["channel_open"], workspace_id=self._workspace_id, channel_id=self._channel_id
            )
        may_open = {gates.run_gate(self._workspace_id, run) for run in runs} | {
            gates.contact_gate(self._workspace_id, contact) for contact in contacts
        }
        if channel_open:
            may_open.add(gates.channel_gate(self._workspace_id, self._channel_id))
        seen = {closed.gate: closed.held for _, closed in attempts if closed.gate in may_open}
        await gates.reopen(self._runtime.redis, seen)

    async def complete(self, runs: Sequence[RunId]) -> None:
        """Complete those of these runs that are done."""
        async with short(self._db, self._workspace_id) as tx:
            ended = await finish_runs(tx, runs)
        if ended:
            await progress_feed.publish(self._runtime.redis, self._workspace_id, ended)

    async def finish(self, plan: ChannelPlan, runs: Sequence[RunId]) -> tuple[float | None, bool]:
        """Complete the runs that are done.

        Returns:
            Seconds until the next delivery of these runs is due, None if none waits; and whether
            the channel has claims that are not ours. To be asked only by a driver that has none.
        """
        await self.complete(list(plan.runs))
        now = clock.now()
        async with self._db.workspace(self._workspace_id) as tx:
            row = await tx.one(
                SQL["outlook"],
                workspace_id=self._workspace_id,
                channel_id=self._channel_id,
                runs=list(runs),
                now=now,
            )
        due = [] if row is None or row["seconds"] is None else [float(row["seconds"])]
        if plan.opens_at is not None:
            due.append((plan.opens_at - now).total_seconds())
        return min(due, default=None), bool(row and row["orphans"])

    async def write(self, results: Sequence[Result]) -> None:
        """Put outcomes on record."""
        await record(
            self._db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            results=results,
        )

    async def follow(
        self,
        results: Sequence[Result],
        plan: ChannelPlan | None,
        *,
        back_off_until: datetime | None = None,
    ) -> bool:
        """Do what recorded outcomes make necessary; True if the plan changed by it."""
        return await consequences.follow(
            self._runtime,
            self._workspace_id,
            self._channel_id,
            results,
            plan,
            back_off_until=back_off_until,
        )


def _of_deliveries(asking: Iterable[Asking]) -> list[Reference]:
    return [one.reference for one in asking if isinstance(one.reference, Reference)]


async def _open_contacts(tx: Transaction, contacts: Collection[ContactId]) -> list[ContactId]:
    rows = await tx.all(
        SQL["contacts_closed"], workspace_id=tx.workspace_id, contacts=sorted(contacts)
    )
    return [ContactId(row["id"]) for row in rows if not row["closed"]]


async def _open_runs(tx: Transaction, runs: Collection[RunId]) -> list[RunId]:
    rows = await tx.all(SQL["run_statuses"], workspace_id=tx.workspace_id, runs=sorted(runs))
    return [RunId(row["id"]) for row in rows if row["status"] in OPEN]
