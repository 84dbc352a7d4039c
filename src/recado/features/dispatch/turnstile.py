"""Where messages wait for their turn: claimed, rendered, asked for, let pass or given back."""

import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from recado.domain.ids import RunId
from recado.domain.limits import Limit
from recado.features.dispatch.departures import Departed, Departures
from recado.features.dispatch.holds import Holds
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.plans import ChannelPlan, Ready
from recado.features.dispatch.records import Result
from recado.features.dispatch.supply import Supply
from recado.features.dispatch.transactions import AWAY
from recado.features.dispatch.turns import Turns
from recado.features.gates.service import GRANT_LIFE
from recado.features.limits.limiter import Grant
from recado.platform import logging

log = logging.get(__name__)

HOLD_SECONDS = 2.0  # what cannot leave for longer is given back meanwhile
CLAIM_AHEAD_SECONDS = 1.0
LARGEST_CLAIM = 50
LONGEST_TURN_SECONDS = 300.0  # what waited so long for its turn goes back
LARGEST_ASK = 16  # as many requests as can be written within a grant's life, with room to spare


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of asking.

    Attributes:
        wait: Seconds until it is worth asking again.
        full: All slots in flight are taken; an outcome frees one.
        gated: Some were shut out by a gate: the plan may be out of date.
        left: How many were let pass.
    """

    wait: float
    full: bool = False
    gated: bool = False
    left: int = 0


class Turnstile:
    """The messages of one channel that one driver has claimed and that have not left.

    A claim that cannot be given back now, because a server is away, stays here for the next try.
    While some wait here, the next ones are claimed beside: their statement holds nobody up.
    """

    def __init__(
        self,
        ledger: Ledger,
        departures: Departures,
        unsendable: Callable[[Result], None],
        claimed: Callable[[], None],
    ) -> None:
        """``unsendable`` hears of claims that cannot be sent as they are.

        ``claimed`` is told when there are new ones to be had, by the next `claim`.
        """
        self._ledger = ledger
        self._departures = departures
        self._unsendable = unsendable
        self._supply = Supply(ledger, claimed)
        self._turns = Turns()
        self._holds = Holds()

    @property
    def waiting(self) -> int:
        """How many messages wait here."""
        return len(self._turns)

    def soon(self, plan: ChannelPlan) -> tuple[list[RunId], float | None]:
        """The runs whose turn is near, and the seconds until the first other's; None: no other."""
        near = [run for run in plan.sending if self._holds.of(run) <= HOLD_SECONDS]
        far = [plan.due_in(run, self._holds.of(run)) for run in plan.sending if run not in near]
        return near, min(far, default=None)

    async def claim(self, plan: ChannelPlan) -> int | None:
        """Keep about a second's worth of messages ready; None if there are enough already.

        Nothing is claimed for a turn that is far away: another worker may have it then.
        """
        if not self._supply.coming:
            if not self._turns and plan.sending:
                self._tell(self._holds.note(await self._look_ahead(plan)))
            near, _ = self.soon(plan)
            wanted = {run: self._second(plan, run) for run in near}
            wanted = {run: n for run, n in wanted.items() if self._turns.count([run]) * 2 <= n}
            most = max(wanted.values(), default=0)
            # What waits for a limit of its own run keeps no other from being claimed.
            if not wanted or self._turns.count(wanted) * 2 > most:
                return None
            self._supply.order(plan, most, wanted)
        if self._turns and not self._supply.there:
            return None
        return await self._stock(plan)

    async def _stock(self, plan: ChannelPlan | None) -> int:
        """Put what was claimed behind the others; fitted to the plan, if that is another by now."""
        prepared_by, claimed = await self._supply.take()
        for ready in claimed:
            if isinstance(ready, Result):
                self._unsendable(ready)
            else:
                self._turns.add(ready)
        if plan is not None and plan != prepared_by:
            await self.refit(plan)
        return len(claimed)

    def _second(self, plan: ChannelPlan, run: RunId) -> int:
        """How many of a run may leave in about a second."""
        its = plan.runs[run]
        return min(its.burst(CLAIM_AHEAD_SECONDS, LARGEST_CLAIM), self._holds.room(its.path))

    async def _look_ahead(self, plan: ChannelPlan) -> Grant:
        paths = {run: plan.path(run) for run in plan.sending}
        while True:
            ahead = await self._ledger.reserve([], paths)
            if ahead is not None:
                return ahead

    async def let_pass(self, plan: ChannelPlan, room: int = LARGEST_ASK) -> Passed:
        """Ask for the next few, ``room`` at most, and send those granted at once."""
        asked = await self._without_healed(
            self._turns.take(min(LARGEST_ASK, room), self._holds.held)
        )
        if not asked:
            return Passed(self._holds.shortest(self._turns.runs))
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
            return Passed(0.0)
        for place in grant.granted:
            self._departures.start(Departed(asked[place], grant, write_before))
        waits = sorted(place for place, wait in grant.held.items() if not wait.of_contact)
        self._turns.put_back([asked[place] for place in waits])
        if len(waits) + len(grant.granted) < len(asked):
            await self._ledger.turn_away(asking, grant)
        self._tell(self._holds.note(grant))
        if not grant.full:
            far = {run for run in self._turns.runs if self._holds.of(run) > HOLD_SECONDS}
            await self._let_go(self._turns.take_of(far))
        return Passed(
            self._holds.shortest(self._turns.runs),
            grant.full,
            bool(grant.gated),
            len(grant.granted),
        )

    async def _without_healed(self, asked: list[Ready]) -> list[Ready]:
        """Leave out what is tried again and of which a callback has told since it was claimed."""
        unsure = [ready.claim.reference for ready in asked if ready.claim.unsure]
        try:
            gone = await self._ledger.unsure.withdraw(unsure)
        except BaseException:
            self._turns.put_back(asked)
            raise
        return [ready for ready in asked if ready.claim.reference not in gone]

    def put_back(self, some: Iterable[Ready]) -> None:
        """These were let pass and could not leave: they are the first again."""
        self._turns.put_back(some)
        self._holds.forget()  # what they had used up is free again

    async def refit(self, plan: ChannelPlan) -> None:
        """Fit what waits to a new plan; what may not be sent any more is given back."""
        self._holds.forget()
        shut, failed = self._turns.refit(plan)
        for result in failed:
            self._unsendable(result)
        await self._let_go(shut)

    async def let_late_go(self, now: datetime) -> bool:
        """Give back what may not leave at this hour, and what has waited for too long.

        Returns:
            Whether there was anything: time has gone by, so look at the hours again.
        """
        late = self._turns.take_late(now)
        late += self._turns.older_than(time.monotonic() - LONGEST_TURN_SECONDS)
        await self._let_go(late)
        return bool(late)

    async def let_all_go(self) -> None:
        """Give everything back, what is being claimed as well."""
        with suppress(*AWAY):  # whoever takes the channel next settles what came of a claim
            await self._stock(None)
        await self._let_go(self._turns.take_all())

    async def _let_go(self, some: list[Ready]) -> None:
        try:
            await self._ledger.release([ready.claim.reference for ready in some])
        except BaseException:
            self._turns.put_back(some)
            raise

    def _tell(self, news: Iterable[tuple[Limit, float]]) -> None:
        for limit, seconds in news:
            log.info("limit reached", limit=limit.mark, most=limit.most, refills_in=seconds)
