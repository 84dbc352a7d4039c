"""Rows of an XLSX workbook, as the texts that a CSV file of it would have.

The library holds a sheet in memory as a full rectangle. So the file is looked through first: one
cell far away, or a small archive that unpacks without end, must not fill the memory.
"""

import datetime as dt
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import python_calamine as calamine

from recado.features.contacts.reading.errors import FileEmpty, FileNotReadable, FileTooLarge
from recado.features.contacts.reading.records import Record

MOST_CELLS: Final = 3_000_000
"""About 200 MB; a file of a million contacts is better a CSV."""
MOST_UNPACKED_BYTES: Final = 1024 * 1024 * 1024
HEADER_WITHIN: Final = 20
"""How many lines may stand above the headers: a title, a date, a logo's empty rows."""
_CHUNK: Final = 1024 * 1024
_LONGEST_TAG: Final = 2_048
_TAG: Final = re.compile(
    rb"""<(?:[\w.-]+:)?(row|c)(?=[\s/>])"""
    rb"""(?:[^<>]*?\sr\s*=\s*["']([A-Za-z]{0,3})([0-9]{1,7})["'])?[^<>]*?(/?)>"""
)
"""A row or a cell: its column's letters and row, where given, and whether it is empty."""
_EXACT_FLOAT: Final = 1e15
"""Excel keeps 15 digits; more would be invented ones."""

Cell = int | float | str | bool | dt.date | dt.datetime | dt.time | dt.timedelta


class XlsxRecords:
    """The rows of the sheet that holds the contacts.

    Args:
        path: The file.
        filename: As the person knows it.
        is_header: Tells whether a row is the header of a contact table; the first visible sheet
            that has one is read, else the first that holds anything.
        brazilian: Whether dates and decimals are written the Brazilian way.

    Raises:
        FileNotReadable: It is no XLSX workbook.
        FileTooLarge: It would not fit into memory.
        FileEmpty: No visible sheet holds anything.
    """

    def __init__(
        self,
        path: Path,
        *,
        filename: str,
        is_header: Callable[[Sequence[str]], bool],
        brazilian: bool,
    ) -> None:
        self._brazilian = brazilian
        self._done = 0
        _look_through(path, filename)
        try:
            sheet = self._choose(path, is_header)
        except calamine.CalamineError as error:
            raise FileNotReadable(filename) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # what a fault in the library raises
                raise
            raise FileNotReadable(filename) from None
        if sheet is None:
            raise FileEmpty(filename)
        self._sheet = sheet

    def position(self) -> int:
        """How many rows have been read."""
        return self._done

    @property
    def size(self) -> int:
        """How many rows there are, empty ones included."""
        return self._sheet.end[0] + 1 if self._sheet.end else 0

    def __iter__(self) -> Iterator[Record]:
        self._done = 0
        for line, cells in enumerate(self._sheet.iter_rows(), 1):
            self._done = line
            yield Record(line, [self._text(cell) for cell in cells])

    def _choose(
        self, path: Path, is_header: Callable[[Sequence[str]], bool]
    ) -> calamine.CalamineSheet | None:
        workbook = calamine.CalamineWorkbook.from_path(path)
        first = None
        for at, about in enumerate(workbook.sheets_metadata):
            visible = about.visible == calamine.SheetVisibleEnum.Visible
            if not visible or about.typ != calamine.SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_index(at)
            if sheet.start is None:
                continue
            top = sheet.to_python(skip_empty_area=False, nrows=HEADER_WITHIN)
            if any(is_header([self._text(cell) for cell in row]) for row in top):
                return sheet
            first = first or sheet
        return first

    def _text(self, cell: Cell) -> str:
        if isinstance(cell, str):
            return cell
        if isinstance(cell, bool):
            return "true" if cell else "false"
        if isinstance(cell, int | float):
            return self._number(float(cell))
        return self._moment(cell)

    def _moment(self, cell: dt.date | dt.time | dt.timedelta) -> str:
        if isinstance(cell, dt.date):
            day = cell.strftime("%d/%m/%Y" if self._brazilian else "%Y-%m-%d")
            timed = isinstance(cell, dt.datetime) and cell.time() != dt.time.min
            return f"{day} {cell:%H:%M}" if timed else day
        return f"{cell:%H:%M}" if isinstance(cell, dt.time) else str(cell)

    def _number(self, number: float) -> str:
        if number.is_integer() and abs(number) <= _EXACT_FLOAT:
            return str(int(number))
        text = format(number, ".15g")
        return text.replace(".", ",") if self._brazilian else text


def _look_through(path: Path, filename: str) -> None:
    """Refuse what the library could not hold in memory."""
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                extent = _Extent()
                with archive.open(member) as part:
                    rest = b""
                    while chunk := part.read(_CHUNK):
                        unpacked += len(chunk)
                        if unpacked > MOST_UNPACKED_BYTES:
                            raise FileTooLarge(filename, f"{MOST_UNPACKED_BYTES >> 20} MB unpacked")
                        rest = extent.see(rest + chunk)
                        if extent.cells > MOST_CELLS:
                            raise FileTooLarge(filename, f"{MOST_CELLS:,} cells")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise FileNotReadable(filename) from error


class _Extent:
    """The rectangle that the cells of a sheet span, from its XML in pieces."""

    def __init__(self) -> None:
        self._row = self._column = 0
        self._rows = self._columns = 0

    @property
    def cells(self) -> int:
        return self._rows * self._columns

    def see(self, xml: bytes) -> bytes:
        """Count the cells in a piece; what is left of it belongs before the next one."""
        for kind, letters, digits, empty in _TAG.findall(xml):
            if kind == b"row":
                self._row = int(digits) if digits else self._row + 1
                self._column = 0
                continue
            self._column = _column(letters) if letters else self._column + 1
            self._row = int(digits) if digits else self._row
            if not empty:
                self._rows = max(self._rows, self._row)
                self._columns = max(self._columns, self._column)
        tag = xml.rfind(b"<", -_LONGEST_TAG)
        return b"" if tag < 0 or b">" in xml[tag:] else xml[tag:]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
