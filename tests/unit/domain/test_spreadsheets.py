"""What is exported is shown by spreadsheets, never run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.spreadsheets import csv_safe


@pytest.mark.parametrize(
    "value",
    [
        '=HYPERLINK("http://example.com")',
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "+55 11 91234-5678",
        "-",
    ],
)
def test_what_looks_like_a_formula_gets_an_apostrophe(value: str) -> None:
    assert csv_safe(value) == "'" + value


@pytest.mark.parametrize(
    "value", ["+5511912345678", "5511912345678", "-12,50", "3.14", "Ana", "", "a=b", "O'Neill"]
)
def test_plain_values_and_phone_numbers_stay_as_they_are(value: str) -> None:
    assert csv_safe(value) == value


@given(st.text())
def test_no_exported_value_begins_a_formula(value: str) -> None:
    safe = csv_safe(value)
    assert safe.removeprefix("'") == value.removeprefix("'")
    assert safe[:1] not in {"=", "@", "\t", "\r", "\n"}
