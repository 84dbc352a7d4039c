"""Whom an error blames: the message, its channel, or the host that all of a provider's share.

A host is blamed only by two channels. What fails for one channel alone is that channel's, and must
not hold back the others, which may belong to somebody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from recado.domain.adaptive import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    dump,
    give_back,
    load,
    on_answer,
)
from recado.domain.retry import ErrorClass

CHANNEL: Final = frozenset(
    {
        ErrorClass.THROTTLE_CHANNEL,
        ErrorClass.TRANSIENT_CHANNEL,
        ErrorClass.TRANSIENT_UNSURE,
        ErrorClass.NETWORK_UNSURE,
        ErrorClass.NETWORK_NOT_SENT,
    }
)
"""Errors that say that a channel is overloaded or out of reach, whatever was to be sent."""

HOST: Final = frozenset({ErrorClass.NETWORK_UNSURE, ErrorClass.NETWORK_NOT_SENT})
"""Of those, the ones that a whole host may be the reason of: it did not answer, or not sensibly."""

ACCUSERS: Final = 2
"""So many channels must fail before their host is blamed."""


@dataclass(frozen=True, slots=True)
class HostBreaker:
    """The breaker of a host.

    Attributes:
        breaker: Where it stands.
        accusers: Channels that have failed since anything last succeeded; no more are noted than
            it takes to blame the host.
    """

    breaker: Breaker = field(default_factory=Breaker)
    accusers: tuple[str, ...] = ()


def on_host_answer(
    host: HostBreaker,
    policy: BreakerPolicy,
    *,
    channel: str,
    failed: bool,
    left_at: float,
    now: float,
) -> HostBreaker:
    """The breaker after an answer, or after none came; see `on_answer`.

    Args:
        host: So far.
        policy: Of hosts.
        channel: Whose request it was; any name that no other channel has.
        failed: The host did not answer, or not sensibly.
        left_at: When the request was let go.
        now: Of the answer.
    """
    before = host.breaker
    after = on_answer(before, policy, failed=failed, left_at=left_at, now=now)
    if not failed:
        return HostBreaker(after)
    if left_at < before.since or before.state is BreakerState.OPEN:
        return host
    accusers = tuple(dict.fromkeys((*host.accusers, channel)))[:ACCUSERS]
    if after.state is not BreakerState.OPEN:
        return HostBreaker(after, accusers)
    if len(accusers) >= ACCUSERS:
        return HostBreaker(after)
    # One channel alone: its own breaker holds it back.
    spared = give_back(before) if before.state is BreakerState.HALF_OPEN else before
    return HostBreaker(spared, accusers)


def dump_host(host: HostBreaker) -> dict[str, str | int | float]:
    """A host's state as a small dict of plain values."""
    raw = dump(host.breaker)
    return {**raw, "accusers": " ".join(host.accusers)} if host.accusers else raw


def load_host(raw: Mapping[str, str]) -> HostBreaker:
    """A host's state from `dump_host`."""
    return HostBreaker(load(Breaker, raw), tuple(raw.get("accusers", "").split()))


def let_go(host: HostBreaker) -> HostBreaker:
    """The breaker after a probe that did not leave."""
    return replace(host, breaker=give_back(host.breaker))
