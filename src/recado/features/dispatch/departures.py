"""What is on the wire: from the grant until the outcome is on record and the slot is free."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from recado.domain.ids import Reference
from recado.domain.pacing import Pacing
from recado.features.dispatch.plans import Ready
from recado.features.dispatch.records import Result
from recado.features.dispatch.sender import Sender
from recado.features.limits.limiter import ChannelLimiter, Grant
from recado.platform import clock, logging, pulse

log = logging.get(__name__)

WARN_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Departed:
    """One message that was let pass."""

    ready: Ready
    grant: Grant
    write_before: float  # on the monotonic clock


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request went that was written."""

    result: Result
    pace: Pacing
    seconds: float
    in_flight: int  # with this one, when it was answered
    at: datetime


class Departures:
    """The attempts of one driver that hold a slot in flight."""

    def __init__(
        self,
        sender: Sender,
        heard: Callable[[Answer], None],
        ended: Callable[[Result | None], None],
    ) -> None:
        """``heard`` is told how every request went that was written, and before ``ended``.

        Not of those that this process slept through: how they went is not the provider's fault.

        ``ended`` hears of every request's end; None: its grant died and nothing was written.
        """
        self._sender = sender
        self._ended = ended
        self._heard = heard
        self.unanswered = 0
        self._on_the_wire: dict[Reference, asyncio.Task[None]] = {}
        self._expired: list[Departed] = []
        self._to_free: set[Reference] = set()
        self._warned = 0.0

    def __len__(self) -> int:
        return len(self._on_the_wire)

    @property
    def references(self) -> frozenset[Reference]:
        """All attempts whose outcome is not on record yet."""
        return frozenset(self._on_the_wire)

    def start(self, departed: Departed) -> None:
        """Send a message at once."""
        reference = departed.ready.claim.reference
        self.unanswered += 1
        self._on_the_wire[reference] = asyncio.create_task(
            self._send(departed), name=f"send {reference}"
        )

    def recorded(self, references: Iterable[Reference]) -> None:
        """These outcomes are on record; their slots are to be freed."""
        for reference in references:
            if self._on_the_wire.pop(reference, None) is not None:
                self._to_free.add(reference)

    def forgotten(self, known: Collection[Reference]) -> None:
        """A new lease began with these in flight: free those that ended meanwhile."""
        self._to_free.update(set(known) - self._on_the_wire.keys())

    async def free(self, limiter: ChannelLimiter) -> None:
        """Free the slots of what is on record; raises RedisError and keeps them in mind."""
        freeing = tuple(self._to_free)
        await limiter.leave(freeing)
        self._to_free.difference_update(freeing)

    async def take_back(self, limiter: ChannelLimiter) -> list[Ready]:
        """Undo the grants that died unused; returns their messages, which wait for a turn again.

        Raises:
            RedisError: They stay here for the next try.
        """
        expired = tuple(self._expired)
        for grant in {id(one.grant): one for one in expired}.values():
            alike = [one.ready.claim.reference for one in expired if one.grant is grant.grant]
            await limiter.take_back(alike, grant.grant)
        if expired:
            self._warn(len(expired))
        del self._expired[: len(expired)]
        for one in expired:
            del self._on_the_wire[one.ready.claim.reference]
        return [one.ready for one in expired]

    def never_left(self) -> list[Ready]:
        """Messages whose grants died unused and could not be undone."""
        expired, self._expired = self._expired, []
        for one in expired:
            del self._on_the_wire[one.ready.claim.reference]
        return [one.ready for one in expired]

    async def wait(self) -> None:
        """Return once every request has come to its end."""
        await asyncio.gather(*self._on_the_wire.values())

    async def _send(self, departed: Departed) -> None:
        begun = time.monotonic()
        pulse.awake_since()
        try:
            result = await self._sender.send(departed.ready, departed.write_before)
        finally:
            in_flight, self.unanswered = self.unanswered, self.unanswered - 1
        if result is None:
            self._expired.append(departed)
        else:
            if result.left:
                result = replace(result, left_at=departed.grant.left_at)
            if pulse.awake_since() <= begun:
                seconds, pace = time.monotonic() - begun, departed.ready.plan.pacing
                self._heard(Answer(result, pace, seconds, in_flight, clock.now()))
        self._ended(result)

    def _warn(self, count: int) -> None:
        """A few die while connections open; many, where Redis or this process is too slow."""
        now = time.monotonic()
        if now - self._warned > WARN_EVERY_SECONDS:
            self._warned = now
            log.info("grants died unused and are asked for again", grants=count)
