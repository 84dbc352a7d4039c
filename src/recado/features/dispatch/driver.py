"""Driving one channel: claim, render, reserve, send, record, until nothing is due.

The loop keeps a small buffer of claims that are rendered and ready, asks the limiter for as many as
may leave now, and sends those at once. Sends and records overlap with it. Whatever ends the loop,
claims that have not left go back, and outcomes are on record before the channel is given back.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from recado.domain import pacing
from recado.domain.ids import Reference, RunId
from recado.features.dispatch import claims, consequences, progress_feed, takeover
from recado.features.dispatch.finishing import finish_runs
from recado.features.dispatch.leases import SQL, Lease
from recado.features.dispatch.limiter import GRANT_LIFE, Asking, ChannelLimiter, LeaseLost
from recado.features.dispatch.plans import ChannelPlan, Ready, Rest, load_plan, prepare
from recado.features.dispatch.records import Recorder, Result, record
from recado.platform.postgres import DATABASE_AWAY
from recado.features.dispatch.sender import Sender
from recado.features.gates import service as gates
from recado.platform import clock, logging
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

log = logging.get(__name__)

HOLD_SECONDS = 2.0  # a channel whose next send is further away is given back meanwhile
CLAIM_AHEAD_SECONDS = 1.0
LARGEST_CLAIM = 50
LARGEST_ASK = 16  # as many requests as can be written within a grant's life, with room to spare
SHORTEST_WAIT = 0.005
FORGOTTEN_SECONDS = 1.0 + GRANT_LIFE  # the widest window a second's limit may be owed for


class ChannelDriver:
    """One channel, driven by one worker under one lease."""

    def __init__(
        self, runtime: Runtime, transport: Transport, lease: Lease, *, request_timeout: float
    ) -> None:
        self._runtime = runtime
        self._workspace_id = lease.workspace_id
        self._channel_id = lease.channel_id
        self._limiter = ChannelLimiter(
            runtime.redis, lease.workspace_id, lease.channel_id, lease.token
        )
        self._recorder = Recorder(self._write, self._recorded)
        self._sender = Sender(runtime, transport, lease, request_timeout)
        self._plan: ChannelPlan | None = None
        self._buffer: deque[Ready] = deque()
        self._on_the_wire: dict[Reference, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._taken = False
        self._stale = True
        self._dry_until = 0.0  # monotonic: claims found nothing, so none before this

    def notice(self) -> None:
        """Something about this channel changed: read its plan again."""
        self._stale = True
        self._dry_until = 0.0
        self._changed.set()

    def stop(self) -> None:
        """Send nothing more; drive() returns once what left is on record."""
        self._stop.set()
        self._changed.set()

    async def drive(self) -> datetime | None:
        """Send what is due; returns when there will be more, as far as is known."""
        try:
            rest = await self._loop()
        finally:
            await self._settle()
        return clock.now() if self._stop.is_set() else rest.until

    async def _loop(self) -> Rest:
        pause = 0.1
        while not self._stop.is_set():
            self._changed.clear()
            try:
                step = await self._step()
                pause = 0.1
            except LeaseLost:
                await self._let_go()
                if self._taken:
                    self._taken = False  # Redis may have forgotten: take the channel again
                    continue
                log.info("channel driven by another worker", channel=self._channel_id)
                return Rest(None)
            except (*DATABASE_AWAY, RedisError) as error:
                log.warning("channel waits", channel=self._channel_id, error=str(error))
                self._taken = False
                step, pause = pause, min(pause * 2, 5.0)
            if isinstance(step, Rest):
                return step
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(step, SHORTEST_WAIT))
        return Rest(None)

    async def _step(self) -> float | Rest:
        """One turn; returns seconds to wait, or that there is nothing to do."""
        if not self._taken:
            await self._take()
        if self._stale or self._plan is None:
            self._stale = False
            self._plan = await load_plan(self._runtime, self._workspace_id, self._channel_id)
        plan = self._plan
        if plan.rest is not None:
            await self._let_go()
            return plan.rest if not self._on_the_wire else 0.2
        if not self._buffer:
            ahead = await self._limiter.reserve([], plan.channel.pacing, [])
            if ahead.wait is not None and ahead.wait > HOLD_SECONDS:
                return await self._rest(timedelta(seconds=ahead.wait))
        await self._claim(plan)
        if self._buffer:
            return await self._reserve()
        if self._on_the_wire:
            return 1.0
        return await self._rest(None)

    async def _take(self) -> None:
        """Revoke the earlier driver and settle what it left."""
        async with self._runtime.db.workspace(self._workspace_id) as tx:
            recent = await tx.value(
                SQL["recent_usage"], workspace_id=self._workspace_id, channel_id=self._channel_id
            )
        plan = await load_plan(self._runtime, self._workspace_id, self._channel_id)
        await self._let_go()
        taken = await self._limiter.take(
            list(self._on_the_wire),
            stand_still=_forgotten(plan.channel.pacing) if recent else FORGOTTEN_SECONDS,
        )
        self._plan, self._stale = plan, False
        await gates.sync_runs(self._runtime.redis, self._workspace_id, plan.statuses)
        behind = await takeover.left_behind(
            self._runtime.db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            lease=self._limiter.lease,
        )
        theirs = [a for a in behind if a.reference not in self._on_the_wire]
        never_left, may_have_left = takeover.judge(theirs, taken)
        await claims.release(
            self._runtime.db, workspace_id=self._workspace_id, references=never_left
        )
        for reference in may_have_left:
            self._recorder.add(takeover.lost(reference))
        if behind:
            log.warning(
                "settled what an earlier driver left",
                channel=self._channel_id,
                back=len(never_left),
                unknown=len(may_have_left),
            )
        self._taken = True

    async def _claim(self, plan: ChannelPlan) -> None:
        """Keep about a second's worth of messages ready."""
        most = pacing.burst(plan.channel.pacing, CLAIM_AHEAD_SECONDS, LARGEST_CLAIM)
        if len(self._buffer) * 2 > most or time.monotonic() < self._dry_until:
            return
        if not plan.sending:
            self._dry_until = time.monotonic() + CLAIM_AHEAD_SECONDS
            return
        claimed = await claims.claim(
            self._runtime.db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            runs=list(plan.sending),
            lease=self._limiter.lease,
            most=most,
        )
        if not claimed:
            self._dry_until = time.monotonic() + CLAIM_AHEAD_SECONDS
        closed = [c.reference for c in claimed if c.closed]
        await claims.release(self._runtime.db, workspace_id=self._workspace_id, references=closed)
        for one in claimed:
            if one.closed:
                continue
            ready = prepare(one, plan.runs[one.run_id], plan.channel)
            if isinstance(ready, Result):
                self._recorder.add(ready)
            else:
                self._buffer.append(ready)

    async def _reserve(self) -> float:
        """Ask for the next few, and send those granted at once."""
        pace = self._buffer[0].plan.pacing
        asked: list[Ready] = []
        for ready in self._buffer:
            if len(asked) == LARGEST_ASK or ready.plan.pacing != pace:
                break
            asked.append(ready)
        intervals = (
            [pacing.interval(pace, random.random()) for _ in asked]  # noqa: S311 - no secret
            if pace.message_interval
            else []
        )
        write_before = time.monotonic() + GRANT_LIFE
        grant = await self._limiter.reserve(
            [Asking(r.claim.reference, r.claim.run_id, r.claim.contact_id) for r in asked],
            pace,
            intervals,
        )
        free = [ready for position, ready in enumerate(asked) if position not in grant.gated]
        going, staying = free[: grant.granted], free[grant.granted :]
        gated = [asked[position] for position in grant.gated]
        for _ in asked:
            self._buffer.popleft()
        self._buffer.extendleft(reversed(staying))
        for ready in going:
            self._launch(ready, write_before)
        if gated:
            await self._shut_out(gated)
        if grant.wait is not None and grant.wait > HOLD_SECONDS:
            await self._let_go()
        return grant.wait if grant.wait is not None else 1.0

    def _launch(self, ready: Ready, write_before: float) -> None:
        reference = ready.claim.reference
        task = asyncio.create_task(self._send(ready, write_before), name=f"send {reference}")
        self._on_the_wire[reference] = task

    async def _send(self, ready: Ready, write_before: float) -> None:
        reference = ready.claim.reference
        result = await self._sender.send(ready, write_before)
        if result is None:  # its grant died before it could be written: ask again
            self._buffer.appendleft(ready)
            with suppress(RedisError):
                await self._limiter.leave([reference])
            self._on_the_wire.pop(reference, None)
            self._changed.set()
        else:
            self._recorder.add(result)

    async def _shut_out(self, gated: Sequence[Ready]) -> None:
        """Their run or contact is closed, as Redis says; PostgreSQL knows for certain."""
        references = [ready.claim.reference for ready in gated]
        await claims.release(
            self._runtime.db, workspace_id=self._workspace_id, references=references
        )
        runs = {ready.claim.run_id for ready in gated}
        async with self._runtime.db.workspace(self._workspace_id) as tx:
            rows = await tx.all(
                SQL["run_statuses"], workspace_id=self._workspace_id, runs=sorted(runs)
            )
        statuses = {RunId(row["id"]): row["status"] for row in rows}
        await gates.sync_runs(self._runtime.redis, self._workspace_id, statuses)
        self._stale = True

    async def _let_go(self) -> None:
        """Give back the claims that wait here."""
        if self._buffer:
            references = [ready.claim.reference for ready in self._buffer]
            await claims.release(
                self._runtime.db, workspace_id=self._workspace_id, references=references
            )
            self._buffer.clear()

    async def _rest(self, pause: timedelta | None) -> Rest | float:
        """Nothing may leave for a while, or nothing is due: see when, and whether runs are done."""
        if self._on_the_wire:
            return 1.0
        plan = self._plan
        runs = list(plan.statuses) if plan else []
        async with self._runtime.db.workspace(self._workspace_id) as tx:
            ended = await finish_runs(tx, runs)
            due: datetime | None = await tx.value(
                SQL["next_pending"],
                workspace_id=self._workspace_id,
                runs=list(plan.sending) if plan else [],
            )
        if ended:
            await progress_feed.publish(self._runtime.redis, self._workspace_id, ended)
            self._stale = True
        if due is None:
            return Rest(None)
        now = clock.now()
        until = max(due, now + pause) if pause else due
        if until - now < timedelta(seconds=HOLD_SECONDS):
            self._dry_until = 0.0
            return max(SHORTEST_WAIT, float((until - now).total_seconds()))
        return Rest(until)

    async def _write(self, results: Sequence[Result]) -> None:
        await record(
            self._runtime.db,
            workspace_id=self._workspace_id,
            channel_id=self._channel_id,
            results=results,
        )

    async def _recorded(self, results: Sequence[Result]) -> None:
        references = [result.reference for result in results]
        try:
            await self._limiter.leave(references)
        except RedisError:
            self._taken = False  # taking the channel again frees the slots
        for reference in references:
            self._on_the_wire.pop(reference, None)
        self._stale |= await consequences.follow(
            self._runtime, self._workspace_id, self._channel_id, results, self._plan
        )
        self._changed.set()

    async def _settle(self) -> None:
        """Wait for what is on the wire, put it on record, give the rest back."""
        while self._on_the_wire:
            await asyncio.gather(*self._on_the_wire.values(), return_exceptions=True)
            if not all(task.done() for task in self._on_the_wire.values()):
                continue
            break
        await self._recorder.close()
        while True:
            try:
                await self._let_go()
            except DATABASE_AWAY:
                await asyncio.sleep(0.5)
            else:
                return


def _forgotten(pace: pacing.Pacing) -> float:
    """Seconds of silence after which no window and no interval can be owed any more."""
    minute = 60 if pace.per_minute else 0
    return max(minute, pace.message_interval or 0, pace.greater_interval or 0) + FORGOTTEN_SECONDS
