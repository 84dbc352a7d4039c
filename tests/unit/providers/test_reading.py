"""What providers send is read as far as it can be."""

import pytest

from recado.providers import reading


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'{"a": "oi \ud83d"}', "oi ?"),
        (rb'{"a": "\ude00 oi"}', "? oi"),
        (rb'{"a": "\ud83d\ude00"}', "😀"),
        (b'{"a": "oi \xed\xa0\xbd"}', "oi \ufffd\ufffd\ufffd"),
        (b'{"a": "S\xe3o"}', "S\ufffdo"),
        (b'\xef\xbb\xbf{"a": "oi"}', "oi"),
        (b'{"a": "oi\x01"}', "oi\x01"),
        (b'{"a": "oi", "b": NaN, "c": -Infinity}', "oi"),
        (b'{"a": "oi", "b": 1e999}', None),
    ],
)
def test_what_is_no_text_in_a_callback_spoils_nothing_else(body: bytes, text: str | None) -> None:
    assert (reading.decoded(body) or {}).get("a") == text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"a": ' + b"9" * 5_000 + b"x", b"[" * 100_000, b"<html>"]
)
def test_what_is_no_object_is_told_by_one_kind_of_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        reading.document(body)
