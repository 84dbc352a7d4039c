"""The books of one channel under one lease: every word with PostgreSQL and Redis about it."""

from collections.abc import Collection, Sequence
from datetime import datetime

from recado.domain import pacing
from recado.domain.ids import Reference, RunId
from recado.features.dispatch import claims, consequences, progress_feed, takeover
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.finishing import finish_runs
from recado.features.dispatch.leases import SQL, Lease
from recado.features.dispatch.limiter import GRANT_LIFE, ChannelLimiter
from recado.features.dispatch.plans import ChannelPlan, load_plan
from recado.features.dispatch.records import Result, record
from recado.features.gates import service as gates
from recado.platform import logging
from recado.platform.runtime import Runtime

log = logging.get(__name__)

FORGOTTEN_SECONDS = 1.0 + GRANT_LIFE  # after so long no second's limit can be owed any more


class Ledger:
    """What a driver reads and writes; it keeps no state but its lease."""

    def __init__(self, runtime: Runtime, lease: Lease) -> None:
        self._runtime = runtime
        self._db = runtime.db
        self._workspace_id = lease.workspace_id
        self._channel_id = lease.channel_id
        self.limiter = ChannelLimiter(
            runtime.redis, lease.workspace_id, lease.channel_id, lease.token
        )

    async def plan(self) -> ChannelPlan:
        """The channel and what it may send for, as of now."""
        return await load_plan(self._runtime, self._workspace_id, self._channel_id)

    async def take(self, on_the_wire: Collection[Reference]) -> list[Result]:
        """Revoke the earlier driver, and settle what it left.

        Returns:
            Attempts that may have left with it, to be recorded as unknown. Those that provably
            did not are pending again.

        Raises:
            LeaseLost: Someone has taken the channel after us.
        """
        plan = await self.plan()
        async with self._db.workspace(self._workspace_id) as tx:
            recent = await tx.value(
                SQL["recent_usage"], workspace_id=self._workspace_id, channel_id=self._channel_id
            )
        stand_still = _forgotten(plan.channel.pacing) if recent else FORGOTTEN_SECONDS
        taken = await self.limiter.take(list(on_the_wire), stand_still=stand_still)
        await gates.sync_runs(self._runtime.redis, self._workspace_id, plan.statuses)
        behind = await takeover.left_behind(
            self._db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            lease=self.limiter.lease,
        )
        theirs = [attempt for attempt in behind if attempt.reference not in on_the_wire]
        never_left, may_have_left = takeover.judge(theirs, taken)
        await self.release(never_left)
        if theirs:
            log.warning(
                "settled what an earlier driver left",
                channel=self._channel_id,
                back=len(never_left),
                unknown=len(may_have_left),
            )
        return [takeover.lost(reference) for reference in may_have_left]

    async def claim(self, plan: ChannelPlan, most: int) -> list[Claim]:
        """Claim about so many; those whose contact must not be written to go back at once."""
        if not plan.sending:
            return []
        claimed = await claims.claim(
            self._db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            runs=plan.sending,
            lease=self.limiter.lease,
            most=most,
        )
        await self.release([one.reference for one in claimed if one.closed])
        return [one for one in claimed if not one.closed]

    async def release(self, references: Sequence[Reference]) -> None:
        """Give back claims that provably never left."""
        await claims.release(self._db, workspace_id=self._workspace_id, references=references)

    async def shut_out(self, references: Sequence[Reference], runs: Collection[RunId]) -> None:
        """Redis says that their run or contact is closed; PostgreSQL knows for certain."""
        await self.release(references)
        async with self._db.workspace(self._workspace_id) as tx:
            rows = await tx.all(
                SQL["run_statuses"], workspace_id=self._workspace_id, runs=sorted(runs)
            )
        statuses = {RunId(row["id"]): row["status"] for row in rows}
        await gates.sync_runs(self._runtime.redis, self._workspace_id, statuses)

    async def finish(self, plan: ChannelPlan) -> datetime | None:
        """Complete the runs that are done; returns when the next delivery is due, if any is."""
        async with self._db.workspace(self._workspace_id) as tx:
            ended = await finish_runs(tx, list(plan.statuses))
            due: datetime | None = await tx.value(
                SQL["next_pending"], workspace_id=self._workspace_id, runs=plan.sending
            )
        if ended:
            await progress_feed.publish(self._runtime.redis, self._workspace_id, ended)
        return due

    async def write(self, results: Sequence[Result]) -> None:
        """Put outcomes on record."""
        await record(
            self._db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            results=results,
        )

    async def follow(self, results: Sequence[Result], plan: ChannelPlan | None) -> bool:
        """Do what recorded outcomes make necessary; True if the plan changed by it."""
        return await consequences.follow(
            self._runtime, self._workspace_id, self._channel_id, results, plan
        )


def _forgotten(pace: pacing.Pacing) -> float:
    """Seconds of silence after which no window and no interval can be owed any more."""
    minute = 60 if pace.per_minute else 0
    interval = (pace.message_interval or 0) * (1 + pacing.INTERVAL_JITTER)
    return max(minute, interval, pace.greater_interval or 0) + FORGOTTEN_SECONDS
