"""Records of a CSV file: streamed, each with the line that it begins on.

One quote that is never closed would make the csv module swallow the lines up to the next quote, or
the rest of the file, as one cell, and the people in them would be lost. So a record of several
lines is looked at again: where it cannot be meant, its first line is read without regard to quotes
and the others anew.
"""

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TextIO, cast

LONGEST_RECORD_LINES: Final = 200
LONGEST_RECORD_CHARACTERS: Final = 100_000
"""Below the csv module's own limit for a cell, 131,072."""
LONGEST_LINE_CHARACTERS: Final = 1_000_000
"""What is longer is cut: a file without line ends must not fill the memory."""
_FEWEST_PHONE_DIGITS: Final = 8


class Record(NamedTuple):
    """The cells of a record and the line it begins on, from 1.

    ``mended`` where a quote was not closed and the line was read without regard to quotes.
    """

    line: int
    cells: list[str]
    mended: bool = False


class _RunawayError(Exception):
    """A record goes on for too long."""


class CsvRecords:
    """The records of a file, read once from its beginning to its end.

    Args:
        path: The file.
        encoding: Its encoding; bytes that do not fit become U+FFFD.
        delimiter: One character.
        skip_lines: How many lines before the first record to leave out.
    """

    def __init__(self, path: Path, *, encoding: str, delimiter: str, skip_lines: int = 0) -> None:
        self._path = path
        self._encoding = encoding
        self._delimiter = delimiter
        self._skip_lines = skip_lines
        self._raw: BinaryIO | None = None
        self._done = 0
        self._width = 0
        self._phone_columns: tuple[int, ...] = ()

    def expect(self, *, width: int, phone_columns: tuple[int, ...]) -> None:
        """Say what a row looks like, so that one is known where it was swallowed by another."""
        self._width = width
        self._phone_columns = phone_columns

    def position(self) -> int:
        """How many bytes of the file have been read."""
        return self._raw.tell() if self._raw else self._done

    def __iter__(self) -> Iterator[Record]:
        with self._path.open(encoding=self._encoding, errors="replace", newline="") as text:
            # Typed as less than what it is: the buffered reader under the text.
            self._raw = cast("BinaryIO", text.buffer)
            try:
                for _ in range(self._skip_lines):
                    text.readline()
                yield from self._records(_Lines(text))
            finally:
                self._done = self._raw.tell()
                self._raw = None

    def _records(self, lines: "_Lines") -> Iterator[Record]:
        reader = csv.reader(lines, delimiter=self._delimiter)
        line = self._skip_lines + 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (_RunawayError, csv.Error):
                cells = []
                meant = False
            else:
                meant = not lines.ended and not self._swallows(lines.taken)
            if meant:
                yield Record(line, cells)
                line += len(lines.taken)
                lines.taken.clear()
                continue
            first = lines.taken[0]
            lines.give_back()
            # What the reader holds of the record is gone with it.
            reader = csv.reader(lines, delimiter=self._delimiter)
            plain = first.rstrip("\r\n").split(self._delimiter)
            yield Record(line, [cell.replace('"', "") for cell in plain], mended=True)
            line += 1

    def _swallows(self, taken: list[str]) -> bool:
        """Whether a record of several lines is a row with others in it."""
        return len(taken) > 1 and self._is_row(taken[0]) and any(map(self._is_row, taken[1:]))

    def _is_row(self, line: str) -> bool:
        """Whether a line by itself has as many cells as a row, and a phone number among them."""
        cells = line.split(self._delimiter)
        return len(cells) == self._width > 1 and any(
            sum(char.isdigit() for char in cells[at]) >= _FEWEST_PHONE_DIGITS
            for at in self._phone_columns
        )


class _Lines:
    """Lines for the csv reader, which may be given back to be read anew."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._characters = 0
        self.taken: list[str] = []
        # True once the reader has asked for more at the end: only within an open quote it does,
        # or when it has nothing more to give.
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        taken = self.taken
        if not taken:
            self._characters = 0
        elif len(taken) >= LONGEST_RECORD_LINES or self._characters > LONGEST_RECORD_CHARACTERS:
            raise _RunawayError
        line = (
            self._again.popleft() if self._again else self._text.readline(LONGEST_LINE_CHARACTERS)
        )
        if not line:
            self.ended = True
            raise StopIteration
        self._characters += len(line)
        taken.append(line)
        return line

    def give_back(self) -> None:
        """Offer all lines of the present record again, but the first."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.taken.clear()
        self.ended = False
