"""Backing off: sends at once that follow the provider's mood, pauses that grow, breakers that trip.

Three small machines, each for one channel or one host. Times are seconds of any one clock that all
who share a state go by. What they know fits into a small dict, so that workers can share it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from recado.domain.transitions import Actor, follow

# Sends at once --------------------------------------------------------------------------------

FIRST_LIMIT: Final = 5.0
_DECREASE: Final = 0.7
_SLOWER: Final = 2.0
# Less than a second more is as often our own machine that is busy as the provider.
_SLOWER_BY: Final = 1.0
_SMOOTHING: Final = 0.2
# What is slow for good becomes the measure after some hundred answers.
_FORGETTING: Final = 0.01


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many requests one channel may have on the wire at once.

    Attributes:
        limit: At most so many; see `sends_at_once`.
        good: Good answers since the limit last changed.
        latency: Smoothed seconds to an answer; 0 before the first.
        fastest: The least that it has been, slowly forgotten.
        cut_at: When the limit was last lowered.
    """

    limit: float = FIRST_LIMIT
    good: int = 0
    latency: float = 0.0
    fastest: float = 0.0
    cut_at: float = 0.0


def sends_at_once(state: Concurrency, bound: int) -> int:
    """The limit as a whole number, from 1 to the channel's bound."""
    return max(1, min(bound, int(state.limit)))


def on_result(
    state: Concurrency,
    *,
    latency: float,
    failed: bool,
    now: float,
    bound: int,
    in_flight: int | None = None,
) -> Concurrency:
    """The state after an answer.

    A round of good answers adds one. An overload, or a latency over twice its smoothed minimum and
    a second more, takes three tenths away, once a round trip: what left before the last cut says
    nothing new.

    Args:
        state: So far.
        latency: Seconds from the request to the answer.
        failed: The provider or the way to it is overloaded: throttled, unavailable, timed out. A
            refusal of the message is a good answer.
        now: Of the answer.
        bound: The channel's; at least 1.
        in_flight: How many were on the wire with this one. Where less than half of the limit was
            used, good answers prove nothing and do not raise it.
    """
    latency = max(0.0, latency)
    if now - latency < state.cut_at:
        return state
    state = replace(state, limit=min(state.limit, float(bound)))
    if failed:
        return _lowered(state, now)
    smoothed = state.latency + _SMOOTHING * (latency - state.latency) if state.latency else latency
    fastest = min(smoothed, state.fastest + _FORGETTING * (smoothed - state.fastest))
    state = replace(state, latency=smoothed, fastest=fastest if state.latency else smoothed)
    if smoothed > max(_SLOWER * state.fastest, state.fastest + _SLOWER_BY):
        return _lowered(state, now)
    if in_flight is not None and 2 * in_flight < state.limit:
        return state
    if state.good + 1 < state.limit:
        return replace(state, good=state.good + 1)
    return replace(state, limit=min(state.limit + 1, float(bound)), good=0)


def _lowered(state: Concurrency, now: float) -> Concurrency:
    # The latency begins anew: else what was measured before the cut would cut again.
    limit = max(1.0, state.limit * _DECREASE)
    return replace(state, limit=limit, good=0, latency=state.fastest, cut_at=now)


# Errors in a row ------------------------------------------------------------------------------

LONGEST_PAUSE: Final = 4 * 3600.0
FORGOTTEN_AFTER: Final = 24 * 3600.0
"""After so long without an error of its channel a streak begins anew."""
_MOST_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class ErrorStreak:
    """A channel's errors without a success between them, and the pauses they have led to.

    Attributes:
        count: Errors since the last success or pause.
        pauses: Pauses since the last success.
        paused_until: When the last pause ends.
        last_at: When the last error was.
    """

    count: int = 0
    pauses: int = 0
    paused_until: float = 0.0
    last_at: float = 0.0


def on_error(
    streak: ErrorStreak, *, now: float, threshold: int | None, pause_minutes: float | None
) -> ErrorStreak:
    """The streak after an error of the channel; it pauses where ``paused_until`` is after now.

    Each pause without a success since the one before is twice as long, up to four hours or to the
    setting, whichever is longer.

    Args:
        streak: So far.
        now: Of the error.
        threshold: So many errors pause the channel; None: none do.
        pause_minutes: Of the first pause; None or 0: there are none.
    """
    if now < streak.paused_until:
        return streak  # It was on the wire when the pause began.
    if now - streak.last_at >= FORGOTTEN_AFTER:
        streak = ErrorStreak()
    count = streak.count + 1
    if threshold is None or not pause_minutes or count < threshold:
        return replace(streak, count=count, last_at=now)
    first = pause_minutes * 60
    pause = min(first * 2.0 ** min(streak.pauses, _MOST_DOUBLINGS), max(first, LONGEST_PAUSE))
    return ErrorStreak(pauses=streak.pauses + 1, paused_until=now + pause, last_at=now)


def on_success(streak: ErrorStreak, *, now: float) -> ErrorStreak:
    """The streak after a message that the provider took; one taken during a pause left before."""
    return streak if now < streak.paused_until else ErrorStreak()


# Breakers -------------------------------------------------------------------------------------


class BreakerState(StrEnum):
    """Whether requests may go to a host, or through a channel."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerEvent(StrEnum):
    """What may happen to a breaker."""

    TRIPPED = "tripped"
    COOLED = "cooled"
    RELAPSED = "relapsed"
    RECOVERED = "recovered"


TRANSITIONS: Final[Mapping[BreakerEvent, Mapping[BreakerState, BreakerState]]] = {
    # Failures in a row.
    BreakerEvent.TRIPPED: {BreakerState.CLOSED: BreakerState.OPEN},
    # It has been open for long enough: a few may try.
    BreakerEvent.COOLED: {BreakerState.OPEN: BreakerState.HALF_OPEN},
    # A probe failed; probes succeeded.
    BreakerEvent.RELAPSED: {BreakerState.HALF_OPEN: BreakerState.OPEN},
    BreakerEvent.RECOVERED: {BreakerState.HALF_OPEN: BreakerState.CLOSED},
}

ACTORS: Final[Mapping[BreakerEvent, frozenset[Actor]]] = dict.fromkeys(
    BreakerEvent, frozenset({Actor.WORKER})
)


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker trips and how it recovers; times in seconds.

    Attributes:
        failures: So many in a row trip it.
        open_for: How long it stays open; twice as long each time that it relapses.
        longest: Never longer than this.
        probes: How many requests at once may try when it is half open.
        successes: So many of them close it.
        probe_lost_after: A probe without an answer after so long was lost with its worker.
    """

    failures: int = 5
    open_for: float = 30.0
    longest: float = 600.0
    probes: int = 1
    successes: int = 2
    probe_lost_after: float = 60.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker.

    Attributes:
        state: Where it stands.
        since: From when on; answers to what left before say nothing about now.
        failures: In a row, while it is closed.
        successes: Of probes, while it is half open.
        probes: On the wire, while it is half open.
        probed_at: When the last of them was let go.
        openings: How often it has opened since it was last closed.
    """

    state: BreakerState = BreakerState.CLOSED
    since: float = 0.0
    failures: int = 0
    successes: int = 0
    probes: int = 0
    probed_at: float = 0.0
    openings: int = 0


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether a request may leave: if not, when to ask again; a probe is owed an answer."""

    allowed: bool
    probe: bool = False
    retry_at: float | None = None


def admit(breaker: Breaker, policy: BreakerPolicy, *, now: float) -> tuple[Breaker, Permit]:
    """Ask for one request.

    What is held back burns no attempt. Tell what became of it by `on_answer`, or by `give_back` if
    it did not leave.
    """
    if breaker.state is BreakerState.CLOSED:
        return breaker, Permit(allowed=True)
    if breaker.state is BreakerState.OPEN:
        cools = cools_at(breaker, policy)
        if now < cools:
            return breaker, Permit(allowed=False, retry_at=cools)
        breaker = _moved(breaker, BreakerEvent.COOLED, now)
    lost_at = breaker.probed_at + policy.probe_lost_after
    flying = breaker.probes if now < lost_at else 0
    if flying >= policy.probes:
        return breaker, Permit(allowed=False, retry_at=lost_at)
    return replace(breaker, probes=flying + 1, probed_at=now), Permit(allowed=True, probe=True)


def cools_at(breaker: Breaker, policy: BreakerPolicy) -> float:
    """When an open breaker lets the first probe through."""
    doublings = min(breaker.openings - 1, _MOST_DOUBLINGS)
    return breaker.since + min(policy.open_for * 2.0**doublings, policy.longest)


def on_answer(
    breaker: Breaker, policy: BreakerPolicy, *, failed: bool, left_at: float, now: float
) -> Breaker:
    """The breaker after an answer, or after none came.

    Args:
        breaker: So far.
        policy: Of this kind of breaker.
        failed: The host did not answer, or said that it cannot work. A refusal is an answer.
        left_at: When the request was let go.
        now: Of the answer.
    """
    if left_at < breaker.since or breaker.state is BreakerState.OPEN:
        return breaker
    if breaker.state is BreakerState.HALF_OPEN:
        return _probed(breaker, policy, failed=failed, now=now)
    failures = breaker.failures + 1 if failed else 0
    if failures >= policy.failures:
        return _moved(breaker, BreakerEvent.TRIPPED, now)
    return replace(breaker, failures=failures)


def _probed(breaker: Breaker, policy: BreakerPolicy, *, failed: bool, now: float) -> Breaker:
    if failed:
        return _moved(breaker, BreakerEvent.RELAPSED, now)
    if breaker.successes + 1 >= policy.successes:
        return _moved(breaker, BreakerEvent.RECOVERED, now)
    return replace(give_back(breaker), successes=breaker.successes + 1)


def give_back(breaker: Breaker) -> Breaker:
    """The breaker after a probe that did not leave."""
    return replace(breaker, probes=max(0, breaker.probes - 1))


def _moved(breaker: Breaker, event: BreakerEvent, now: float) -> Breaker:
    state = follow(TRANSITIONS, breaker.state, event)
    openings = 0 if state is BreakerState.CLOSED else breaker.openings
    openings += state is BreakerState.OPEN
    return Breaker(state=state, since=now, openings=openings)


# Sharing --------------------------------------------------------------------------------------

S = TypeVar("S", bound=Concurrency | ErrorStreak | Breaker)


def dump(state: Concurrency | ErrorStreak | Breaker) -> dict[str, str | int | float]:
    """A state as a small dict of plain values; what is as at the beginning is left out."""
    values = ((each.name, getattr(state, each.name), each.default) for each in fields(state))
    return {name: value for name, value, default in values if value != default}


def load(kind: type[S], raw: Mapping[str, object] | Mapping[bytes, object]) -> S:
    """A state from `dump`, its values perhaps as text by now.

    What cannot be read is as at the beginning: a state is a guess about the provider, and a new
    guess costs little.
    """
    given = {_text(name): _text(value) for name, value in raw.items()}
    fresh = kind()
    found: dict[str, Any] = {
        each.name: _read(given[each.name], getattr(fresh, each.name))
        for each in fields(fresh)
        if each.name in given
    }
    return replace(fresh, **found)


def _read(text: str, default: float | BreakerState) -> float | BreakerState:
    """A value of the default's type."""
    try:
        value = type(default)(text)
    except ValueError:
        return default
    return value if isinstance(value, BreakerState) or math.isfinite(value) else default


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
