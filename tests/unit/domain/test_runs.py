"""What may become of a campaign and its runs."""

import pytest

from recado.domain.runs import (
    ACTORS,
    SENDING,
    SETTLED,
    TRANSITIONS,
    RunEvent,
    RunState,
    allowed,
    next_state,
)
from recado.domain.transitions import NotAllowed

S = RunState
E = RunEvent


@pytest.mark.parametrize(
    "story",
    [
        (S.DRAFT, (E.START, E.PREPARED, E.FINISH), S.COMPLETED),
        (S.DRAFT, (E.SCHEDULE, E.SCHEDULE, E.START, E.PREPARED), S.RUNNING),
        (S.DRAFT, (E.START, E.PREPARED, E.PAUSE, E.RESUME, E.CANCEL), S.CANCELLED),
        (S.DRAFT, (E.START, E.PAUSE, E.PREPARED), S.PAUSED),
        (S.DRAFT, (E.START, E.PAUSE, E.RESUME, E.PREPARED), S.RUNNING),
        (S.RUNNING, (E.PAUSE, E.FINISH), S.COMPLETED),
        (S.COMPLETED, (E.REOPEN, E.FINISH), S.COMPLETED),
        (S.PAUSED, (E.REOPEN,), S.PAUSED),
        (S.PREPARING, (E.FAIL, E.START, E.PREPARED), S.RUNNING),
        (S.SCHEDULED, (E.CANCEL,), S.CANCELLED),
        (S.SCHEDULED, (E.PAUSE, E.SCHEDULE, E.START), S.PREPARING),
        (S.SCHEDULED, (E.START, E.PREPARED, E.REPEAT, E.START), S.PREPARING),
        (S.RUNNING, (E.PAUSE, E.REPEAT), S.PAUSED),
        (S.RUNNING, (E.REPEAT, E.REOPEN, E.REPEAT, E.FINISH), S.COMPLETED),
        (S.DRAFT, (E.CANCEL,), S.CANCELLED),
    ],
)
def test_a_run_goes_its_way(story: tuple[S, tuple[E, ...], S]) -> None:
    state, events, end = story
    for event in events:
        state = next_state(state, event)
    assert state is end


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (S.RUNNING, E.START),
        (S.PREPARING, E.START),
        (S.PAUSED, E.START),
        (S.COMPLETED, E.START),
        (S.CANCELLED, E.START),
        (S.DRAFT, E.PAUSE),
        (S.SCHEDULED, E.RESUME),
        (S.RUNNING, E.RESUME),
        (S.COMPLETED, E.CANCEL),
        (S.CANCELLED, E.RESUME),
        (S.CANCELLED, E.REOPEN),
        (S.CANCELLED, E.FINISH),
        (S.CANCELLED, E.PREPARED),
        (S.RUNNING, E.SCHEDULE),
    ],
)
def test_what_the_state_forbids_is_refused(state: S, event: E) -> None:
    with pytest.raises(NotAllowed, match=event.value):
        next_state(state, event)
    assert event not in allowed(state)


def test_every_event_has_ways_and_somebody_who_makes_it_happen() -> None:
    assert set(TRANSITIONS) == set(E) == set(ACTORS)
    assert all(TRANSITIONS.values())
    assert all(ACTORS.values())


def test_a_settled_run_goes_on_only_by_a_person() -> None:
    for state in SETTLED:
        assert allowed(state) <= {E.START, E.REOPEN}
    assert allowed(S.CANCELLED) == frozenset()
    assert not SENDING & SETTLED


def test_every_state_but_the_first_is_reached() -> None:
    reached = {after for ways in TRANSITIONS.values() for after in ways.values()}
    assert reached == set(S) - {S.DRAFT}
