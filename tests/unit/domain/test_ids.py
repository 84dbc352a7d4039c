"""References travel to a provider and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.ids import DeliveryId, MessageId, MessageReference, Reference

whole = st.integers(0, 10**18 - 1)


@given(whole, whole, whole)
def test_a_reference_comes_back_as_it_went(delivery: int, part: int, attempt: int) -> None:
    reference = Reference(DeliveryId(delivery), part, attempt)
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    ["", "1.2", "1.2.3.4", "a.b.c", "1.2.-3", "1.2.３", "1..3", "1.2.1" + "0" * 18, "r:1.2.3"],
)
def test_what_somebody_else_wrote_is_no_reference_of_ours(text: str) -> None:
    assert Reference.parse(text) is None


@given(whole, whole)
def test_a_message_of_a_conversation_has_a_reference_of_another_kind(
    message: int, attempt: int
) -> None:
    reference = MessageReference(MessageId(message), attempt)
    assert MessageReference.parse(str(reference)) == reference
    assert Reference.parse(str(reference)) is None


@pytest.mark.parametrize("text", ["", "m", "1.2", "m1", "m1.2.3", "ma.1", "m1.-2", "mm1.2"])
def test_no_other_text_is_the_reference_of_such_a_message(text: str) -> None:
    assert MessageReference.parse(text) is None


@given(st.text())
def test_no_echo_breaks_the_reader(text: str) -> None:
    reference = Reference.parse(text)
    assert reference is None or Reference.parse(str(reference)) == reference
