"""Which character separates the cells of a CSV file."""

import csv
from collections import Counter
from itertools import islice
from typing import Final

from recado.features.contacts.reading.columns import known_headers

DELIMITERS: Final = (";", ",", "\t", "|")
_RECORDS: Final = 50


def delimiter_of(sample: str, *, complete: bool) -> str:
    """The delimiter under which the sample looks most like a table.

    Args:
        sample: The beginning of the file.
        complete: Whether it is the whole file; otherwise its last line may be a part of one.

    Columns whose headers are known decide before the number of columns that rows agree on. A file
    of one column has no delimiter; any is then as good.
    """
    lines = sample.splitlines(keepends=True)
    if not complete and len(lines) > 1:
        lines.pop()
    return max(DELIMITERS, key=lambda delimiter: _score(lines, delimiter))


def declared_delimiter(first_line: str) -> str | None:
    """What Excel's first line ``sep=;`` declares."""
    text = first_line.strip().strip('"')
    is_declaration = text[:4].lower() == "sep=" and len(text) <= 5  # noqa: PLR2004 - sep= and one
    return (text[4:] or "\t") if is_declaration else None


def _score(lines: list[str], delimiter: str) -> tuple[int, float]:
    filled = (
        record
        for record in csv.reader(lines, delimiter=delimiter)
        if any(cell.strip() for cell in record)
    )
    records = list(islice(filled, _RECORDS))
    if not records:
        return 0, 0.0
    known = max(known_headers(record) for record in records)
    width, agreeing = Counter(map(len, records)).most_common(1)[0]
    agreed = width * agreeing / len(records) if width > 1 else 0.0
    return known, agreed
