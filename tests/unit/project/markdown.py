"""The project's Markdown files, as tests look at them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it.token import Token
from scripts.markdown_pages import anchors, parser

ROOT = Path(__file__).parents[3]
_OPERATORS = frozenset({"|", "&&", "&", ">", ";"})
_NOT_OURS = frozenset({"node_modules", "site", "dist"})


@dataclass(frozen=True)
class Document:
    """One Markdown file; ``name`` is its path in the repository."""

    path: Path
    tokens: tuple[Token, ...]

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def anchors(self) -> list[str]:
        return anchors(self.tokens)

    def links(self) -> Iterator[tuple[str, str]]:
        """(text, target) of every link, and ("", target) of every image."""
        for inline in self.tokens:
            text: list[str] = []
            target = ""
            for part in inline.children or []:
                if part.type == "image":
                    yield "", str(part.attrGet("src"))
                elif part.type == "link_open":
                    target, text = str(part.attrGet("href")), []
                elif part.type == "link_close":
                    yield "".join(text), target
                else:
                    text.append(part.content)

    def code(self) -> Iterator[str]:
        """Every piece of code inside a sentence."""
        for inline in self.tokens:
            yield from (p.content for p in inline.children or [] if p.type == "code_inline")

    def fences(self, *languages: str) -> Iterator[str]:
        """The blocks of code in these languages."""
        for token in self.tokens:
            if token.type == "fence" and token.info.strip() in languages:
                yield token.content

    def tables(self) -> Iterator[list[list[str]]]:
        """Every table as rows of cells, each cell its source."""
        rows: list[list[str]] = []
        for token, inline in zip(self.tokens, self.tokens[1:], strict=False):
            if token.type == "table_open":
                rows = []
            elif token.type == "tr_open":
                rows.append([])
            elif token.type in {"th_open", "td_open"}:
                rows[-1].append(inline.content)
            elif token.type == "table_close" or inline.type == "table_close":
                if rows:
                    yield rows
                rows = []


def document(name: str) -> Document:
    path = ROOT / name
    return Document(path, tuple(parser().parse(path.read_text(encoding="utf-8"))))


def documents() -> list[Document]:
    """Every Markdown file of the repository."""
    return [
        document(path.relative_to(ROOT).as_posix())
        for path in sorted(ROOT.rglob("*.md"))
        if not any(
            piece in _NOT_OURS or piece.startswith(".") for piece in path.relative_to(ROOT).parts
        )
    ]


def commands(block: str) -> Iterator[list[str]]:
    """What is typed in a console block: lines behind ``$``, with the lines that continue them."""
    for typed in re.findall(r"^\$ ((?:.*\\\n)*.*(?:\n[^$\n].*)*)", block, re.MULTILINE):
        yield _words(typed)


def _words(typed: str) -> list[str]:
    """The words of the first command in what may be several lines, as a shell cuts them."""
    lines = typed.split("\n")
    taken = lines[0]
    for line in lines[1:]:
        if taken.endswith("\\"):
            taken = taken[:-1] + line
        elif taken.count("'") % 2:
            taken += "\n" + line
        else:
            break
    words = shlex.split(taken, comments=True)
    end = next((at for at, word in enumerate(words) if word in _OPERATORS), len(words))
    return words[:end]
