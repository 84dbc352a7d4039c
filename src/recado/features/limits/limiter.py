"""May this attempt leave now? Every limit of it at once, in one atomic call to Redis.

A grant dies 25 ms after it was asked for, by the worker's own monotonic clock, and windows count
their width plus those 25 ms: so however late a granted request reaches the wire, no window of the
promised width ever holds more than its limit. A grant that died unused is taken back: nothing left.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from redis.asyncio import Redis

from recado.domain.ids import ChannelId, MessageReference, RunId, WorkspaceId
from recado.domain.limits import Kind, Limit, Path, Scope
from recado.features.gates.service import channel_gate, contact_gate, run_gate
from recado.features.limits.asks import (
    SECOND_US,
    AnyReference,
    Asking,
    Book,
    Sheet,
    book_key,
    life_ms,
)
from recado.platform.redis import key, script

OPENED = "limits"  # where it is noted whose books are complete
ANSWERS = "answers"  # a channel's answers in flight


@dataclass(frozen=True, slots=True)
class Closed:
    """A gate that shut an attempt out, and what it held at that moment."""

    gate: str
    held: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Why something may not leave yet.

    Attributes:
        seconds: Until it may, as far as limits go; 0 if none of them is in the way.
        limit: The one that holds it longest.
        full: All slots in flight are taken; nobody knows for how long.
        of_contact: It is the contact's own limit: others of its run may go.
    """

    seconds: float
    limit: Limit | None
    full: bool = False
    of_contact: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What may leave now, out of what was asked.

    Attributes:
        granted: The places of those that may, in the order asked.
        gated: Place → the gate that is closed.
        held: Place → why it may not leave yet.
        ahead: Run → when one more of it could leave.
        at: Redis' clock, in microseconds, as Redis writes it.
        lease: Under which they were granted.
        used: How much of each limit is taken, and what it is.
        permit: The installation's grant for them and who gave it, if it limits anything.
    """

    granted: tuple[int, ...]
    gated: Mapping[int, Closed]
    held: Mapping[int, Wait]
    ahead: Mapping[RunId, Wait]
    at: str
    lease: str
    used: Sequence[tuple[Limit, int]] = ()
    books: Sequence[Book] = ()
    passed: Mapping[AnyReference, tuple[int, ...]] = field(default_factory=dict)
    permit: "tuple[Limiter, Grant] | None" = None

    @property
    def full(self) -> bool:
        """Every run finds all slots in flight taken."""
        return bool(self.ahead) and all(wait.full for wait in self.ahead.values())

    @property
    def left_at(self) -> datetime:
        """The moment of the grants, by Redis' clock."""
        return datetime.fromtimestamp(int(self.at) / SECOND_US, UTC)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a channel's new driver finds.

    Attributes:
        previous: The lease under which Redis has seen all reservations, or None if it cannot tell.
        in_flight: Attempts that were reserved under it and not ended.
    """

    previous: str | None
    in_flight: frozenset[str]


class LeaseLost(Exception):
    """Another driver has the channel, or Redis has forgotten this one.

    ``above``: the token of a driver that came after us, if that is the reason.
    """

    def __init__(self, above: int | None = None) -> None:
        self.above = above
        super().__init__(f"token {above} is above ours" if above else "not under this lease")


class BooksClosed(Exception):
    """Nothing was granted: the books of these limits must be filled first."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = limits
        super().__init__(", ".join(limit.mark for limit in limits))


class Limiter:
    """Asks for attempts under one key prefix, with a lease or without one."""

    def __init__(self, redis: "Redis", prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        package = __package__ or ""
        self._reserve = script(redis, package, "reserve.lua")
        self._take_back = script(redis, package, "take_back.lua")
        self._lease_key = f"{prefix}:no-lease"
        self._flight = f"{prefix}:no-flight"
        self._gate = f"{prefix}:no-gate"
        self._beside = f"{prefix}:no-flight-beside"
        self._waiting = f"{prefix}:waiting"
        self.lease = ""
        self.first = False

    async def reserve(self, asking: Sequence[Asking], paths: Mapping[RunId, Path]) -> Grant:
        """Ask for several attempts at once; those granted must be written at once.

        Args:
            asking: At most as many as can be written within a grant's life; none to look ahead.
            paths: What each run must pass, those of the attempts among them.

        Raises:
            LeaseLost: Nothing was granted, and nothing will be under this lease.
            BooksClosed: Nothing was granted; fill them and ask again.
        """
        sheet = Sheet(self._prefix)
        for run_id, path in paths.items():
            sheet.path(run_id, path)
        for one in asking:
            sheet.add(one, paths[one.run_id])
        off = sorted({mark for path in paths.values() for mark in path.off})
        verdict, *answer = await self._reserve(
            keys=[
                *(self._lease_key, f"{self._prefix}:{OPENED}", self._flight, self._gate),
                *(self._beside, self._waiting),
                *(book.key for book in sheet.books),
                *(gate for one in asking for gate in self._gates(one)),
            ],
            args=[msgspec.json.encode(sheet.asked(lease=self.lease, off=off, first=self.first))],
        )
        if verdict == "lease":
            raise LeaseLost
        if verdict == "closed":
            raise BooksClosed(sheet.limits(answer[0]))
        return self._grant(asking, paths, sheet, answer)

    def _grant(
        self,
        asking: Sequence[Asking],
        paths: Mapping[RunId, Path],
        sheet: Sheet,
        answer: Sequence[Any],
    ) -> Grant:
        at, results, ahead, used = answer
        granted: list[int] = []
        gated: dict[int, Closed] = {}
        held: dict[int, Wait] = {}
        passed: dict[AnyReference, tuple[int, ...]] = {}
        for place, result in enumerate(results):
            if result == 1:
                granted.append(place)
                attempt = sheet.attempts[place]
                checks = [*sheet.paths[attempt["path"]]["checks"], *attempt["own"]]
                passed[asking[place].reference] = tuple(sorted({check[0] for check in checks}))
            elif len(result) == 2:  # noqa: PLR2004 - a gate and what it holds
                gated[place] = Closed(*map(str, result))
            else:
                held[place] = _wait(result, sheet.books, sheet.attempts[place])
        return Grant(
            granted=tuple(granted),
            gated=gated,
            held=held,
            # The paths of the runs come first, in their order.
            ahead={run: _wait(one, sheet.books) for run, one in zip(paths, ahead, strict=False)},
            at=at,
            lease=self.lease,
            used=[(book.limit, int(count)) for book, count in zip(sheet.books, used, strict=True)],
            books=sheet.books,
            passed=passed,
        )

    async def take_back(self, references: Sequence[AnyReference], grant: Grant) -> None:
        """Undo granted attempts that were never written: they count for nothing."""
        ask = {
            "lease": grant.lease,
            "at": grant.at,
            "books": [book.limit.kind.value for book in grant.books],
            "attempts": [{"id": str(r), "books": grant.passed[r]} for r in references],
        }
        await self._take_back(
            keys=[self._lease_key, self._flight, *(book.key for book in grant.books)],
            args=[msgspec.json.encode(ask)],
        )
        if grant.permit is not None:
            limiter, permit = grant.permit
            await limiter.take_back(references, permit)

    def _gates(self, asking: Asking) -> tuple[str, str]:
        del asking
        return self._gate, self._gate


class ChannelLimiter(Limiter):
    """The limiter as one driver of one channel sees it."""

    def __init__(
        self, redis: "Redis", workspace_id: WorkspaceId, channel_id: ChannelId, token: int
    ) -> None:
        super().__init__(redis, key(workspace_id))
        self._workspace_id = workspace_id
        self._take_over = script(redis, __package__ or "", "take_over.lua")
        self._token = token
        self.lease = f"{token}:"
        base = (workspace_id, "channel", channel_id)
        self._lease_key, self._flight, self._beside = (
            key(*base, name) for name in ("lease", "flight", ANSWERS)
        )
        self._gate = channel_gate(workspace_id, channel_id)

    async def take(self, on_the_wire: Sequence[AnyReference]) -> Taken:
        """Revoke whoever drove the channel before, and start under a lease of our own.

        Args:
            on_the_wire: Attempts of ours whose outcome is not known yet.

        Raises:
            LeaseLost: Someone has taken the channel after us.
        """
        nonce = secrets.token_hex(4)
        taken, previous, trusted, in_flight = await self._take_over(
            keys=[self._lease_key, self._flight],
            args=[self._token, nonce, *map(str, on_the_wire)],
        )
        if not taken:
            raise LeaseLost(int(previous))
        self.lease = f"{self._token}:{nonce}"
        return Taken(previous if trusted else None, frozenset(in_flight))

    async def leave(self, references: Sequence[AnyReference]) -> None:
        """Free the slots of attempts whose outcome is on record."""
        if references:
            await self._redis.zrem(self._flight, *map(str, references))

    def _gates(self, asking: Asking) -> tuple[str, str]:
        return (
            run_gate(self._workspace_id, asking.run_id),
            contact_gate(self._workspace_id, asking.contact_id),
        )


class AnswerLimiter(Limiter):
    """The limiter of a channel for answers: without its lease, and before what campaigns send."""

    def __init__(
        self, redis: "Redis", workspace_id: WorkspaceId, channel_id: ChannelId, *, gated: bool
    ) -> None:
        """``gated``: it is no answer to somebody who is talking to us, so an opt-out shuts it out.

        Then contacts are closed to it as they are to campaigns.
        """
        super().__init__(redis, key(workspace_id))
        self._workspace_id = workspace_id
        self._gated = gated
        self.first = True
        base = (workspace_id, "channel", channel_id)
        self._lease_key, self._flight, self._beside = (
            key(*base, name) for name in ("lease", ANSWERS, "flight")
        )
        self._gate = channel_gate(workspace_id, channel_id)

    async def leave(self, reference: MessageReference) -> None:
        """Free the slot of an attempt that has ended."""
        await self._redis.zrem(self._flight, str(reference))

    def _gates(self, asking: Asking) -> tuple[str, str]:
        nothing, other = super()._gates(asking)
        if self._gated:
            other = contact_gate(self._workspace_id, asking.contact_id)
        return nothing, other


async def count_inbound(
    redis: "Redis", workspace_id: WorkspaceId, channels: Mapping[ChannelId, int]
) -> None:
    """Count received messages against the second's limit of their channels.

    Meta, throughput: what a number receives counts together with what it sends.
    """
    seconds, microseconds = await redis.time()
    now = int(seconds) * SECOND_US + int(microseconds)
    async with redis.pipeline(transaction=False) as pipe:
        for channel, count in channels.items():
            second = Limit(Scope.CHANNEL, str(channel), "perSecond", Kind.LOG, 1, 1.0)
            book = book_key(key(workspace_id), second)
            pipe.zadd(book, {f"in:{secrets.token_hex(6)}": now for _ in range(count)})
            pipe.pexpire(book, life_ms(second))
        await pipe.execute()


def _wait(
    answer: Sequence[Any], books: Sequence[Book], attempt: Mapping[str, Any] | None = None
) -> Wait:
    microseconds, number, full = int(answer[0]), int(answer[1]), bool(int(answer[2]))
    limit = books[number].limit if number >= 0 else None
    own = attempt is not None and number in {check[0] for check in attempt["own"]}
    return Wait(microseconds / SECOND_US, limit, full=full, of_contact=own)
