"""Plain SQL in ``queries.sql`` beside its feature, read by name.

A file holds blocks that start with ``-- name: some_name``; the text up to the next such line is
one statement with ``%(parameter)s`` placeholders.
"""

import re
from importlib.resources import files
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Queries:
    """The named statements of one file; asking for a name that is not there raises KeyError."""

    def __init__(self, text: str) -> None:
        # The files are part of the package, as literal as a string in the source.
        pieces = cast("list[LiteralString]", _HEADING.split(text))
        self._statements: dict[str, LiteralString] = {
            name: statement.strip()
            for name, statement in zip(pieces[1::2], pieces[2::2], strict=True)
        }

    def __getitem__(self, name: str) -> LiteralString:
        return self._statements[name]


def load(package: str, name: str = "queries.sql") -> Queries:
    """Read the named statements that stand beside a package's code."""
    return Queries(files(package).joinpath(name).read_text(encoding="utf-8"))
