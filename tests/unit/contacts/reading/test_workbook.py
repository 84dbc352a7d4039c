"""Workbooks as people have them, and as somebody would build one to break us."""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import python_calamine
import xlsxwriter  # ships no types

from recado.features.contacts.reading import ContactRow, RowError, open_contacts, workbook
from recado.features.contacts.reading.errors import (
    FileEmpty,
    FileHasNoRows,
    FileNotReadable,
    FileTooLarge,
    PhoneColumnMissing,
)

Fill = Callable[[xlsxwriter.Workbook], object]


def read(path: Path, *, region: str = "BR") -> list[ContactRow | RowError]:
    file = open_contacts(path, filename="contatos.xlsx", region=region)
    rows = [row for batch in file for row in batch]
    assert file.progress == 1.0
    return rows


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Fill], Path]:
    def make(fill: Fill) -> Path:
        path = tmp_path / "contatos.xlsx"
        with xlsxwriter.Workbook(path) as book:
            fill(book)
        return path

    return make


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The archive with each part changed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    path.write_bytes(packed.getvalue())
    return path


def people(book: xlsxwriter.Workbook) -> None:
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["Nome", "Celular", "Valor", "Vencimento"])
    sheet.write_row(1, 0, ["Ana", "+5511912345678", 1234.5])
    sheet.write_datetime(1, 3, dt.date(2026, 1, 31), book.add_format({"num_format": "d/m/yy"}))
    sheet.write_row(3, 0, ["Bia", "(11) 98765-4321", 0.1 + 0.2])
    sheet.write_row(4, 0, ["Cia", 551191234567, True])


def test_numbers_dates_and_texts_are_read_as_a_person_sees_them(
    make: Callable[[Fill], Path],
) -> None:
    rows = read(make(people))
    assert [
        (row.line, row.name, row.phone.e164) for row in rows if isinstance(row, ContactRow)
    ] == [
        (2, "Ana", "+5511912345678"),
        (4, "Bia", "+5511987654321"),
        (5, "Cia", "+551191234567"),
    ]
    assert [row.custom for row in rows if isinstance(row, ContactRow)] == [
        {"valor": "1234,5", "vencimento": "31/01/2026"},
        {"valor": "0,3"},
        {"valor": "true"},
    ]


def test_dates_and_decimals_are_written_plainly_elsewhere(make: Callable[[Fill], Path]) -> None:
    row = read(make(people), region="PT")[0]
    assert isinstance(row, ContactRow)
    assert row.custom == {"valor": "1234.5", "vencimento": "2026-01-31"}


def test_times_of_day_are_kept(make: Callable[[Fill], Path]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["telefone", "quando", "hora", "dura"])
        sheet.write(1, 0, "11912345678")
        moment = dt.datetime.combine(dt.date(2026, 1, 31), dt.time(9, 30))
        sheet.write_datetime(1, 1, moment, book.add_format({"num_format": "d/m/yy hh:mm"}))
        sheet.write_datetime(1, 2, dt.time(9, 30), book.add_format({"num_format": "hh:mm"}))
        sheet.write_datetime(
            1, 3, dt.timedelta(hours=30), book.add_format({"num_format": "[h]:mm"})
        )

    row = read(make(fill))[0]
    assert isinstance(row, ContactRow)
    assert row.custom["quando"] == "31/01/2026 09:30"
    assert row.custom["hora"] == "09:30"
    assert row.custom["dura"].startswith("1 day, 6:00")


def test_a_number_with_more_digits_than_a_spreadsheet_keeps_is_no_phone(
    make: Callable[[Fill], Path],
) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet().write_column(0, 0, ["telefone", 1.25e20])

    errors = [row for row in read(make(fill)) if isinstance(row, RowError)]
    assert [error.reason for error in errors] == ["phone_rounded"]


def test_the_sheet_with_a_phone_column_is_the_one_that_is_read(
    make: Callable[[Fill], Path],
) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("Capa").write(0, 0, "Relatório")
        hidden = book.add_worksheet("Velhos")
        hidden.write_column(0, 0, ["telefone", "11987654321"])
        hidden.hide()
        book.add_worksheet("Nada")
        sheet = book.add_worksheet("Contatos")
        sheet.write(2, 1, "Moradores")
        sheet.write_column(4, 1, ["Telefone", "11912345678"])

    row = read(make(fill))[0]
    assert isinstance(row, ContactRow)
    assert (row.line, row.phone.e164) == (6, "+5511912345678")


def test_progress_is_told_in_rows(make: Callable[[Fill], Path]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet().write_column(0, 0, ["telefone", *["11912345678"] * 99])

    file = open_contacts(make(fill), filename="contatos.xlsx", batch_rows=49)
    assert [round(file.progress, 2) for _ in file] == [0.5, 0.99, 1.0]


def test_an_empty_workbook_is_refused(make: Callable[[Fill], Path]) -> None:
    with pytest.raises(FileEmpty):
        read(make(lambda book: book.add_worksheet()))


def test_a_workbook_of_headers_is_refused(make: Callable[[Fill], Path]) -> None:
    with pytest.raises(FileHasNoRows):
        read(make(lambda book: book.add_worksheet().write_row(0, 0, ["nome", "telefone"])))


def test_a_workbook_without_phone_column_is_refused(make: Callable[[Fill], Path]) -> None:
    with pytest.raises(PhoneColumnMissing, match="nome, bloco"):
        read(make(lambda book: book.add_worksheet().write_row(0, 0, ["nome", "bloco"])))


def test_an_archive_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "contatos.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contatos.csv", "telefone\n11912345678\n")
    with pytest.raises(FileNotReadable):
        read(path)


def test_a_damaged_archive_is_refused(make: Callable[[Fill], Path]) -> None:
    path = make(people)
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(FileNotReadable):
        read(path)


def test_a_cell_far_away_does_not_fill_the_memory(make: Callable[[Fill], Path]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "telefone")
        sheet.write(1_048_575, 16_383, "far away")

    with pytest.raises(FileTooLarge, match="Save it as CSV") as caught:
        read(make(fill))
    assert caught.value.code == "file_too_large"


def test_formatted_but_empty_cells_do_not_count(make: Callable[[Fill], Path]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_column(0, 0, ["telefone", "11912345678"])
        bold = book.add_format({"bold": True})
        sheet.write_blank(1_048_575, 100, None, bold)

    assert len(read(make(fill))) == 1


def test_cells_without_references_are_counted_by_their_order(
    make: Callable[[Fill], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        for row in range(50):
            sheet.write_row(row, 0, ["telefone"] if row == 0 else [11912345678, 2, 3])

    def bare(name: str, part: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return part
        return re.sub(rb'(<(?:row|c)\b[^>]*?) r="[A-Z0-9]+"', rb"\1", part)

    path = rewritten(make(fill), bare)
    monkeypatch.setattr(workbook, "MOST_CELLS", 150)
    assert len([row for row in read(path) if isinstance(row, ContactRow)]) == 49
    monkeypatch.setattr(workbook, "MOST_CELLS", 149)
    with pytest.raises(FileTooLarge):
        read(path)


def test_a_small_archive_that_unpacks_without_end_is_refused(
    make: Callable[[Fill], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_UNPACKED_BYTES", 5 << 20)
    path = rewritten(
        make(people),
        lambda name, part: part + b" " * (6 << 20) if name.endswith("theme1.xml") else part,
    )
    assert path.stat().st_size < 100_000
    with pytest.raises(FileTooLarge, match="5 MB unpacked"):
        read(path)


def test_tags_cut_by_the_end_of_a_piece_are_counted_once() -> None:
    xml = b'<sheetData><row r="1"><c r="A1"><v>1</v></c><c r="C1"/></row>' * 2
    xml += b'<x:row x="y" r="7"><x:c s="1" r="AB7" ><v>1</v></x:c></x:row><cols/>'
    for size in range(1, len(xml)):
        extent = workbook._Extent()
        rest = b""
        for start in range(0, len(xml), size):
            rest = extent.see(rest + xml[start : start + size])
        assert extent.cells == 7 * 28


def test_a_fault_in_the_library_is_a_file_that_cannot_be_read(
    make: Callable[[Fill], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        pass

    def raising(error: BaseException) -> Callable[[object], object]:
        def from_path(path: object) -> object:
            raise error

        return from_path

    class Library:
        from_path = staticmethod(raising(PanicException()))

    path = make(people)
    monkeypatch.setattr(python_calamine, "CalamineWorkbook", Library)
    with pytest.raises(FileNotReadable):
        read(path)
    Library.from_path = staticmethod(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        read(path)
