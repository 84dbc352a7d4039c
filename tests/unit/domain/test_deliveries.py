"""What may become of a delivery, whoever reports it and in whatever order."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.deliveries import (
    ACCEPTED,
    ACTORS,
    DEAD_LETTERS,
    REPORTS,
    SETTLED,
    TRANSITIONS,
    DeliveryEvent,
    DeliveryState,
    lowest_part,
    merge,
    next_state,
    rank,
    whole,
)
from recado.domain.errors import Conflict
from recado.domain.transitions import Actor, NotAllowed

S = DeliveryState
E = DeliveryEvent

states = st.sampled_from(list(S))
on_the_way = st.sampled_from([S.SENDING, S.UNKNOWN, S.SENT, S.FAILED, S.DELIVERED, S.READ])
reports = st.sampled_from(list(REPORTS))


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        (S.PENDING, E.CLAIMED, S.SENDING),
        (S.SENDING, E.RELEASED, S.PENDING),
        (S.SENDING, E.ACCEPTED, S.SENT),
        (S.UNKNOWN, E.ACCEPTED, S.SENT),
        (S.READ, E.ACCEPTED, S.READ),
        (S.FAILED, E.ACCEPTED, S.FAILED),
        (S.SENDING, E.PART_ACCEPTED, S.PENDING),
        (S.UNKNOWN, E.PART_ACCEPTED, S.PENDING),
        (S.UNKNOWN, E.PART_ARRIVED, S.PENDING),
        (S.PENDING, E.PART_FAILED, S.FAILED),
        (S.SENDING, E.REFUSED_RETRY, S.PENDING),
        (S.SENDING, E.REFUSED_FINAL, S.FAILED),
        (S.SENDING, E.OUTCOME_UNKNOWN, S.UNKNOWN),
        (S.PENDING, E.SUPPRESSED, S.SUPPRESSED),
        (S.PENDING, E.CANCELLED, S.CANCELLED),
        (S.PENDING, E.EXPIRED, S.EXPIRED),
        (S.FAILED, E.REOPENED, S.PENDING),
        (S.UNKNOWN, E.REOPENED, S.PENDING),
        (S.UNKNOWN, E.REPORTED_DELIVERED, S.DELIVERED),
        (S.SENT, E.REPORTED_FAILED, S.FAILED),
        (S.PENDING, E.REPORTED_FAILED, S.PENDING),
        (S.PENDING, E.REPORTED_DELIVERED, S.DELIVERED),
        (S.CANCELLED, E.REPORTED_READ, S.READ),
    ],
)
def test_an_event_leads_on(state: S, event: E, after: S) -> None:
    assert next_state(state, event) is after


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (S.SENDING, E.CLAIMED),
        (S.SENDING, E.CANCELLED),
        (S.UNKNOWN, E.RELEASED),
        (S.UNKNOWN, E.REFUSED_RETRY),
        (S.SENT, E.REOPENED),
        (S.READ, E.REOPENED),
        (S.SUPPRESSED, E.CLAIMED),
        (S.SENT, E.CLAIMED),
    ],
)
def test_what_would_send_twice_is_not_allowed(state: S, event: E) -> None:
    with pytest.raises(NotAllowed) as caught:
        next_state(state, event)
    assert isinstance(caught.value, Conflict)
    assert (caught.value.state, caught.value.event) == (state, event)
    assert state.value in caught.value.message()


def test_only_a_person_or_a_choice_brings_back_what_is_settled_but_for_parts_not_left() -> None:
    back = {
        event
        for event, ways in TRANSITIONS.items()
        for state, after in ways.items()
        if state in SETTLED and after not in SETTLED
    }
    assert back == {E.REOPENED, E.RESENT, E.PART_ACCEPTED, E.PART_ARRIVED}
    assert ACTORS[E.REOPENED] == {Actor.PERSON}
    assert TRANSITIONS[E.RESENT] == {S.UNKNOWN: S.PENDING}


def test_only_what_is_pending_is_ever_claimed() -> None:
    to_sending = {
        (state, event)
        for event, ways in TRANSITIONS.items()
        for state, after in ways.items()
        if after is S.SENDING and state is not S.SENDING
    }
    assert to_sending == {(S.PENDING, E.CLAIMED)}


def test_every_event_has_ways_and_somebody_who_makes_it_happen() -> None:
    assert set(TRANSITIONS) == set(E) == set(ACTORS)
    assert all(TRANSITIONS.values())
    assert all(ACTORS.values())


def test_every_unsettled_state_can_be_settled_and_every_state_is_reached() -> None:
    reached = {after for ways in TRANSITIONS.values() for after in ways.values()}
    assert reached == set(S)
    for state in set(S) - SETTLED:
        assert any(ways.get(state) in SETTLED for ways in TRANSITIONS.values())


def test_accepted_and_dead_letters_are_settled_and_apart() -> None:
    assert ACCEPTED < SETTLED
    assert DEAD_LETTERS < SETTLED
    assert not ACCEPTED & DEAD_LETTERS


@pytest.mark.parametrize("order", permutations([S.SENT, S.DELIVERED, S.READ]))
def test_callbacks_in_any_order_end_in_read(order: tuple[S, ...]) -> None:
    state = S.SENDING
    for report in order:
        state = merge(state, report)
    assert state is S.READ


def test_a_message_taken_back_after_acceptance_is_failed_in_either_order() -> None:
    assert merge(merge(S.UNKNOWN, S.SENT), S.FAILED) is S.FAILED
    assert merge(merge(S.UNKNOWN, S.FAILED), S.SENT) is S.FAILED


@given(states, reports)
def test_a_report_never_lowers_the_rank(state: S, report: S) -> None:
    assert rank(merge(state, report)) >= rank(state)


@given(states, reports)
def test_a_report_heard_twice_is_as_one(state: S, report: S) -> None:
    once = merge(state, report)
    assert merge(once, report) is once


@given(on_the_way, st.lists(reports, max_size=6), st.data())
def test_reports_commute_once_a_request_may_have_left(
    state: S, heard: list[S], data: st.DataObject
) -> None:
    one = other = state
    for report in heard:
        one = merge(one, report)
    for report in data.draw(st.permutations(heard)):
        other = merge(other, report)
    assert one is other


@given(st.sampled_from([S.SENDING, S.UNKNOWN]), st.lists(reports))
def test_an_answer_and_the_callbacks_of_it_commute(state: S, heard: list[S]) -> None:
    first = next_state(state, E.ACCEPTED)
    last = state
    for report in heard:
        first, last = merge(first, report), merge(last, report)
    assert next_state(last, E.ACCEPTED) is first


@pytest.mark.parametrize("report", sorted(set(S) - set(REPORTS)))
def test_a_provider_reports_nothing_else(report: S) -> None:
    with pytest.raises(KeyError):
        merge(S.SENT, report)


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([S.SENT], S.SENT),
        ([S.READ, S.DELIVERED], S.DELIVERED),
        ([S.SENT, S.PENDING], S.PENDING),
        ([S.DELIVERED, S.SENDING], S.SENDING),
        ([S.SENDING, S.PENDING], S.SENDING),
        ([S.FAILED, S.PENDING], S.FAILED),
        ([S.FAILED, S.SENDING], S.SENDING),
        ([S.UNKNOWN, S.PENDING], S.UNKNOWN),
        ([S.SENT, S.CANCELLED], S.CANCELLED),
        ([S.READ, S.FAILED], S.FAILED),
    ],
)
def test_a_delivery_shows_the_part_that_got_least_far(parts: list[S], shown: S) -> None:
    assert lowest_part(parts) is shown
    assert lowest_part(reversed(parts)) is shown


@given(st.lists(states, min_size=1))
def test_a_delivery_is_settled_only_when_nothing_of_it_is_on_the_wire(parts: list[S]) -> None:
    shown = lowest_part(parts)
    assert shown in parts
    assert not (shown in SETTLED and S.SENDING in parts)


def test_a_delivery_without_parts_shows_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        lowest_part([])


part_states = st.sampled_from(
    [S.PENDING, S.SENDING, S.UNKNOWN, S.SENT, S.FAILED, S.DELIVERED, S.READ]
)
several = st.lists(part_states, min_size=2, max_size=10)


@pytest.mark.parametrize(
    ("own", "parts", "next_part", "shown"),
    [
        # Between parts it waits, whatever has become of those before.
        (S.PENDING, [S.SENT, S.PENDING], 2, S.PENDING),
        (S.PENDING, [S.READ, S.DELIVERED, S.PENDING], 3, S.PENDING),
        (S.PENDING, [S.FAILED, S.PENDING], 2, S.FAILED),
        # On the wire, the outcome decides.
        (S.SENDING, [S.FAILED, S.SENDING], 2, S.SENDING),
        (S.SENDING, [S.SENT, S.DELIVERED], 2, S.SENDING),
        # A person lets the part be tried again.
        (S.PENDING, [S.SENT, S.FAILED, S.PENDING], 2, S.PENDING),
        (S.PENDING, [S.SENT, S.UNKNOWN], 2, S.PENDING),
        (S.PENDING, [S.SENT, S.DELIVERED], 2, S.SENT),
        # A part in doubt arrives.
        (S.UNKNOWN, [S.SENT, S.PENDING], 1, S.PENDING),
        (S.UNKNOWN, [S.SENT, S.DELIVERED], 2, S.SENT),
        (S.FAILED, [S.DELIVERED, S.DELIVERED], 1, S.DELIVERED),
        # What was ended between two parts stays so.
        (S.CANCELLED, [S.DELIVERED, S.PENDING], 2, S.CANCELLED),
        (S.SUPPRESSED, [S.FAILED, S.PENDING], 2, S.SUPPRESSED),
        (S.EXPIRED, [S.READ, S.UNKNOWN, S.PENDING], 2, S.EXPIRED),
        (S.CANCELLED, [S.READ, S.DELIVERED], 2, S.DELIVERED),
    ],
)
def test_a_delivery_of_several_parts(own: S, parts: list[S], next_part: int, shown: S) -> None:
    assert whole(own, parts, next_part) is shown


@given(states, several, st.integers(1, 10))
def test_a_delivery_has_arrived_only_when_all_its_parts_have(
    own: S, parts: list[S], next_part: int
) -> None:
    shown = whole(own, parts, next_part)
    if own is not S.SENDING and shown in {S.SENT, S.DELIVERED, S.READ}:
        assert min(map(rank, parts)) == rank(shown)
        assert ACCEPTED.issuperset(parts)


@given(states, several, st.integers(1, 10))
def test_what_is_shown_of_parts_holds_until_another_changes(
    own: S, parts: list[S], next_part: int
) -> None:
    shown = whole(own, parts, next_part)
    if not (shown is S.SENDING or (own is S.PENDING and shown is not S.PENDING)):
        assert whole(shown, parts, next_part) in {shown, S.PENDING}


@given(several)
def test_a_part_waits_only_where_all_before_it_were_accepted(parts: list[S]) -> None:
    """As it comes to be by outcomes: a part leaves once those before it are accepted."""
    first = next((at for at, one in enumerate(parts, 1) if one not in ACCEPTED), len(parts))
    begun = [*parts[:first], *[S.PENDING] * (len(parts) - first)]
    if whole(S.UNKNOWN, begun, first) is S.PENDING:
        assert ACCEPTED.issuperset(begun[: first - 1])
