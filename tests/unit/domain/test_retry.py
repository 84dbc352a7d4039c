"""What a failed attempt means for those around it."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.deliveries import DeliveryState, next_state
from recado.domain.retry import (
    MOST_ATTEMPTS,
    MOST_PER_WINDOW,
    RULES,
    WINDOW,
    ContactEffect,
    Decision,
    ErrorClass,
    Verdict,
    decide,
)

CODES = Path(__file__).parents[4] / "shared" / "providers" / "error_codes.json"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
C = ErrorClass
S = DeliveryState
V = Verdict


def after(error_class: ErrorClass, attempts: int = 1, **more: object) -> Decision:
    return decide(error_class, attempts=attempts, now=NOW, jitter=0.0, **more)  # type: ignore[arg-type]  # a pass-through


def seconds(decision: Decision) -> float:
    assert decision.due_at is not None
    return (decision.due_at - NOW).total_seconds()


@pytest.mark.parametrize(
    ("error_class", "verdict", "status"),
    [
        (C.NETWORK_NOT_SENT, V.RETRY_LATER, S.PENDING),
        (C.THROTTLE_CHANNEL, V.HOLD_CHANNEL, S.PENDING),
        (C.THROTTLE_PAIR, V.RETRY_LATER, S.PENDING),
        (C.TRANSIENT_CHANNEL, V.HOLD_CHANNEL, S.PENDING),
        (C.NETWORK_UNSURE, V.UNKNOWN, S.UNKNOWN),
        (C.TRANSIENT_UNSURE, V.UNKNOWN, S.UNKNOWN),
        (C.AUTH, V.PAUSE_CHANNEL, S.PENDING),
        (C.ACCOUNT, V.PAUSE_CHANNEL, S.PENDING),
        (C.ACCOUNT_QUALITY, V.PAUSE_CHANNEL, S.PENDING),
        (C.REGISTRATION, V.PAUSE_CHANNEL, S.PENDING),
        (C.TEMPLATE, V.PAUSE_CAMPAIGN, S.PENDING),
        (C.TEMPLATE_PARAMS, V.PAUSE_CAMPAIGN, S.PENDING),
        (C.MEDIA, V.PAUSE_CAMPAIGN, S.FAILED),
        (C.REQUEST, V.FAIL, S.FAILED),
        (C.CONTACT_DATA, V.FAIL, S.FAILED),
        (C.UNKNOWN_CODE, V.FAIL, S.FAILED),
        (C.CONTACT_DEAD, V.FAIL, S.FAILED),
        (C.CONTACT_DEFER, V.FAIL, S.FAILED),
        (C.CONTACT_SKIP, V.FAIL, S.FAILED),
        (C.COUNTRY_BLOCK, V.FAIL, S.FAILED),
        (C.OPT_OUT, V.FAIL, S.FAILED),
        (C.WINDOW, V.FAIL, S.FAILED),
        (C.INBOUND_ONLY, V.FAIL, S.FAILED),
    ],
)
def test_the_first_error_of_a_class_decides(
    error_class: ErrorClass, verdict: Verdict, status: DeliveryState
) -> None:
    decision = after(error_class)
    assert (decision.verdict, decision.status) == (verdict, status)
    assert (decision.due_at is not None) == (status is S.PENDING)
    assert (decision.hold_channel_until is not None) == (verdict is V.HOLD_CHANNEL)
    assert next_state(S.SENDING, decision.event) is status


def test_every_class_has_a_rule() -> None:
    assert set(RULES) == set(ErrorClass)


def test_every_class_of_the_shared_table_is_known_and_retried_only_as_it_says() -> None:
    if not CODES.exists():
        pytest.skip("the shared table is not here")
    for error in json.loads(CODES.read_text()):
        error_class = ErrorClass(error["cls"])
        rule = RULES[error_class]
        if error["retry"] == "bounded":
            assert rule.maybe_sent
        elif error["retry"] == "yes":
            assert not rule.maybe_sent
            assert rule.verdict in {V.RETRY_LATER, V.HOLD_CHANNEL}
        else:
            assert rule.verdict in {V.FAIL, V.PAUSE_CHANNEL, V.PAUSE_CAMPAIGN}


def test_an_attempt_is_retried_four_times_at_growing_distances() -> None:
    waits = [seconds(after(C.NETWORK_NOT_SENT, attempts)) for attempts in range(1, 5)]
    assert waits == [2, 8, 32, 128]
    last = after(C.NETWORK_NOT_SENT, 5)
    assert (last.verdict, last.status) == (V.FAIL, S.FAILED)


def test_a_throttled_pair_waits_four_to_the_power_of_the_attempts() -> None:
    waits = [seconds(after(C.THROTTLE_PAIR, attempts)) for attempts in range(1, 5)]
    assert waits == [4, 16, 64, 256]


def test_a_throttled_channel_is_held_as_long_as_the_delivery_waits() -> None:
    decision = after(C.THROTTLE_CHANNEL)
    assert decision.hold_channel_until == decision.due_at


def test_maintenance_holds_the_channel_for_minutes() -> None:
    waits = [seconds(after(C.TRANSIENT_CHANNEL, attempts)) for attempts in range(1, 5)]
    assert waits == [60, 120, 240, 300]


def test_a_channel_is_held_also_when_the_last_attempt_met_the_limit() -> None:
    decision = after(C.THROTTLE_CHANNEL, MOST_ATTEMPTS)
    assert (decision.verdict, decision.status) == (V.HOLD_CHANNEL, S.FAILED)
    assert decision.hold_channel_until is not None
    assert decision.due_at is None


@pytest.mark.parametrize("error_class", [C.AUTH, C.TEMPLATE])
def test_a_fault_that_nobody_mends_is_not_tried_for_ever(error_class: ErrorClass) -> None:
    decision = after(error_class, MOST_ATTEMPTS)
    assert decision.status is S.FAILED
    assert decision.verdict is after(error_class).verdict


@pytest.mark.parametrize("error_class", [C.NETWORK_NOT_SENT, C.THROTTLE_CHANNEL, C.THROTTLE_PAIR])
def test_what_the_provider_asks_for_is_waited_for(error_class: ErrorClass) -> None:
    assert seconds(after(error_class, retry_after=90.0)) == 90
    assert seconds(after(error_class, retry_after=0.5)) in {2, 4}


@pytest.mark.parametrize("asked", [-1.0, 0.0, math.nan, None])
def test_a_senseless_request_to_wait_is_passed_over(asked: float | None) -> None:
    assert seconds(after(C.THROTTLE_CHANNEL, retry_after=asked)) == 2


def test_nobody_waits_for_ever() -> None:
    assert seconds(after(C.THROTTLE_CHANNEL, retry_after=math.inf)) == 86_400


@pytest.mark.parametrize("error_class", [C.NETWORK_UNSURE, C.TRANSIENT_UNSURE])
def test_what_may_have_been_sent_is_sent_again_only_by_choice_and_not_often(
    error_class: ErrorClass,
) -> None:
    for attempts in (1, 2):
        assert after(error_class, attempts).status is S.UNKNOWN
        chosen = after(error_class, attempts, resend_unsure=True)
        assert (chosen.verdict, chosen.status) == (V.RETRY_LATER, S.PENDING)
    # The last one may still have arrived.
    assert after(error_class, 3, resend_unsure=True).status is S.UNKNOWN


def test_media_that_cannot_be_fetched_is_tried_again_only_by_choice() -> None:
    assert after(C.MEDIA, 2, resend_unsure=True).status is S.PENDING
    last = after(C.MEDIA, 3, resend_unsure=True)
    assert (last.verdict, last.status) == (V.PAUSE_CAMPAIGN, S.FAILED)


@pytest.mark.parametrize(
    ("error_class", "effect"),
    [
        (C.CONTACT_DEAD, ContactEffect.DEAD),
        (C.CONTACT_DEFER, ContactEffect.DEFERRED),
        (C.OPT_OUT, ContactEffect.OPTED_OUT),
        (C.CONTACT_SKIP, None),
        (C.REQUEST, None),
    ],
)
def test_an_error_may_tell_something_about_the_contact(
    error_class: ErrorClass, effect: ContactEffect | None
) -> None:
    assert after(error_class).contact is effect


def test_faults_of_single_messages_make_the_campaign_suspect() -> None:
    suspicious = {error_class for error_class in C if after(error_class).suspects_campaign}
    assert suspicious == {C.REQUEST, C.CONTACT_DATA, C.UNKNOWN_CODE, C.INBOUND_ONLY}


def test_a_delivery_is_tried_at_most_ten_times_in_five_minutes() -> None:
    recent = [NOW - timedelta(seconds=10 * ago) for ago in range(10)]
    decision = after(C.NETWORK_NOT_SENT, recent=recent)
    assert decision.due_at is not None
    assert decision.due_at > recent[-1] + WINDOW
    assert seconds(after(C.NETWORK_NOT_SENT, recent=recent[:9])) == 2


def test_a_decision_without_an_attempt_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="attempt"):
        after(C.AUTH, 0)


@given(
    error_class=st.sampled_from(list(ErrorClass)),
    attempts=st.integers(1, 100),
    jitter=st.floats(0, 1, exclude_max=True),
    retry_after=st.none() | st.floats(),
    ago=st.lists(st.integers(0, 300), max_size=30),
    resend=st.booleans(),
)
def test_no_decision_breaks_the_limits(
    *,
    error_class: ErrorClass,
    attempts: int,
    jitter: float,
    retry_after: float | None,
    ago: list[int],
    resend: bool,
) -> None:
    recent = [NOW - timedelta(seconds=age) for age in ago]
    decision = decide(
        error_class,
        attempts=attempts,
        now=NOW,
        jitter=jitter,
        retry_after=retry_after,
        recent=recent,
        resend_unsure=resend,
    )
    assert decision.status in {S.PENDING, S.FAILED, S.UNKNOWN}
    if decision.status is S.PENDING:
        assert attempts < MOST_ATTEMPTS
        assert decision.due_at is not None
        assert decision.due_at > NOW
        window = [at for at in recent if at >= decision.due_at - WINDOW]
        assert len(window) < MOST_PER_WINDOW
        assert not RULES[error_class].maybe_sent or resend


@given(
    st.sampled_from([C.NETWORK_NOT_SENT, C.THROTTLE_PAIR]), st.integers(1, 4), st.floats(0, 0.99)
)
def test_chance_only_ever_delays(error_class: ErrorClass, attempts: int, jitter: float) -> None:
    at_once = after(error_class, attempts)
    spread = decide(error_class, attempts=attempts, now=NOW, jitter=jitter)
    assert seconds(at_once) <= seconds(spread) <= 1.5 * seconds(at_once)


def test_what_channel_or_campaign_caused_uses_up_no_try_of_the_delivery() -> None:
    assert after(C.NETWORK_NOT_SENT).counts
    assert after(C.REQUEST).counts
    assert not after(C.THROTTLE_CHANNEL).counts
    assert not after(C.TEMPLATE).counts
