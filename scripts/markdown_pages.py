"""Reading the project's Markdown: CommonMark with tables, anchors as GitHub makes them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token


def parser() -> MarkdownIt:
    """The Markdown of this project: no HTML in it."""
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def headings(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """The opening token of each heading, and its text without markup."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            yield opening, "".join(part.content for part in inline.children or [])


def anchors(tokens: Sequence[Token]) -> list[str]:
    """The anchors of all headings in their order, repeated ones numbered."""
    seen: Counter[str] = Counter()
    found = []
    for _, text in headings(tokens):
        name = slug(text)
        found.append(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
