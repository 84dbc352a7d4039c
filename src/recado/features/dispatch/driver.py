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
from recado.domain.ids import Reference
from recado.features.dispatch.leases import Lease
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.limiter import GRANT_LIFE, Asking, Grant, LeaseLost
from recado.features.dispatch.plans import ChannelPlan, Ready, Rest, prepare
from recado.features.dispatch.records import Recorder, Result
from recado.features.dispatch.sender import Sender
from recado.platform import clock, logging
from recado.platform.postgres import DATABASE_AWAY
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

log = logging.get(__name__)

HOLD_SECONDS = 2.0  # a channel whose next send is further away is given back meanwhile
CLAIM_AHEAD_SECONDS = 1.0
LARGEST_CLAIM = 50
LARGEST_ASK = 16  # as many requests as can be written within a grant's life, with room to spare
SHORTEST_WAIT = 0.005
IDLE_WAIT = 1.0  # something else will wake the loop sooner
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # while a server is away


class ChannelDriver:
    """One channel, driven by one worker under one lease."""

    def __init__(
        self, runtime: Runtime, transport: Transport, lease: Lease, *, request_timeout: float
    ) -> None:
        self._channel_id = lease.channel_id
        self._ledger = Ledger(runtime, lease)
        self._sender = Sender(transport, request_timeout)
        self._recorder = Recorder(self._ledger.write, self._recorded)
        self._plan: ChannelPlan | None = None
        self._buffer: deque[Ready] = deque()
        self._on_the_wire: dict[Reference, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._taken = False
        self._stale = True
        self._dry_until = 0.0  # monotonic: a claim found nothing, so none before this

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
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            self._changed.clear()
            try:
                step = await self._step()
                pause = FIRST_PAUSE
            except LeaseLost:
                await self._let_go()
                if not self._taken:
                    log.info("channel driven by another worker", channel=self._channel_id)
                    return Rest(None)
                self._taken = False  # Redis may have forgotten us: take the channel again
                continue
            except (*DATABASE_AWAY, RedisError) as error:
                log.warning("channel waits", channel=self._channel_id, error=str(error))
                self._taken = False
                step, pause = pause, min(pause * 2, LONGEST_PAUSE)
            if isinstance(step, Rest):
                return step
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(step, SHORTEST_WAIT))
        return Rest(None)

    async def _step(self) -> float | Rest:
        """One turn; returns seconds to wait, or that there is nothing to do."""
        if not self._taken:
            await self._let_go()
            for lost in await self._ledger.take(self._on_the_wire.keys()):
                self._recorder.add(lost)
            self._taken = self._stale = True
        if self._stale or self._plan is None:
            self._stale = False
            self._plan = await self._ledger.plan()
        plan = self._plan
        if plan.rest is not None:
            await self._let_go()
            return IDLE_WAIT if self._on_the_wire else plan.rest
        if not self._buffer:
            # Nothing is claimed for a turn that is far away: another worker may have it then.
            ahead = await self._ledger.limiter.reserve([], plan.channel.pacing, [])
            if ahead.wait is not None and ahead.wait > HOLD_SECONDS:
                return await self._rest(plan, timedelta(seconds=ahead.wait))
        await self._claim(plan)
        if self._buffer:
            return await self._reserve()
        return await self._rest(plan, timedelta())

    async def _claim(self, plan: ChannelPlan) -> None:
        """Keep about a second's worth of messages ready."""
        most = pacing.burst(plan.channel.pacing, CLAIM_AHEAD_SECONDS, LARGEST_CLAIM)
        if len(self._buffer) * 2 > most or time.monotonic() < self._dry_until:
            return
        claimed = await self._ledger.claim(plan, most)
        if not claimed:
            self._dry_until = time.monotonic() + CLAIM_AHEAD_SECONDS
        for one in claimed:
            ready = prepare(one, plan.runs[one.run_id], plan.channel)
            if isinstance(ready, Result):
                self._recorder.add(ready)
            else:
                self._buffer.append(ready)

    async def _reserve(self) -> float:
        """Ask for the next few of one pace, and send those granted at once."""
        pace = self._buffer[0].plan.pacing
        # Out of the buffer while we ask: one whose grant died meanwhile joins it at the front.
        asked: list[Ready] = []
        while self._buffer and len(asked) < LARGEST_ASK and self._buffer[0].plan.pacing == pace:
            asked.append(self._buffer.popleft())
        intervals = (
            [pacing.interval(pace, random.random()) for _ in asked]  # noqa: S311 - no secret
            if pace.message_interval
            else []
        )
        write_before = time.monotonic() + GRANT_LIFE
        try:
            grant = await self._ledger.limiter.reserve(
                [Asking(r.claim.reference, r.claim.run_id, r.claim.contact_id) for r in asked],
                pace,
                intervals,
            )
        except BaseException:
            self._buffer.extendleft(reversed(asked))
            raise
        gated = self._part(asked, grant, write_before)
        if gated:
            await self._ledger.shut_out(
                [ready.claim.reference for ready in gated],
                {ready.claim.run_id for ready in gated},
            )
            self._stale = True
        if grant.wait is None:
            return IDLE_WAIT
        if grant.wait > HOLD_SECONDS:
            await self._let_go()
        return grant.wait

    def _part(self, asked: Sequence[Ready], grant: Grant, write_before: float) -> list[Ready]:
        """Send those granted, keep those that wait in their order; returns those shut out."""
        free = [ready for position, ready in enumerate(asked) if position not in grant.gated]
        self._buffer.extendleft(reversed(free[grant.granted :]))
        for ready in free[: grant.granted]:
            reference = ready.claim.reference
            self._on_the_wire[reference] = asyncio.create_task(
                self._send(ready, write_before), name=f"send {reference}"
            )
        return [asked[position] for position in grant.gated]

    async def _send(self, ready: Ready, write_before: float) -> None:
        result = await self._sender.send(ready, write_before)
        if result is not None:
            self._recorder.add(result)
            return
        # Its grant died before it could be written: it asks again, before all others.
        try:
            await self._ledger.limiter.leave([ready.claim.reference])
        except RedisError:
            self._taken = False
        self._buffer.appendleft(ready)
        self._on_the_wire.pop(ready.claim.reference, None)
        self._changed.set()

    async def _recorded(self, results: Sequence[Result]) -> None:
        references = [result.reference for result in results]
        try:
            await self._ledger.limiter.leave(references)
        except RedisError:
            self._taken = False  # taking the channel again frees the slots
        for reference in references:
            self._on_the_wire.pop(reference, None)
        self._stale |= await self._ledger.follow(results, self._plan)
        self._changed.set()

    async def _let_go(self) -> None:
        """Give back the claims that wait here."""
        going = list(self._buffer)
        self._buffer.clear()  # now: one whose grant dies while we wait joins an empty buffer
        try:
            await self._ledger.release([ready.claim.reference for ready in going])
        except BaseException:
            self._buffer.extend(going)
            raise

    async def _rest(self, plan: ChannelPlan, pause: timedelta) -> Rest | float:
        """Nothing may leave or nothing is due: see when, once all that left is on record."""
        if self._on_the_wire or self._recorder.busy:
            return IDLE_WAIT
        due = await self._ledger.finish(plan)
        if due is None:
            return Rest(None)
        now = clock.now()
        until = max(due, now + pause)
        if until - now > timedelta(seconds=HOLD_SECONDS):
            return Rest(until)
        self._dry_until = 0.0
        return (until - now).total_seconds()

    async def _settle(self) -> None:
        """Wait for what is on the wire, put it on record, give the rest back."""
        await asyncio.gather(*self._on_the_wire.values(), return_exceptions=True)
        await self._recorder.close()
        pause = FIRST_PAUSE
        while self._buffer:
            try:
                await self._let_go()
            except DATABASE_AWAY:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
