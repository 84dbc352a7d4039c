"""Whom an error blames: a host only if two channels accuse it."""

from hypothesis import given
from hypothesis import strategies as st

from recado.domain import blame
from recado.domain.adaptive import BreakerPolicy, BreakerState, admit
from recado.domain.blame import HostBreaker, dump_host, let_go, load_host, on_host_answer
from recado.domain.retry import RULES, ErrorClass, Verdict

POLICY = BreakerPolicy()
NOW = 1_772_445_600.0


def heard(
    host: HostBreaker, channel: str, *, failed: bool, now: float, left_at: float | None = None
) -> HostBreaker:
    left = now if left_at is None else left_at
    return on_host_answer(host, POLICY, channel=channel, failed=failed, left_at=left, now=now)


def tripped() -> HostBreaker:
    host = HostBreaker()
    for number in range(POLICY.failures):
        host = heard(host, f"1:{number % 2}", failed=True, now=NOW)
    return host


def probing(now: float = NOW + POLICY.open_for) -> HostBreaker:
    breaker, permit = admit(tripped().breaker, POLICY, now=now)
    assert permit.probe
    return HostBreaker(breaker)


def test_two_channels_that_fail_in_a_row_trip_their_host() -> None:
    host = tripped()
    assert host.breaker.state is BreakerState.OPEN
    assert host.accusers == ()


@given(st.integers(1, 200))
def test_one_channel_alone_never_trips_a_host(times: int) -> None:
    host = HostBreaker()
    for _ in range(times):
        host = heard(host, "1:1", failed=True, now=NOW)
    assert host.breaker.state is BreakerState.CLOSED
    other = heard(host, "1:2", failed=True, now=NOW)
    assert (other.breaker.state is BreakerState.OPEN) == (times >= POLICY.failures - 1)


def test_a_success_between_them_clears_the_host() -> None:
    host = HostBreaker()
    for number in range(20):
        host = heard(host, f"1:{number % 3}", failed=number % 4 != 0, now=NOW)
    assert host.breaker.state is BreakerState.CLOSED
    assert heard(host, "1:1", failed=False, now=NOW).accusers == ()


def test_a_probe_that_fails_for_one_channel_alone_leaves_the_turn_to_another() -> None:
    later = NOW + POLICY.open_for + 1
    host = heard(probing(), "1:1", failed=True, now=later)
    assert (host.breaker.state, host.breaker.probes) == (BreakerState.HALF_OPEN, 0)
    assert heard(host, "1:2", failed=True, now=later).breaker.state is BreakerState.OPEN
    cleared = heard(host, "1:2", failed=False, now=later)
    assert heard(cleared, "1:3", failed=False, now=later).breaker.state is BreakerState.CLOSED


def test_what_left_before_or_ends_while_it_is_open_says_nothing() -> None:
    late = heard(probing(), "1:1", failed=True, now=NOW + 40, left_at=NOW - 5)
    assert late == probing()
    assert heard(tripped(), "1:9", failed=True, now=NOW + 1) == tripped()


def test_a_probe_that_did_not_leave_is_given_back() -> None:
    assert let_go(probing()).breaker.probes == 0


@given(st.sampled_from([HostBreaker(), tripped(), probing()]), st.booleans())
def test_a_host_comes_back_from_a_hash_as_it_was(host: HostBreaker, accused: bool) -> None:
    if accused:
        host = HostBreaker(host.breaker, ("1:1", "2:7"))
    assert load_host({name: str(value) for name, value in dump_host(host).items()}) == host


def test_a_message_that_is_wrong_blames_neither_channel_nor_host() -> None:
    assert blame.HOST < blame.CHANNEL
    for error_class in ErrorClass:
        if RULES[error_class].verdict in {Verdict.FAIL, Verdict.PAUSE_CAMPAIGN}:
            assert error_class not in blame.CHANNEL
