"""Why a contact file as a whole cannot be read."""

from collections.abc import Iterable

from recado.domain.errors import InvalidInput, TooLarge


class FileError(InvalidInput):
    """The file is the matter, not one of its rows."""

    code = "file_invalid"


class FileEmpty(FileError):
    code = "file_empty"
    sentence = (
        "The file '{file}' is empty. Choose one with a line of headers and a line per contact."
    )

    def __init__(self, file: str) -> None:
        super().__init__(file=file)


class FileHasNoRows(FileError):
    code = "file_no_rows"
    sentence = "The file '{file}' has headers, but no contacts below them."

    def __init__(self, file: str) -> None:
        super().__init__(file=file)


class FileNotReadable(FileError):
    code = "file_not_readable"
    sentence = (
        "The file '{file}' is neither CSV nor XLSX. Save it as one of these and send it again."
    )

    def __init__(self, file: str, *, sentence: str | None = None) -> None:
        super().__init__(sentence, file=file)


class OldWorkbook(FileNotReadable):
    sentence = (
        "The file '{file}' is an old Excel workbook (.xls) or protected by a password. Save it as "
        "XLSX or CSV, without a password."
    )


class FileTooLarge(TooLarge):
    code = "file_too_large"
    sentence = "The workbook '{file}' is over the limit of {limit}. Save it as CSV, which has none."

    def __init__(self, file: str, limit: str) -> None:
        super().__init__(file=file, limit=limit)


class TooManyColumns(FileError):
    code = "too_many_columns"
    sentence = "The file '{file}' has more than {limit} columns. Leave out what is no contact's."

    def __init__(self, file: str, limit: int) -> None:
        super().__init__(file=file, limit=limit)


class PhoneColumnMissing(FileError):
    """No column gives phone numbers; ``found`` lists the headers.

    ``headless`` where the first line holds a contact instead of headers.
    """

    code = "phone_column_missing"
    sentence = (
        "No column holds phone numbers. The first line names: {found}. Call the column 'telefone', "
        "or say which it is."
    )
    headless_sentence = (
        "The first line must name the columns, but holds: {found}. Put a line above it such as "
        "'nome;telefone'."
    )

    def __init__(self, found: Iterable[str], *, headless: bool = False) -> None:
        self.found = tuple(found)
        sentence = self.headless_sentence if headless else None
        super().__init__(sentence, found=", ".join(self.found))


class MappedColumnMissing(FileError):
    """The mapping names a column that is not there; ``found`` lists the headers."""

    code = "mapped_column_missing"
    sentence = "There is no column '{column}'. The first line names: {found}."

    def __init__(self, column: str, found: Iterable[str]) -> None:
        self.found = tuple(found)
        super().__init__(column=column, found=", ".join(self.found))
