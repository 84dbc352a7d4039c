"""The states of a campaign and of its runs, as a table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from recado.domain.transitions import Actor, follow


class RunState(StrEnum):
    """Where a campaign, or one execution of it, stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class RunEvent(StrEnum):
    """What may happen to it."""

    SCHEDULE = "schedule"
    START = "start"
    PREPARED = "prepared"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"
    FAIL = "fail"
    REOPEN = "reopen"
    REPEAT = "repeat"


_S = RunState

TRANSITIONS: Final[Mapping[RunEvent, Mapping[RunState, RunState]]] = {
    # One that was paused before its time waits for it again.
    RunEvent.SCHEDULE: {
        _S.DRAFT: _S.SCHEDULED,
        _S.SCHEDULED: _S.SCHEDULED,
        _S.PAUSED: _S.SCHEDULED,
    },
    # A failed run never sent all it should: started again, it keeps what it has and goes on.
    RunEvent.START: {
        _S.DRAFT: _S.PREPARING,
        _S.SCHEDULED: _S.PREPARING,
        _S.FAILED: _S.PREPARING,
    },
    # A run may be paused, and even resumed, while its audience is still being written down.
    RunEvent.PREPARED: {
        _S.PREPARING: _S.RUNNING,
        _S.RUNNING: _S.RUNNING,
        _S.PAUSED: _S.PAUSED,
    },
    RunEvent.PAUSE: {
        _S.SCHEDULED: _S.PAUSED,
        _S.PREPARING: _S.PAUSED,
        _S.RUNNING: _S.PAUSED,
    },
    RunEvent.RESUME: {_S.PAUSED: _S.RUNNING},
    RunEvent.CANCEL: {
        _S.DRAFT: _S.CANCELLED,
        _S.SCHEDULED: _S.CANCELLED,
        _S.PREPARING: _S.CANCELLED,
        _S.RUNNING: _S.CANCELLED,
        _S.PAUSED: _S.CANCELLED,
    },
    # The last request on the wire may end after the pause: nothing is left to resume. A recurring
    # campaign whose end came while nobody could start it is over as it is.
    RunEvent.FINISH: {
        _S.SCHEDULED: _S.COMPLETED,
        _S.RUNNING: _S.COMPLETED,
        _S.PAUSED: _S.COMPLETED,
    },
    # A run of a recurring campaign has ended, and another is to come.
    RunEvent.REPEAT: {_S.RUNNING: _S.SCHEDULED, _S.PAUSED: _S.PAUSED},
    RunEvent.FAIL: {
        _S.PREPARING: _S.FAILED,
        _S.RUNNING: _S.FAILED,
        _S.PAUSED: _S.FAILED,
    },
    # By the retry of a dead letter or of an unknown outcome, which changes nothing where the run
    # goes on anyhow.
    RunEvent.REOPEN: {
        _S.COMPLETED: _S.RUNNING,
        _S.SCHEDULED: _S.RUNNING,
        _S.PREPARING: _S.PREPARING,
        _S.RUNNING: _S.RUNNING,
        _S.PAUSED: _S.PAUSED,
    },
}

ACTORS: Final[Mapping[RunEvent, frozenset[Actor]]] = {
    RunEvent.SCHEDULE: frozenset({Actor.PERSON}),
    RunEvent.START: frozenset({Actor.PERSON, Actor.SCHEDULER}),
    RunEvent.PREPARED: frozenset({Actor.SCHEDULER}),
    RunEvent.PAUSE: frozenset({Actor.PERSON, Actor.WORKER}),
    RunEvent.RESUME: frozenset({Actor.PERSON, Actor.SCHEDULER}),
    RunEvent.CANCEL: frozenset({Actor.PERSON}),
    RunEvent.FINISH: frozenset({Actor.WORKER, Actor.SCHEDULER}),
    RunEvent.FAIL: frozenset({Actor.SCHEDULER}),
    RunEvent.REOPEN: frozenset({Actor.PERSON, Actor.SCHEDULER}),
    RunEvent.REPEAT: frozenset({Actor.WORKER, Actor.SCHEDULER}),
}

SETTLED: Final = frozenset({_S.COMPLETED, _S.CANCELLED, _S.FAILED})
"""Nothing more happens to these by itself."""

SENDING: Final = frozenset({_S.RUNNING})
"""Messages leave in no other state."""


def next_state(state: RunState, event: RunEvent) -> RunState:
    """The state after the event.

    Raises:
        NotAllowed: It cannot happen in this state.
    """
    return follow(TRANSITIONS, state, event)


def allowed(state: RunState) -> frozenset[RunEvent]:
    """The events that may happen in a state: what a page offers as buttons."""
    return frozenset(event for event, ways in TRANSITIONS.items() if state in ways)
