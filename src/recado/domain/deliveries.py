"""The states of a delivery and of its parts, as tables.

A delivery is one contact in one run and is sent at most once; each bubble of it is a part with a
state of its own out of the same set, and the delivery shows the lowest of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from recado.domain.transitions import Actor, follow


class DeliveryState(StrEnum):
    """Where a delivery, or a part of it, stands."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DeliveryEvent(StrEnum):
    """What may happen to it."""

    CLAIMED = "claimed"
    RELEASED = "released"
    ACCEPTED = "accepted"
    PART_ACCEPTED = "part_accepted"
    PART_ARRIVED = "part_arrived"
    PART_FAILED = "part_failed"
    REFUSED_RETRY = "refused_retry"
    REFUSED_FINAL = "refused_final"
    OUTCOME_UNKNOWN = "outcome_unknown"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REPORTED_SENT = "reported_sent"
    REPORTED_DELIVERED = "reported_delivered"
    REPORTED_READ = "reported_read"
    REPORTED_FAILED = "reported_failed"
    REOPENED = "reopened"
    RESENT = "resent"


_P = DeliveryState.PENDING
_SENDING = DeliveryState.SENDING
_UNKNOWN = DeliveryState.UNKNOWN
_SENT = DeliveryState.SENT
_FAILED = DeliveryState.FAILED
_DELIVERED = DeliveryState.DELIVERED
_READ = DeliveryState.READ
_SUPPRESSED = DeliveryState.SUPPRESSED
_CANCELLED = DeliveryState.CANCELLED
_EXPIRED = DeliveryState.EXPIRED

RANK: Final[Mapping[DeliveryState, int]] = {
    _P: 0,
    _SUPPRESSED: 0,
    _CANCELLED: 0,
    _EXPIRED: 0,
    _SENDING: 1,
    _UNKNOWN: 2,
    _SENT: 3,
    _FAILED: 4,
    _DELIVERED: 5,
    _READ: 6,
}
"""The ladder that a provider's word climbs.

`failed` stands above `sent` because providers take a message back after accepting it, and below
`delivered` because they take none back that arrived: so callbacks come to the same end in any
order.
"""

SETTLED: Final = frozenset(DeliveryState) - {_P, _SENDING}
"""Nothing more happens to these by itself, except that a provider may still report."""

ACCEPTED: Final = frozenset({_SENT, _DELIVERED, _READ})
"""The provider took it and has not taken it back."""

DEAD_LETTERS: Final = frozenset({_FAILED, _UNKNOWN})
"""Kept for a person to decide on."""

REPORTS: Final[Mapping[DeliveryState, DeliveryEvent]] = {
    _SENT: DeliveryEvent.REPORTED_SENT,
    _DELIVERED: DeliveryEvent.REPORTED_DELIVERED,
    _READ: DeliveryEvent.REPORTED_READ,
    _FAILED: DeliveryEvent.REPORTED_FAILED,
}
"""What a provider may report, and the event it is."""


def _raised_to(
    report: DeliveryState, *, by_failure: bool = False
) -> Mapping[DeliveryState, DeliveryState]:
    """Every state to the higher of itself and the report.

    A report of arrival proves that a message left, also where we thought that none had. One of
    failure says nothing about a message that has not left: what waits for another try goes on
    waiting.
    """
    return {
        state: state if by_failure and rank == 0 else max(state, report, key=RANK.__getitem__)
        for state, rank in RANK.items()
    }


TRANSITIONS: Final[Mapping[DeliveryEvent, Mapping[DeliveryState, DeliveryState]]] = {
    DeliveryEvent.CLAIMED: {_P: _SENDING},
    # Nothing left: no attempt is counted.
    DeliveryEvent.RELEASED: {_SENDING: _P},
    # The callback may be faster than the answer, and the answer later than the lease.
    DeliveryEvent.ACCEPTED: {
        _SENDING: _SENT,
        _UNKNOWN: _SENT,
        _SENT: _SENT,
        _FAILED: _FAILED,
        _DELIVERED: _DELIVERED,
        _READ: _READ,
    },
    # Of a delivery with further parts to send.
    DeliveryEvent.PART_ACCEPTED: {_SENDING: _P, _UNKNOWN: _P},
    # One that was thought to be lost, or had been taken back: now the others may follow.
    DeliveryEvent.PART_ARRIVED: {_UNKNOWN: _P, _FAILED: _P},
    # One was taken back while the later ones waited: they do not follow.
    DeliveryEvent.PART_FAILED: {_P: _FAILED},
    DeliveryEvent.REFUSED_RETRY: {_SENDING: _P},
    DeliveryEvent.REFUSED_FINAL: {_SENDING: _FAILED, _UNKNOWN: _FAILED},
    DeliveryEvent.OUTCOME_UNKNOWN: {_SENDING: _UNKNOWN},
    DeliveryEvent.SUPPRESSED: {_P: _SUPPRESSED},
    DeliveryEvent.CANCELLED: {_P: _CANCELLED},
    DeliveryEvent.EXPIRED: {_P: _EXPIRED},
    DeliveryEvent.REPORTED_SENT: _raised_to(_SENT),
    DeliveryEvent.REPORTED_DELIVERED: _raised_to(_DELIVERED),
    DeliveryEvent.REPORTED_READ: _raised_to(_READ),
    DeliveryEvent.REPORTED_FAILED: _raised_to(_FAILED, by_failure=True),
    DeliveryEvent.REOPENED: {_FAILED: _P, _UNKNOWN: _P},
    # After its grace, where the workspace chose to have sent again what may have been sent.
    DeliveryEvent.RESENT: {_UNKNOWN: _P},
}

ACTORS: Final[Mapping[DeliveryEvent, frozenset[Actor]]] = {
    DeliveryEvent.CLAIMED: frozenset({Actor.WORKER}),
    DeliveryEvent.RELEASED: frozenset({Actor.WORKER, Actor.SCHEDULER}),
    DeliveryEvent.ACCEPTED: frozenset({Actor.WORKER}),
    DeliveryEvent.PART_ACCEPTED: frozenset({Actor.WORKER}),
    DeliveryEvent.PART_ARRIVED: frozenset({Actor.PROVIDER}),
    DeliveryEvent.PART_FAILED: frozenset({Actor.PROVIDER}),
    DeliveryEvent.REFUSED_RETRY: frozenset({Actor.WORKER}),
    DeliveryEvent.REFUSED_FINAL: frozenset({Actor.WORKER}),
    DeliveryEvent.OUTCOME_UNKNOWN: frozenset({Actor.WORKER, Actor.SCHEDULER}),
    DeliveryEvent.SUPPRESSED: frozenset({Actor.WORKER, Actor.SCHEDULER}),
    DeliveryEvent.CANCELLED: frozenset({Actor.PERSON}),
    DeliveryEvent.EXPIRED: frozenset({Actor.WORKER, Actor.SCHEDULER}),
    DeliveryEvent.REPORTED_SENT: frozenset({Actor.PROVIDER}),
    DeliveryEvent.REPORTED_DELIVERED: frozenset({Actor.PROVIDER}),
    DeliveryEvent.REPORTED_READ: frozenset({Actor.PROVIDER}),
    DeliveryEvent.REPORTED_FAILED: frozenset({Actor.PROVIDER}),
    DeliveryEvent.REOPENED: frozenset({Actor.PERSON}),
    DeliveryEvent.RESENT: frozenset({Actor.SCHEDULER}),
}


def next_state(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """The state after the event.

    Raises:
        NotAllowed: It cannot happen in this state.
    """
    return follow(TRANSITIONS, state, event)


def rank(state: DeliveryState) -> int:
    """How far a state is on the ladder that a provider's word climbs; see `RANK`."""
    return RANK[state]


def merge(current: DeliveryState, reported: DeliveryState) -> DeliveryState:
    """A part's state after a provider's callback, which may be late, doubled or out of order.

    Args:
        current: Any state of a part or attempt.
        reported: `sent`, `delivered`, `read` or `failed`.

    From `sending` on, reports commute and never lower the rank.
    """
    return follow(TRANSITIONS, current, REPORTS[reported])


_LOWEST_FIRST: Final = (
    # On the wire: nothing is settled before its answer.
    _SENDING,
    # A part that did not arrive keeps the later ones from leaving.
    _FAILED,
    _UNKNOWN,
    _SUPPRESSED,
    _CANCELLED,
    _EXPIRED,
    _P,
    _SENT,
    _DELIVERED,
    _READ,
)


def lowest_part(parts: Iterable[DeliveryState]) -> DeliveryState:
    """The state that a delivery shows: that of its part which got least far.

    Raises:
        ValueError: There are no parts.
    """
    return min(parts, key=_LOWEST_FIRST.index)


_ENDED_BY_US: Final = frozenset({_SUPPRESSED, _CANCELLED, _EXPIRED})


def whole(own: DeliveryState, parts: Sequence[DeliveryState], next_part: int) -> DeliveryState:
    """What a delivery of several parts shows once something has become of one of them.

    Args:
        own: What it showed before.
        parts: The states of all its parts, in their order; `pending` are those that have not left.
        next_part: The one that is being sent or comes next, from 1 on.

    While a part is on the wire, its outcome decides. What was ended between two parts stays so,
    unless it turns out that all had left. `pending` after `unknown` or `failed`: the part that was
    in doubt has arrived, and the others may follow.

    Raises:
        ValueError: There are no parts.
    """
    if own is _SENDING or (own in _ENDED_BY_US and not ACCEPTED.issuperset(parts)):
        return own
    # A person lets it be tried again: what became of the last try does not count.
    again = next_part if own is _P else 0
    return lowest_part(
        _P if place == again and state in DEAD_LETTERS else state
        for place, state in enumerate(parts, 1)
    )
