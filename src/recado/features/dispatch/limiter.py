"""May this attempt leave now? Every limit of a channel at once, in one atomic call to Redis.

A grant dies 25 ms after it was asked for, by the worker's own monotonic clock, and windows count
their width plus those 25 ms: so however late a granted request reaches the wire, no window of the
promised width ever holds more than its limit. A grant that died unused is taken back: nothing left.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis

from recado.domain import pacing
from recado.domain.ids import ChannelId, ContactId, Reference, RunId, WorkspaceId
from recado.domain.pacing import Pacing, Window
from recado.features.gates.service import GRANT_LIFE, contact_gate, run_gate
from recado.platform.redis import key, script

_GRANT_LIFE_US = round(GRANT_LIFE * 1e6)
_SECOND_US = 1_000_000
UNLIMITED = 1_000_000
_WIDTHS = (1 / pacing.SPREAD, 1, 60)  # seconds; of every window that there may be


@dataclass(frozen=True, slots=True)
class Asking:
    """One attempt that wants to leave."""

    reference: Reference
    run_id: RunId
    contact_id: ContactId | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A gate that shut an attempt out, and what it held at that moment."""

    gate: str
    held: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What may leave now, out of what was asked.

    Attributes:
        granted: How many of those not gated, in the order asked.
        gated: Position → the gate that is closed.
        wait: Seconds until more may leave; None while all slots in flight are taken.
        at: Redis' clock, in microseconds, as Redis writes it.
        pause: Microseconds of pause that the grant began; None for none.
    """

    granted: int
    gated: dict[int, Closed]
    wait: float | None
    at: str
    pause: int | None = None


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


class ChannelLimiter:
    """The limiter as one driver of one channel sees it."""

    def __init__(
        self, redis: "Redis", workspace_id: WorkspaceId, channel_id: ChannelId, token: int
    ) -> None:
        self._redis = redis
        self._workspace_id = workspace_id
        package = __package__ or ""
        self._reserve = script(redis, package, "reserve.lua")
        self._take_back = script(redis, package, "take_back.lua")
        self._take_over = script(redis, package, "take_over.lua")
        self._token = token
        self.lease = f"{token}:"
        base = (workspace_id, "channel", channel_id)
        self._lease_key, self._flight, self._next = (
            key(*base, name) for name in ("lease", "flight", "next")
        )
        self._window = key(*base, "window")

    async def take(self, on_the_wire: Sequence[Reference], *, stand_still: float) -> Taken:
        """Revoke whoever drove the channel before, and start under a lease of our own.

        Args:
            on_the_wire: Attempts of ours whose outcome is not known yet.
            stand_still: Seconds in which nothing leaves, if Redis has forgotten what left lately.

        Raises:
            LeaseLost: Someone has taken the channel after us.
        """
        nonce = secrets.token_hex(4)
        taken, previous, trusted, in_flight = await self._take_over(
            keys=[
                *(self._lease_key, self._flight, self._next),
                *(f"{self._window}:{seconds:g}" for seconds in _WIDTHS),
            ],
            args=[self._token, nonce, round(stand_still * _SECOND_US), *map(str, on_the_wire)],
        )
        if not taken:
            raise LeaseLost(int(previous))
        self.lease = f"{self._token}:{nonce}"
        return Taken(previous if trusted else None, frozenset(in_flight))

    async def reserve(
        self, asking: Sequence[Asking], pace: Pacing, intervals: Sequence[float]
    ) -> Grant:
        """Ask for several attempts at once; those granted must be written at once.

        Args:
            asking: At most as many as can be written within a grant's life; none to look ahead.
            pace: The channel's, restricted by the campaign's.
            intervals: Seconds of pause after each attempt, chance included; empty for none.

        Raises:
            LeaseLost: Nothing was granted, and nothing will be under this lease.
        """
        windows = pacing.windows(pace)
        pauses = [round(seconds * _SECOND_US) for seconds in intervals]
        ask = {
            "lease": self.lease,
            "in_flight": pace.in_flight or UNLIMITED,
            "windows": [
                {"limit": w.limit, "width": round(w.seconds * _SECOND_US) + _slack(w)}
                for w in windows
            ],
            "intervals": pauses,
            "attempts": [str(a.reference) for a in asking],
        }
        gates = [gate for a in asking for gate in self._gates(a)]
        verdict, wait, granted, at, gated = await self._reserve(
            keys=[
                *(self._lease_key, self._flight, self._next),
                *self._window_keys(windows),
                *gates,
            ],
            args=[msgspec.json.encode(ask)],
        )
        if verdict != "ok":
            raise LeaseLost
        microseconds = int(wait)
        return Grant(
            granted=int(granted),
            gated={
                int(position): Closed(str(gate), str(held))
                for position, gate, held in zip(gated[::3], gated[1::3], gated[2::3], strict=True)
            },
            wait=None if microseconds < 0 else microseconds / _SECOND_US,
            at=at,
            pause=_first_pause(pauses, gated[::3]) if granted else None,
        )

    async def take_back(self, references: Sequence[Reference], pace: Pacing, grant: Grant) -> None:
        """Undo granted attempts that were never written: they count for nothing."""
        begun = "" if grant.pause is None else str(int(grant.at) + grant.pause)
        await self._take_back(
            keys=[self._flight, self._next, *self._window_keys(pacing.windows(pace))],
            args=[grant.at, begun, *map(str, references)],
        )

    async def leave(self, references: Sequence[Reference]) -> None:
        """Free the slots of attempts whose outcome is on record."""
        if references:
            await self._redis.zrem(self._flight, *map(str, references))

    def _window_keys(self, windows: Sequence[Window]) -> list[str]:
        return [f"{self._window}:{window.seconds:g}" for window in windows]

    def _gates(self, asking: Asking) -> tuple[str, str]:
        return (
            run_gate(self._workspace_id, asking.run_id),
            contact_gate(self._workspace_id, asking.contact_id),
        )


def _first_pause(pauses: Sequence[int], gated: Sequence[int]) -> int | None:
    """Of a paced channel one attempt is granted at a time: the pause of the first not gated."""
    return next((pause for place, pause in enumerate(pauses) if place not in gated), None)


def _slack(window: Window) -> int:
    """Microseconds that a request may be late on its way to the wire.

    A part of a second is no promise, only a smoother way of keeping the second's limit.
    """
    return _GRANT_LIFE_US if window.seconds >= 1 else 0
