"""The example files hold what their page says."""

import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from recado.features.contacts.reading import ContactRow, RowError, open_contacts

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = ("contatos.csv", "contatos-latin1.csv")


def read(name: str) -> tuple[list[ContactRow], list[RowError]]:
    file = open_contacts(EXAMPLES / name, filename=name)
    rows = [row for batch in file for row in batch]
    return (
        [row for row in rows if isinstance(row, ContactRow)],
        [row for row in rows if isinstance(row, RowError)],
    )


@pytest.fixture
def expected() -> dict[str, Any]:
    found: dict[str, Any] = runpy.run_path(str(EXAMPLES / "generate.py"))["EXPECTED"]
    return found


def test_the_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLES / "generate.py", tmp_path], check=True)
    for name in (*FILES, "README.md"):
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes(), name


@pytest.mark.parametrize("name", FILES)
def test_an_import_makes_of_them_what_the_page_says(name: str, expected: dict[str, Any]) -> None:
    contacts, errors = read(name)
    rejected = [error for error in errors if error.rejected]
    assert len(contacts) + len(rejected) == expected["rows"]
    assert len(contacts) == expected["accepted"]
    assert len({row.phone.key for row in contacts}) == expected["unique"] >= 900
    assert Counter(error.reason for error in rejected) == expected["rejected"]
    warnings = Counter(error.reason for error in errors if not error.rejected)
    assert warnings == expected["warnings"]


def test_both_files_hold_the_same_people() -> None:
    (utf8, _), (latin1, _) = read(FILES[0]), read(FILES[1])
    assert [row[:7] for row in utf8] == [row[:7] for row in latin1]
    remarks = {row.custom.get("observacao", "") for row in utf8}
    assert any("\N{DOG FACE}" in remark for remark in remarks)
    assert any(remark.startswith("=HYPERLINK") for remark in remarks)
    assert any("\n" in remark for remark in remarks)
    assert {row.phone.valid for row in utf8} == {True, False}
    assert {"BR", "PT", "US", "AR", "ES"} == {row.phone.region for row in utf8}
