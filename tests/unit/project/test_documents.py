"""What the documents say leads somewhere, and they keep their own rules."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.unit.project.markdown import ROOT, Document, document, documents

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
LONGEST_ARCHITECTURE = 300
# Whatever is written down for others must not name the machine or the account it was written on.
NOT_FOR_OTHERS = re.compile(r"/work/|/root/|/tmp/|localhost")


def every_document() -> list[pytest.param]:  # type: ignore[valid-type]
    return [pytest.param(each, id=each.name) for each in documents()]


@pytest.mark.parametrize("page", every_document())
def test_every_link_leads_to_a_file_and_a_heading(page: Document) -> None:
    for text, link in page.links():
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", f"{link} is not https"
            continue
        target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
        assert target.is_file(), f"[{text}]({link}) leads to no file"
        assert target.is_relative_to(ROOT), f"[{text}]({link}) leads out of the repository"
        if parts.fragment:
            found = document(target.relative_to(ROOT).as_posix()).anchors
            assert parts.fragment in found, f"[{text}]({link}) leads to no heading"


@pytest.mark.parametrize("page", every_document())
def test_every_make_target_named_exists(page: Document) -> None:
    for code in page.code():
        if code.startswith("make "):
            assert code.split()[1] in TARGETS, code


@pytest.mark.parametrize("page", every_document())
def test_no_document_tells_of_the_machine_it_was_written_on(page: Document) -> None:
    assert not NOT_FOR_OTHERS.findall(page.path.read_text(encoding="utf-8"))


def test_every_page_of_the_documentation_is_linked_from_another() -> None:
    linked: set[Path] = set()
    for page in documents():
        for _, link in page.links():
            path = urlsplit(link).path
            target = (page.path.parent / path).resolve()
            if path and target != page.path:
                linked.add(target)
    alone = [page.name for page in documents() if page.path not in linked]
    assert set(alone) <= {"README.md"}


def test_the_architecture_stays_short() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_ARCHITECTURE


def test_every_promise_is_linked_to_a_test_that_exists() -> None:
    page = document("ARCHITECTURE.md")
    promises = next(rows for rows in page.tables() if rows[0][0] == "promise")
    assert len(promises) > 1
    for row in promises[1:]:
        links = re.findall(r"\[(test_\w+)\]\(([\w./]+)\)", row[-1])
        assert links, f"no test is linked for: {row[0]}"
        for name, file in links:
            defined = re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
            assert defined, f"{file} has no {name}"


def test_every_decision_is_numbered_dated_and_listed() -> None:
    folder = ROOT / "docs" / "adr"
    listed = [link for _, link in document("docs/adr/index.md").links()]
    pages = sorted(path.name for path in folder.glob("0*.md"))
    assert sorted(listed) == pages
    for number, name in enumerate(pages, 1):
        text = (folder / name).read_text(encoding="utf-8")
        assert name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number:04d}. ")
        assert re.search(r"^\d{4}-\d{2}, (accepted|replaced by \[)", text, re.MULTILINE)
        for section in ("## Context", "## Decision", "## Not taken", "## What follows"):
            assert section in text, f"{name} lacks {section}"
