"""Driving one channel: claim, render, reserve, send, record, until nothing is due.

The loop keeps a small queue of claims that are rendered and ready, asks the limiter for as many as
may leave now, and sends those at once. Sends and records overlap with it. Whatever ends the loop,
claims that have not left go back, and outcomes are on record before the channel is given back.

An attempt is in one place at a time: waiting its turn, asked for by the loop, or on the wire, where
it stays until its outcome is on record. Only the loop moves attempts, but for that last step.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from recado.domain.ids import Reference, RunId
from recado.domain.retry import Verdict
from recado.features.dispatch.departures import Departed, Departures
from recado.features.dispatch.holds import Holds
from recado.features.dispatch.leases import Lease
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.limiter import Grant, LeaseLost
from recado.features.dispatch.plans import ChannelPlan, Ready, Rest, prepare
from recado.features.dispatch.recorder import Recorder
from recado.features.dispatch.records import Result
from recado.features.dispatch.sender import Sender
from recado.features.dispatch.transactions import AWAY
from recado.features.dispatch.turns import Turns
from recado.features.gates.service import GRANT_LIFE
from recado.platform import clock, logging
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

log = logging.get(__name__)

HOLD_SECONDS = 2.0  # a channel whose next send is further away is given back meanwhile
PLAN_SECONDS = 5.0  # a change whose notification was lost is seen after so long
CLAIM_AHEAD_SECONDS = 1.0
LARGEST_CLAIM = 50
LONGEST_TURN_SECONDS = 300.0  # what waited so long for its turn goes back
LARGEST_ASK = 16  # as many requests as can be written within a grant's life, with room to spare
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
        self._departures = Departures(Sender(transport, request_timeout), self._ended)
        self._recorder = Recorder(self._ledger.write, self._recorded)
        self._turns = Turns()
        self._holds = Holds()
        self._plan: ChannelPlan | None = None
        self._plan_until = 0.0  # monotonic
        self._stopped_by: set[Reference] = set()
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._taken = False
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
            except LeaseLost:
                if not self._taken:
                    log.info("channel driven by another worker", channel=self._channel_id)
                    return Rest(None)
                self._taken = False  # Redis may have forgotten us: take the channel again
                continue
            except (*AWAY, RedisError) as error:
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
        await self._departures.free(self._ledger.limiter)
        if back := await self._departures.take_back(self._ledger.limiter):
            self._turns.put_back(back)
            self._holds.forget()  # what they had used up is free again
        if not self._taken:
            await self._take()
        plan = await self._read_plan()
        if self._stopped_by:
            return IDLE_WAIT
        if plan.rest is not None:
            await self._let_go(self._turns.take_all())
            return await self._rest(plan)
        if not self._turns and plan.sending:
            # Nothing is claimed for a turn that is far away: another worker may have it then.
            self._holds.note(await self._ledger.look_ahead(plan))
        await self._claim(plan)
        if late := self._turns.take_late(clock.now()):
            self._plan_until = 0.0
            await self._let_go(late)
            return 0.0
        await self._let_go(self._turns.older_than(time.monotonic() - LONGEST_TURN_SECONDS))
        if self._turns:
            return await self._reserve(plan)
        return await self._rest(plan)

    async def _take(self) -> None:
        await self._let_go(self._turns.take_all())
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
            self._holds.forget()
            shut, failed = self._turns.refit(plan)
            for result in failed:
                self._recorder.add(result)
            await self._ledger.release([ready.claim.reference for ready in shut])
        if plan.done:
            await self._ledger.complete(plan.done)
        return plan

    async def _claim(self, plan: ChannelPlan) -> None:
        """Keep about a second's worth of messages ready."""
        soon = self._soon(plan)
        if not soon or time.monotonic() < self._dry_until:
            return
        most = max(plan.runs[run].burst(CLAIM_AHEAD_SECONDS, LARGEST_CLAIM) for run in soon)
        most = min(most, self._holds.room)
        if len(self._turns) * 2 > most:
            return
        claimed = await self._ledger.claim(plan, most, soon)
        if claimed:
            self._fruitless = 0
        else:
            self._dry_until = time.monotonic() + CLAIM_AHEAD_SECONDS
        for one in claimed:
            ready = prepare(one, plan.runs[one.run_id], plan.channel)
            if isinstance(ready, Result):
                self._recorder.add(ready)
            else:
                self._turns.add(ready)

    async def _reserve(self, plan: ChannelPlan) -> float:
        """Ask for the next few, and send those granted at once; returns seconds to wait."""
        asked = self._turns.take(LARGEST_ASK, self._holds.held)
        if not asked:
            return self._holds.shortest(self._turns.runs)
        asking = [ready.asking(random.random()) for ready in asked]  # noqa: S311 - no secret
        paths = {one.run_id: plan.path(one.run_id) for one in asking}
        write_before = time.monotonic() + GRANT_LIFE
        try:
            grant = await self._ledger.reserve(asking, paths)
        except BaseException:
            self._turns.put_back(asked)
            raise
        if grant is None:
            self._turns.put_back(asked)
            return 0.0
        waits = {place: wait for place, wait in grant.held.items() if not wait.of_contact}
        self._turns.put_back([asked[place] for place in sorted(waits)])
        for place in grant.granted:
            self._departures.start(Departed(asked[place], grant, write_before))
        if len(waits) + len(grant.granted) < len(asked):
            await self._ledger.turn_away(asking, grant)
            self._plan_until = 0.0 if grant.gated else self._plan_until
        return await self._after(grant)

    async def _after(self, grant: Grant) -> float:
        """What a grant means for the next turn; returns seconds to wait."""
        for limit, seconds in self._holds.note(grant):
            log.info("limit reached", channel=self._channel_id, limit=limit.mark, refills=seconds)
        if any(wait.full for wait in grant.ahead.values()):
            self._recorder.hurry()
            if not self._departures:
                self._taken = False  # the slots are held by nobody: taking again frees them
            return IDLE_WAIT
        far = {run for run in self._turns.runs if self._holds.of(run) > HOLD_SECONDS}
        await self._let_go(self._turns.take_of(far))
        return self._holds.shortest(self._turns.runs)

    def _ended(self, result: Result | None) -> None:
        if result is None:
            self._changed.set()
            return
        self._recorder.add(result)
        if result.decision is not None and result.decision.verdict in STOPPING:
            self._stopped_by.add(result.reference)
            self._recorder.hurry()

    async def _recorded(self, results: Sequence[Result]) -> None:
        references = [result.reference for result in results]
        self._departures.recorded(references)
        try:
            with suppress(RedisError):  # tried again by the next step
                await self._departures.free(self._ledger.limiter)
            if await self._ledger.follow(results, self._plan):
                self._plan_until = 0.0
        finally:
            self._stopped_by.difference_update(references)
            self._changed.set()

    async def _let_go(self, some: list[Ready]) -> None:
        """Give back claims that waited here."""
        try:
            await self._ledger.release([ready.claim.reference for ready in some])
        except BaseException:
            self._turns.put_back(some)
            raise

    async def _rest(self, plan: ChannelPlan) -> Rest | float:
        """Nothing may leave or nothing is due: see when, once all that was claimed is on record."""
        if self._departures or self._recorder.busy:
            self._recorder.hurry()
            return IDLE_WAIT
        if plan.rest is not None:
            return plan.rest
        soon = self._soon(plan)
        held = [run for run in plan.sending if run not in soon]
        due, orphans = await self._ledger.finish(plan, soon)
        waits = [due] if due is not None else []
        if held:
            waits.append(self._holds.shortest(held))
        if orphans:
            self._taken = False  # taking the channel again settles them
        elif not waits:
            return Rest(None)
        elif min(waits) > HOLD_SECONDS:
            return Rest(min(waits))
        self._dry_until = 0.0
        self._fruitless += 1
        patience = min(IDLE_WAIT, SHORTEST_WAIT * (1 << min(self._fruitless, 10)))
        return max(min(waits, default=0.0), patience)

    def _soon(self, plan: ChannelPlan) -> list[RunId]:
        """The runs whose turn is not far away."""
        return [run for run in plan.sending if self._holds.of(run) <= HOLD_SECONDS]

    async def _settle(self) -> None:
        """Wait for what is on the wire, put it on record, give the rest back."""
        await self._departures.wait()
        await self._recorder.close()
        self._turns.put_back(self._departures.never_left())
        pause = FIRST_PAUSE
        while self._turns:
            try:
                await self._let_go(self._turns.take_all())
            except AWAY:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
