"""A contact file: opened, its columns found, then read in batches."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from recado.domain.fields import Field, normalise
from recado.domain.phones import BRAZIL, PhoneError, parse
from recado.features.contacts.reading.columns import Columns, assign, known_headers, names_phone
from recado.features.contacts.reading.dialect import declared_delimiter, delimiter_of
from recado.features.contacts.reading.encoding import SAMPLE_BYTES, ZIP, encoding_of
from recado.features.contacts.reading.errors import (
    FileEmpty,
    FileHasNoRows,
    PhoneColumnMissing,
    TooManyColumns,
)
from recado.features.contacts.reading.records import CsvRecords, Record
from recado.features.contacts.reading.rows import ContactRow, RowError, RowReader
from recado.features.contacts.reading.workbook import HEADER_WITHIN, XlsxRecords

BATCH_ROWS: Final = 5_000
MOST_COLUMNS: Final = 1_000


class ContactFile:
    """An open contact file. Iterate for batches of rows and errors; more than once if need be.

    Args:
        records: Its records, the lines above the header included.
        header_line: The line that the header begins on.
        columns: Where to find what.
        size: What `records.position()` comes to at the end.
        region: ISO 3166 code of the country of numbers without country code.
        batch_rows: How many rows and errors a batch holds at least, but for the last.
    """

    def __init__(
        self,
        records: CsvRecords | XlsxRecords,
        *,
        header_line: int,
        columns: Columns,
        size: int,
        region: str,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._records = records
        self._header_line = header_line
        self._size = size
        self._batch_rows = batch_rows
        self._reader = RowReader(columns, region=region)
        self.columns = columns

    @property
    def progress(self) -> float:
        """How much has been read, from 0 to 1."""
        return min(1.0, self._records.position() / self._size) if self._size else 1.0

    def __iter__(self) -> Iterator[list[ContactRow | RowError]]:
        batch: list[ContactRow | RowError] = []
        read = self._reader.read
        for record in self._records:
            if record.line <= self._header_line:
                continue
            batch.extend(read(record))
            if len(batch) >= self._batch_rows:
                yield batch
                batch = []
        if batch:
            yield batch


def open_contacts(
    path: Path,
    *,
    filename: str,
    mapping: Mapping[str, str] | None = None,
    region: str = BRAZIL,
    batch_rows: int = BATCH_ROWS,
) -> ContactFile:
    """Open a CSV or XLSX file of contacts.

    Args:
        path: Where it lies.
        filename: As the person knows it, for messages. Its ending is not trusted.
        mapping: Header → field, custom name, or "" to leave the column out. Headers that it does
            not name are mapped by themselves.
        region: ISO 3166 code of the country of numbers without country code.
        batch_rows: How many rows and errors a batch holds.

    Raises:
        FileEmpty: Nothing is in it.
        FileHasNoRows: Only headers are in it.
        FileNotReadable: It is neither CSV nor XLSX.
        FileTooLarge: It is a workbook that does not fit into memory.
        PhoneColumnMissing: No column holds phone numbers.
        MappedColumnMissing: The mapping names a column that is not there.
    """
    with path.open("rb") as file:
        head = file.read(len(ZIP))
    if not head:
        raise FileEmpty(filename)
    records: CsvRecords | XlsxRecords
    if head == ZIP:
        records = XlsxRecords(
            path, filename=filename, is_header=names_phone, brazilian=region.upper() == BRAZIL
        )
        size = records.size
    else:
        records = _open_csv(path, filename)
        size = path.stat().st_size
    header, has_rows = _header(records, filename, mapping or {})
    if len(header.cells) > MOST_COLUMNS:
        raise TooManyColumns(filename, MOST_COLUMNS)
    columns = _columns(header, mapping)
    if not has_rows:
        raise FileHasNoRows(filename)
    if isinstance(records, CsvRecords):
        records.expect(width=len(header.cells), phone_columns=columns.fields[Field.PHONE])
    return ContactFile(
        records,
        header_line=header.line,
        columns=columns,
        size=size,
        region=region,
        batch_rows=batch_rows,
    )


def _open_csv(path: Path, filename: str) -> CsvRecords:
    encoding = encoding_of(path, filename=filename)
    with path.open("rb") as file:
        raw = file.read(SAMPLE_BYTES)
        complete = not file.read(1)
    # A character cut at the end of the sample goes with the last line there.
    sample = io.TextIOWrapper(io.BytesIO(raw), encoding, errors="replace", newline="").read()
    if complete and not sample.strip():
        raise FileEmpty(filename)
    declared = declared_delimiter(sample.lstrip("\ufeff").splitlines()[0])
    return CsvRecords(
        path,
        encoding=encoding,
        delimiter=declared or delimiter_of(sample, complete=complete),
        skip_lines=1 if declared else 0,
    )


def _header(
    records: CsvRecords | XlsxRecords, filename: str, mapping: Mapping[str, str]
) -> tuple[Record, bool]:
    """The header, and whether anything stands below it.

    Of the first lines, it is that which has what the mapping names or, without a mapping, the one
    with most known headers that names a column of phone numbers; failing that, the first.
    """
    top = []
    for seen, record in enumerate(records, 1):
        if any(cell.strip() for cell in record.cells):
            top.append(record)
        if seen > HEADER_WITHIN and len(top) > 1:
            break
    if not top:
        raise FileEmpty(filename)
    named = {normalise(header) for header in mapping}
    likely = [
        record
        for record in top
        if (named and named <= {normalise(cell) for cell in record.cells})
        or (not named and names_phone(record.cells))
    ]
    header = max(likely, key=lambda record: known_headers(record.cells), default=top[0])
    return header, header is not top[-1]


def _columns(header: Record, mapping: Mapping[str, str] | None) -> Columns:
    try:
        return assign(header.cells, mapping)
    except PhoneColumnMissing as error:
        raise PhoneColumnMissing(error.found, headless=any(map(_is_phone, header.cells))) from None


def _is_phone(cell: str) -> bool:
    try:
        parse(cell)
    except PhoneError:
        return False
    return True
