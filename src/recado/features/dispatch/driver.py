"""Driving one channel: claim, render, reserve, send, record, until nothing is due.

The loop keeps a small queue of messages ready at the turnstile, and lets as many pass as may leave
now; these are sent at once. Sends and records overlap with it. Whatever ends the loop, claims that
have not left go back, and outcomes are on record before the channel is given back.

An attempt is in one place at a time: waiting its turn, asked for by the loop, or on the wire, where
it stays until its outcome is on record. Only the loop moves attempts, but for that last step.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from recado.domain.ids import Reference
from recado.domain.retry import Verdict
from recado.features.dispatch.departures import Departures
from recado.features.dispatch.leases import Lease
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.mood import Mood
from recado.features.dispatch.plans import ChannelPlan, Rest
from recado.features.dispatch.recorder import Recorder
from recado.features.dispatch.records import Result
from recado.features.dispatch.sender import Sender
from recado.features.dispatch.transactions import AWAY
from recado.features.dispatch.turnstile import CLAIM_AHEAD_SECONDS, HOLD_SECONDS, Passed, Turnstile
from recado.features.limits.limiter import LeaseLost
from recado.platform import clock, logging, outages
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

log = logging.get(__name__)

PLAN_SECONDS = 5.0  # a change whose notification was lost is seen after so long
SHORTEST_WAIT = 0.005
IDLE_WAIT = 1.0  # something else will wake the loop sooner
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # while a server is away, or what is due cannot be claimed

# Nothing more leaves until these are on record and what they ask for is done.
STOPPING = frozenset({Verdict.PAUSE_CHANNEL, Verdict.HOLD_CHANNEL, Verdict.PAUSE_CAMPAIGN})


class ChannelDriver:
    """One channel, driven by one worker under one lease."""

    def __init__(
        self, runtime: Runtime, transport: Transport, lease: Lease, *, request_timeout: float
    ) -> None:
        self._channel_id = lease.channel_id
        self._ledger = Ledger(runtime, lease)
        self.rota = self._ledger.rota
        self._mood = Mood(runtime.redis, lease.workspace_id, lease.channel_id)
        self._departures = Departures(
            Sender(transport, request_timeout), self._mood.heard, self._ended
        )
        self._recorder = Recorder(self._ledger.write, self._recorded)
        self._plan: ChannelPlan | None = None
        self._plan_until = 0.0  # monotonic
        self._stopped_by: set[Reference] = set()
        self._changed = asyncio.Event()
        self._turnstile = Turnstile(
            self._ledger, self._departures, self._recorder.add, self._changed.set
        )
        self._stop = asyncio.Event()
        self._taken = False
        self._starved = False  # as many are on the wire as the provider bears
        self._dry_until = 0.0  # monotonic: a claim found nothing, so none before this
        self._fruitless = 0  # how often in a row something was due and could not be claimed

    def notice(self) -> None:
        """Something about this channel changed: read its plan again."""
        self._plan_until = self._dry_until = 0.0
        self._fruitless = 0
        self._changed.set()

    def stop(self) -> None:
        """Send nothing more; drive() returns once what left is on record."""
        self._stop.set()
        self._changed.set()

    async def drive(self) -> float | None:
        """Send what is due; returns in how many seconds there will be more, as far as is known."""
        try:
            rest = await self._loop()
        finally:
            await self._settle()
        return 0.0 if self._stop.is_set() else rest.seconds

    async def _loop(self) -> Rest:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            self._changed.clear()
            try:
                step = await self._step()
                pause = FIRST_PAUSE
                outages.over()
            except LeaseLost:
                if not self._taken:
                    log.info("channel driven by another worker", channel=self._channel_id)
                    return Rest(None)
                self._taken = False  # Redis may have forgotten us: take the channel again
                continue
            except (*AWAY, RedisError) as error:
                outages.met(error)
                self._taken = False
                step, pause = pause, min(pause * 2, LONGEST_PAUSE)
            if isinstance(step, Rest):
                return step
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(step, SHORTEST_WAIT))
        return Rest(None)

    async def _step(self) -> float | Rest:
        """One turn; returns seconds to wait, or that there is nothing to do."""
        await self._departures.free(self._ledger.limiter)
        if back := await self._departures.take_back(self._ledger.limiter):
            self._turnstile.put_back(back)
        if not self._taken:
            await self._take()
        plan = await self._read_plan()
        if self._stopped_by:
            return IDLE_WAIT
        if plan.rest is not None:
            await self._turnstile.let_all_go()
            return await self._rest(plan)
        held = self._mood.held(clock.now().timestamp())
        if held > HOLD_SECONDS:
            await self._turnstile.let_all_go()
            return await self._rest(plan, held)
        await self._claim(plan)
        if await self._turnstile.let_late_go(clock.now()):
            self._plan_until = 0.0
            return 0.0
        if not self._turnstile.waiting:
            return await self._rest(plan)
        return await self._pass(plan)

    async def _claim(self, plan: ChannelPlan) -> None:
        if time.monotonic() < self._dry_until:
            return
        claimed = await self._turnstile.claim(plan)
        if claimed:
            self._fruitless = 0
        elif claimed == 0:
            self._dry_until = time.monotonic() + CLAIM_AHEAD_SECONDS

    async def _pass(self, plan: ChannelPlan) -> float:
        """Let pass who may; returns seconds to wait."""
        held = await self._mood.permit(clock.now().timestamp())
        if held is not None:
            return min(held, IDLE_WAIT)
        room = self._mood.slots(plan.channel.pacing.in_flight) - self._departures.unanswered
        self._starved = room <= 0
        passed = await self._turnstile.let_pass(plan, room) if room > 0 else Passed(IDLE_WAIT)
        if not passed.left:
            self._mood.unused()
        if passed.gated:
            self._plan_until = 0.0
        if not passed.full:
            return passed.wait
        self._recorder.hurry()
        if not self._departures:
            self._taken = False  # the slots are held by nobody: taking again frees them
        return IDLE_WAIT

    async def _take(self) -> None:
        await self._turnstile.let_all_go()
        self._plan_until = 0.0
        on_the_wire = self._departures.references
        for lost in await self._ledger.take(on_the_wire):
            self._recorder.add(lost)
        self._departures.forgotten(on_the_wire)
        self._taken = True

    async def _read_plan(self) -> ChannelPlan:
        """The plan, read again from time to time; what waits already goes by the new one."""
        if self._plan is not None and time.monotonic() < self._plan_until:
            return self._plan
        self._plan_until = time.monotonic() + PLAN_SECONDS  # before: a notice meanwhile counts
        try:
            plan = await self._ledger.plan()
        except BaseException:
            self._plan_until = 0.0
            raise
        if plan.holds_until is not None:
            holds = (plan.holds_until - clock.now()).total_seconds()
            self._plan_until = min(self._plan_until, time.monotonic() + holds)
        if plan != self._plan:
            self._plan = plan
            self._mood.about(plan.channel)
            await self._turnstile.refit(plan)
        if plan.done:
            await self._ledger.complete(plan.done)
        return plan

    def _ended(self, result: Result | None) -> None:
        if result is None:
            self._mood.unused()
            self._changed.set()
            return
        self._recorder.add(result)
        decision = result.decision
        stops = decision is not None and (
            decision.verdict in STOPPING or decision.suspects_campaign
        )
        if stops or self._mood.pause_until is not None:
            self._stopped_by.add(result.reference)
            self._recorder.hurry()
        if self._starved:
            self._changed.set()

    async def _recorded(self, results: Sequence[Result]) -> None:
        references = [result.reference for result in results]
        self._departures.recorded(references)
        try:
            with suppress(RedisError):  # tried again by the next step
                await self._departures.free(self._ledger.limiter)
            await self._mood.save()
            until = self._mood.pause_until
            if await self._ledger.follow(results, self._plan, back_off_until=until):
                self._plan_until = 0.0
            if until is not None:
                self._mood.paused(until)
        finally:
            self._stopped_by.difference_update(references)
            self._changed.set()

    async def _rest(self, plan: ChannelPlan, pause: float = 0.0) -> Rest | float:
        """Nothing may leave or nothing is due: see when, once all that was claimed is on record."""
        if self._departures or self._recorder.busy:
            self._recorder.hurry()
            return IDLE_WAIT
        if plan.rest is not None:
            return plan.rest
        soon, held = self._turnstile.soon(plan)
        due, orphans = await self._ledger.finish(plan, soon)
        waits = [wait for wait in (due, held) if wait is not None]
        if orphans:
            self._taken = False  # taking the channel again settles them
        elif not waits:
            return Rest(None)
        elif max(min(waits), pause) > HOLD_SECONDS:
            return Rest(max(min(waits), pause))
        self._dry_until = 0.0
        self._fruitless += 1
        patience = min(IDLE_WAIT, SHORTEST_WAIT * (1 << min(self._fruitless, 10)))
        return max(min(waits, default=0.0), patience)

    async def _settle(self) -> None:
        """Wait for what is on the wire, put it on record, give the rest back."""
        await self._departures.wait()
        await self._recorder.close()
        self._turnstile.put_back(self._departures.never_left())
        pause = FIRST_PAUSE
        while True:
            try:
                await self._turnstile.let_all_go()
            except AWAY:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return
