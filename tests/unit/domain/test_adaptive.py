"""Sends at once that adapt, pauses that grow, breakers that trip."""

import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.adaptive import (
    ACTORS,
    FORGOTTEN_AFTER,
    LONGEST_PAUSE,
    TRANSITIONS,
    Breaker,
    BreakerEvent,
    BreakerPolicy,
    BreakerState,
    Concurrency,
    ErrorStreak,
    Permit,
    admit,
    cools_at,
    dump,
    give_back,
    load,
    on_answer,
    on_error,
    on_result,
    on_success,
    sends_at_once,
)

NOW = 1_772_445_600.0

# Sends at once ---------------------------------------------------------------------------------


def answers(
    state: Concurrency, many: int, *, latency: float = 0.1, start: float = NOW, bound: int = 64
) -> Concurrency:
    """So many good answers, one after the other."""
    for number in range(many):
        at = start + number * latency
        state = on_result(state, latency=latency, failed=False, now=at, bound=bound)
    return state


def overload(state: Concurrency, now: float, *, latency: float = 0.1) -> Concurrency:
    return on_result(state, latency=latency, failed=True, now=now, bound=64)


def test_a_channel_starts_with_five_sends_at_once() -> None:
    assert sends_at_once(Concurrency(), 64) == 5
    assert sends_at_once(Concurrency(), 3) == 3
    assert sends_at_once(Concurrency(limit=0.2), 3) == 1


def test_a_round_of_good_answers_adds_one() -> None:
    assert sends_at_once(answers(Concurrency(), 4), 64) == 5
    assert sends_at_once(answers(Concurrency(), 5), 64) == 6
    assert sends_at_once(answers(Concurrency(), 5 + 6), 64) == 7


def test_the_limit_stops_at_the_channels_bound_and_comes_down_with_it() -> None:
    grown = answers(Concurrency(), 1000, bound=10)
    assert grown.limit == 10
    assert answers(grown, 1, bound=4).limit <= 4


def test_an_overload_takes_three_tenths_away() -> None:
    assert overload(Concurrency(limit=20), NOW).limit == pytest.approx(14)


def test_the_limit_never_falls_below_one() -> None:
    state = Concurrency()
    for second in range(50):
        state = overload(state, NOW + second)
    assert state.limit == 1


def test_a_burst_of_overloads_lowers_the_limit_once_a_round_trip() -> None:
    state = overload(Concurrency(limit=20), NOW)
    for number in range(20):
        # All of these had left before the first answered.
        state = overload(state, NOW + number / 1000)
    assert state.limit == pytest.approx(14)
    assert overload(state, NOW + 0.2).limit == pytest.approx(9.8)


def test_good_answers_to_what_left_before_a_cut_do_not_make_up_for_it() -> None:
    cut = overload(Concurrency(limit=20), NOW)
    assert on_result(cut, latency=0.1, failed=False, now=NOW + 0.05, bound=64) == cut


def test_a_latency_over_twice_its_minimum_lowers_the_limit() -> None:
    steady = answers(Concurrency(limit=20), 50, latency=0.5)
    slow = answers(steady, 6, latency=2.0, start=NOW + 100)
    assert slow.limit < steady.limit
    assert slow.cut_at > NOW


def test_a_single_slow_answer_is_borne() -> None:
    steady = answers(Concurrency(limit=20), 50, latency=0.5)
    assert answers(steady, 1, latency=1.5, start=NOW + 100).limit >= steady.limit


def test_a_few_milliseconds_more_are_nothing() -> None:
    steady = answers(Concurrency(limit=20), 50, latency=0.01)
    assert answers(steady, 50, latency=0.1, start=NOW + 100).limit > steady.limit


def test_what_is_slow_for_good_becomes_the_measure() -> None:
    state = answers(Concurrency(limit=20), 50, latency=0.3)
    start = NOW + 100
    for _ in range(60):
        state = answers(state, 20, latency=0.9, start=start)
        start += 100
    assert state.fastest > 0.45
    assert state.limit > 20


def test_answers_of_an_idle_channel_do_not_raise_the_limit() -> None:
    idle = busy = Concurrency(limit=10)
    for second in range(100):
        idle = on_result(idle, latency=0.1, failed=False, now=NOW + second, bound=64, in_flight=4)
        busy = on_result(busy, latency=0.1, failed=False, now=NOW + second, bound=64, in_flight=5)
    assert idle.limit == 10
    assert busy.limit > 10
    assert idle.latency == pytest.approx(0.1)


@given(
    st.lists(
        st.tuples(st.floats(-1, 100), st.booleans(), st.floats(0, 30), st.integers(1, 64)),
        max_size=60,
    )
)
def test_the_limit_stays_between_one_and_the_bound(
    results: list[tuple[float, bool, float, int]],
) -> None:
    state, now = Concurrency(), NOW
    for latency, failed, later, bound in results:
        now += later
        before, state = (
            state,
            on_result(state, latency=latency, failed=failed, now=now, bound=bound),
        )
        assert 1 <= sends_at_once(state, bound) <= bound
        assert state.limit >= 1
        assert state.limit <= before.limit + 1
        assert state.fastest <= max(state.latency, before.fastest) + 1e-9
        if state.cut_at > before.cut_at:
            assert now - max(0.0, latency) >= before.cut_at


# Errors in a row -------------------------------------------------------------------------------


def errors(streak: ErrorStreak, many: int, now: float = NOW) -> ErrorStreak:
    for _ in range(many):
        streak = on_error(streak, now=now, threshold=5, pause_minutes=10)
    return streak


def test_errors_in_a_row_pause_the_channel() -> None:
    assert errors(ErrorStreak(), 4).paused_until == 0
    assert errors(ErrorStreak(), 5).paused_until == NOW + 600


def test_a_success_ends_the_row() -> None:
    streak = on_success(errors(ErrorStreak(), 4), now=NOW)
    assert streak == ErrorStreak()
    assert errors(streak, 4).paused_until == 0


def test_each_pause_without_a_success_is_twice_as_long_up_to_four_hours() -> None:
    streak, now, lengths = ErrorStreak(), NOW, []
    for _ in range(30):
        streak = errors(streak, 5, now)
        lengths.append((streak.paused_until - now) / 60)
        now = streak.paused_until
    assert lengths[:6] == [10, 20, 40, 80, 160, 240]
    assert set(lengths[5:]) == {LONGEST_PAUSE / 60}


def test_after_a_success_pauses_are_short_again() -> None:
    streak = errors(ErrorStreak(), 5)
    later = streak.paused_until
    streak = errors(on_success(streak, now=later), 5, later)
    assert streak.paused_until == later + 600


def test_answers_during_a_pause_left_before_it_and_change_nothing() -> None:
    paused = errors(ErrorStreak(), 5)
    assert errors(paused, 20, NOW + 1) == paused
    assert on_success(paused, now=NOW + 1) == paused


def test_a_day_without_errors_makes_the_pauses_short_again() -> None:
    paused = errors(ErrorStreak(), 5)
    assert errors(paused, 5, NOW + FORGOTTEN_AFTER - 1).paused_until == (
        NOW + FORGOTTEN_AFTER - 1 + 1200
    )
    assert errors(paused, 5, NOW + FORGOTTEN_AFTER).paused_until == NOW + FORGOTTEN_AFTER + 600


def test_errors_of_two_days_are_no_row() -> None:
    assert errors(errors(ErrorStreak(), 4), 4, NOW + FORGOTTEN_AFTER).paused_until == 0


def test_a_setting_longer_than_four_hours_is_kept() -> None:
    first = on_error(ErrorStreak(), now=NOW, threshold=1, pause_minutes=600)
    assert first.paused_until == NOW + 600 * 60
    again = on_error(first, now=first.paused_until, threshold=1, pause_minutes=600)
    assert again.paused_until == first.paused_until + 600 * 60


@pytest.mark.parametrize(
    ("threshold", "minutes"), [(None, 10.0), (5, None), (5, 0.0), (None, None)]
)
def test_without_the_setting_nothing_is_paused(
    threshold: int | None, minutes: float | None
) -> None:
    streak = ErrorStreak()
    for _ in range(100):
        streak = on_error(streak, now=NOW, threshold=threshold, pause_minutes=minutes)
    assert (streak.paused_until, streak.count) == (0, 100)


# Breakers --------------------------------------------------------------------------------------

POLICY = BreakerPolicy(failures=3, open_for=30, longest=100, successes=2, probe_lost_after=60)


def answer(breaker: Breaker, now: float, *, failed: bool) -> Breaker:
    return on_answer(breaker, POLICY, failed=failed, left_at=now, now=now)


def tripped(now: float = NOW) -> Breaker:
    breaker = Breaker()
    for _ in range(POLICY.failures):
        breaker = answer(breaker, now, failed=True)
    return breaker


def test_every_event_of_a_breaker_is_somebodys_and_leads_elsewhere() -> None:
    assert set(TRANSITIONS) == set(ACTORS) == set(BreakerEvent)
    for ways in TRANSITIONS.values():
        assert all(before is not after for before, after in ways.items())
    # Every state can be left.
    assert {before for ways in TRANSITIONS.values() for before in ways} == set(BreakerState)


def test_a_closed_breaker_lets_everything_through() -> None:
    assert admit(Breaker(), POLICY, now=NOW) == (Breaker(), Permit(allowed=True))


def test_failures_in_a_row_trip_it() -> None:
    assert tripped().state is BreakerState.OPEN
    mended = answer(answer(Breaker(), NOW, failed=True), NOW, failed=False)
    for _ in range(POLICY.failures - 1):
        mended = answer(mended, NOW, failed=True)
    assert mended.state is BreakerState.CLOSED


def test_an_open_breaker_holds_everything_and_says_until_when() -> None:
    breaker = tripped()
    assert cools_at(breaker, POLICY) == NOW + 30
    assert admit(breaker, POLICY, now=NOW + 29) == (
        breaker,
        Permit(allowed=False, retry_at=NOW + 30),
    )


def test_after_a_while_one_probe_may_try() -> None:
    breaker, permit = admit(tripped(), POLICY, now=NOW + 30)
    assert breaker.state is BreakerState.HALF_OPEN
    assert permit == Permit(allowed=True, probe=True)
    again, second = admit(breaker, POLICY, now=NOW + 31)
    assert (again, second) == (breaker, Permit(allowed=False, retry_at=NOW + 90))


def test_probes_that_succeed_close_it() -> None:
    breaker, _ = admit(tripped(), POLICY, now=NOW + 30)
    breaker = answer(breaker, NOW + 31, failed=False)
    assert breaker.state is BreakerState.HALF_OPEN
    breaker, permit = admit(breaker, POLICY, now=NOW + 32)
    assert permit.probe
    breaker = answer(breaker, NOW + 33, failed=False)
    assert breaker == Breaker(since=NOW + 33)


def test_a_probe_that_fails_opens_it_for_twice_as_long() -> None:
    breaker, now, waits = tripped(), NOW, []
    for _ in range(4):
        waits.append(cools_at(breaker, POLICY) - now)
        now = cools_at(breaker, POLICY)
        breaker, _ = admit(breaker, POLICY, now=now)
        breaker = answer(breaker, now, failed=True)
        assert breaker.state is BreakerState.OPEN
    assert waits == [30, 60, 100, 100]


def test_answers_to_what_left_before_say_nothing_about_now() -> None:
    breaker = tripped()
    late = NOW + 40
    assert on_answer(breaker, POLICY, failed=False, left_at=NOW - 1, now=late) == breaker
    assert answer(breaker, NOW + 1, failed=False) == breaker
    half, _ = admit(breaker, POLICY, now=NOW + 30)
    for failed in (True, False):
        assert on_answer(half, POLICY, failed=failed, left_at=NOW + 29, now=late) == half


def test_a_probe_lost_with_its_worker_is_replaced() -> None:
    breaker, _ = admit(tripped(), POLICY, now=NOW + 30)
    breaker, permit = admit(breaker, POLICY, now=NOW + 90)
    assert permit.probe
    assert (breaker.probes, breaker.probed_at) == (1, NOW + 90)


def test_a_probe_that_did_not_leave_makes_room_for_another() -> None:
    breaker, _ = admit(tripped(), POLICY, now=NOW + 30)
    breaker, permit = admit(give_back(breaker), POLICY, now=NOW + 31)
    assert permit.probe
    assert give_back(Breaker()) == Breaker()


def test_several_probes_may_try_at_once() -> None:
    policy = BreakerPolicy(failures=3, probes=2, successes=3)
    breaker, _ = admit(tripped(), policy, now=NOW + 30)
    breaker, second = admit(breaker, policy, now=NOW + 30)
    breaker, third = admit(breaker, policy, now=NOW + 30)
    assert (second.allowed, third.allowed) == (True, False)


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 50), st.sampled_from(["ask", "answer", "back"])),
        max_size=80,
    )
)
def test_a_breaker_is_never_stuck_and_half_open_lets_only_its_probes_through(
    steps: list[tuple[bool, float, str]],
) -> None:
    breaker, now = Breaker(), NOW
    for failed, later, what in steps:
        now += later
        if what == "ask":
            breaker, permit = admit(breaker, POLICY, now=now)
            assert permit.allowed == (permit.retry_at is None)
            if permit.retry_at is not None:
                assert permit.retry_at > now
                assert admit(breaker, POLICY, now=permit.retry_at)[1].allowed
        elif what == "answer":
            breaker = on_answer(breaker, POLICY, failed=failed, left_at=now - 1, now=now)
        else:
            breaker = give_back(breaker)
        assert 0 <= breaker.probes <= POLICY.probes
        assert breaker.failures < POLICY.failures
        assert breaker.successes < POLICY.successes
        assert (breaker.openings == 0) == (breaker.state is BreakerState.CLOSED)


# Sharing ---------------------------------------------------------------------------------------

seconds = st.floats(0, 2e9)
counts = st.integers(0, 10**6)
states = (
    st.builds(
        Concurrency,
        limit=st.floats(1, 100),
        good=counts,
        latency=seconds,
        fastest=seconds,
        cut_at=seconds,
    )
    | st.builds(ErrorStreak, count=counts, pauses=counts, paused_until=seconds, last_at=seconds)
    | st.builds(
        Breaker,
        state=st.sampled_from(BreakerState),
        since=seconds,
        failures=counts,
        successes=counts,
        probes=counts,
        probed_at=seconds,
        openings=counts,
    )
)


def as_it_is(raw: dict[str, object]) -> dict[str, object]:
    return raw


def through_json(raw: dict[str, object]) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(json.dumps(raw))
    return decoded


def through_a_hash(raw: dict[str, object]) -> dict[bytes, object]:
    return {name.encode(): str(value).encode() for name, value in raw.items()}


@pytest.mark.parametrize("way", [as_it_is, through_json, through_a_hash])
@given(state=states)
def test_a_state_is_the_same_after_it_was_shared(
    way: Callable[[dict[str, object]], dict[str, object]],
    state: Concurrency | ErrorStreak | Breaker,
) -> None:
    assert load(type(state), way({**dump(state)})) == state


def test_a_state_as_at_the_beginning_takes_no_room() -> None:
    assert dump(Breaker()) == dump(Concurrency()) == dump(ErrorStreak()) == {}
    assert load(Breaker, {}) == Breaker()


@pytest.mark.parametrize(
    "raw",
    [
        {"limit": "much"},
        {"limit": math.inf},
        {"limit": "nan"},
        {"good": "1.5"},
        {"cut_at": None},
        {"unheard_of": 7},
        {b"limit": b"\xff"},
    ],
)
def test_what_cannot_be_read_is_as_at_the_beginning(raw: dict[str, object]) -> None:
    assert load(Concurrency, raw) == Concurrency()


def test_an_unheard_of_state_of_a_breaker_is_as_at_the_beginning() -> None:
    assert load(Breaker, {"state": "ajar", "failures": "2"}) == Breaker(failures=2)
