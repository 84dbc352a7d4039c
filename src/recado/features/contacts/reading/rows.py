"""One record of a file to one contact, or to what is wrong with it."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import available_timezones

from recado.domain.fields import Field
from recado.domain.phones import Phone, PhoneError, parse
from recado.features.contacts.reading.columns import Columns
from recado.features.contacts.reading.records import Record

LONGEST_NAME: Final = 200
LONGEST_TEXT: Final = 1_000
LONGEST_CUSTOM: Final = 10_000
LONGEST_EMAIL: Final = 254
"""RFC 5321: a path is at most 256 octets, its angle brackets included."""
LONGEST_TAG: Final = 100
_SHOWN: Final = 120

SENTENCES: Final[Mapping[str, str]] = {
    "phone_rounded": (
        "The spreadsheet has rounded this number. Format its column as text and export it again."
    ),
    "name_too_long": "The name has more than {limit} characters. Correct it.",
    "text_too_long": "The text has more than {limit} characters. Shorten it.",
    "email_invalid": "This is no e-mail address. The contact was taken without it.",
    "timezone_unknown": (
        "This is no time zone such as America/Sao_Paulo. The contact was taken without it."
    ),
    "tag_too_long": ("The tag has more than {limit} characters. The contact was taken without it."),
    "too_many_cells": (
        "The line has more cells than there are headers. Check that what was read is right."
    ),
    "quote_not_closed": (
        "A quotation mark in this line is not closed. Check that what was read is right."
    ),
    "characters_lost": (
        "Some characters could not be read. Save the file as UTF-8 and check this line."
    ),
}


class ContactRow(NamedTuple):
    """A contact as a file has it, checked and tidied.

    Attributes:
        line: The line of the file that the record begins on, from 1; of a workbook, the row.
        custom: Only fields that are not blank.
        tags: Without repetitions, in the file's order and spelling.
        timezone: An IANA name.
    """

    line: int
    name: str
    phone: Phone
    email: str | None
    condominio: str | None
    endereco: str | None
    cargo: str | None
    custom: dict[str, str]
    tags: list[str]
    timezone: str | None


class RowError(NamedTuple):
    """What is wrong with a line.

    Attributes:
        line: The line of the file that the record begins on, from 1; of a workbook, the row.
        column: The header of the column, or "" where the line as a whole is the matter.
        value: The cell as it stands in the file, shortened.
        reason: A code: ``phone_`` and a `PhoneProblem`, or a key of `SENTENCES`.
        sentence: What it means and what to do: a message id with placeholders.
        params: Values for the placeholders.
        rejected: False where the contact was taken all the same.
    """

    line: int
    column: str
    value: str
    reason: str
    sentence: str
    params: Mapping[str, object]
    rejected: bool = True

    def message(self, translate: Callable[[str], str] = str) -> str:
        """The filled-in sentence, translated by the given function first."""
        return translate(self.sentence).format(**self.params)


class RowReader:
    """Reads the records of one file.

    Args:
        columns: Where to find what.
        region: ISO 3166 code of the country of numbers without country code.
    """

    def __init__(self, columns: Columns, *, region: str) -> None:
        self._columns = columns
        self._region = region
        fields = columns.fields
        self._phone = fields[Field.PHONE]
        self._name = fields.get(Field.NAME, ())
        self._email = fields.get(Field.EMAIL, ())
        self._tags = fields.get(Field.TAGS, ())
        self._timezone = fields.get(Field.TIMEZONE, ())
        self._condominio = fields.get(Field.CONDOMINIO, ())
        self._endereco = fields.get(Field.ENDERECO, ())
        self._cargo = fields.get(Field.CARGO, ())
        self._custom = tuple(columns.custom.items())
        self._width = len(columns.headers)

    def read(self, record: Record) -> Iterator[ContactRow | RowError]:
        """The contact with the warnings about it, or the first error that rejects it.

        Nothing for a record without anything in it.
        """
        cells = record.cells
        if not any(cells) or not any(cell.strip() for cell in cells):
            return
        if len(cells) < self._width:
            cells = cells + [""] * (self._width - len(cells))
        try:
            yield self._contact(record.line, cells)
        except _Rejected as rejected:
            yield rejected.problem
            return
        yield from self._warnings(record, cells)

    def _contact(self, line: int, cells: list[str]) -> ContactRow:
        phone = self._read_phone(line, cells)
        name = self._text(line, cells, self._name, limit=LONGEST_NAME, reason="name_too_long")
        custom = {}
        for key, at in self._custom:
            if cells[at] and (value := _paragraphs(cells[at])):
                if len(value) > LONGEST_CUSTOM:
                    limit = {"limit": LONGEST_CUSTOM}
                    place = _At(line, at, cells)
                    raise _Rejected(self._problem(place, "text_too_long", params=limit))
                custom[key] = value
        email = zone = None
        tags: list[str] = []
        if self._email:
            address, _ = _first(cells, self._email)
            email = address if _is_email(address) else None
        if self._tags:
            tags = [tag for tag in _tags(_first(cells, self._tags)[0]) if len(tag) <= LONGEST_TAG]
        if self._timezone:
            zone = _zones().get(_first(cells, self._timezone)[0].lower())
        return ContactRow(
            line=line,
            name=name or "",
            phone=phone,
            email=email,
            condominio=self._text(line, cells, self._condominio),
            endereco=self._text(line, cells, self._endereco),
            cargo=self._text(line, cells, self._cargo),
            custom=custom,
            tags=tags,
            timezone=zone,
        )

    def _read_phone(self, line: int, cells: list[str]) -> Phone:
        """The first number that is one; if none is, what is wrong with the first there is."""
        problem = None
        for at in self._phone:
            raw = _one_line(cells[at])
            if problem and not raw:
                continue
            try:
                return parse(_unrounded(raw), region=self._region)
            except PhoneError as error:
                reason, sentence = f"phone_{error.reason.value}", error.sentence
                params = error.params
            except _RoundedError:
                reason, sentence, params = "phone_rounded", None, {}
            if problem is None or problem.reason == "phone_empty":
                place = _At(line, at, cells)
                problem = self._problem(place, reason, sentence=sentence, params=params)
        raise _Rejected(problem or self._problem(_At(line, None, cells), "phone_empty"))

    def _text(
        self,
        line: int,
        cells: list[str],
        columns: tuple[int, ...],
        *,
        limit: int = LONGEST_TEXT,
        reason: str = "text_too_long",
    ) -> str | None:
        if not columns:
            return None
        text, at = _first(cells, columns)
        if len(text) > limit:
            raise _Rejected(self._problem(_At(line, at, cells), reason, params={"limit": limit}))
        return text or None

    def _warnings(self, record: Record, cells: list[str]) -> Iterator[RowError]:
        yield from self._dropped(record.line, cells)
        whole = _At(record.line, None, cells)
        if record.mended:
            yield self._problem(whole, "quote_not_closed", rejected=False)
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            yield self._problem(whole, "too_many_cells", rejected=False)
        for at in range(self._width):
            if "\ufffd" in cells[at]:
                place = _At(record.line, at, cells)
                yield self._problem(place, "characters_lost", rejected=False)
                break

    def _dropped(self, line: int, cells: list[str]) -> Iterator[RowError]:
        """What `_contact` has left out."""
        if self._email:
            address, at = _first(cells, self._email)
            if address and not _is_email(address):
                yield self._problem(_At(line, at, cells), "email_invalid", rejected=False)
        if self._timezone:
            zone, at = _first(cells, self._timezone)
            if zone and zone.lower() not in _zones():
                yield self._problem(_At(line, at, cells), "timezone_unknown", rejected=False)
        if self._tags:
            text, at = _first(cells, self._tags)
            if any(len(tag) > LONGEST_TAG for tag in _tags(text)):
                limit = {"limit": LONGEST_TAG}
                place = _At(line, at, cells)
                yield self._problem(place, "tag_too_long", params=limit, rejected=False)

    def _problem(
        self,
        place: "_At",
        reason: str,
        *,
        sentence: str | None = None,
        params: Mapping[str, object] | None = None,
        rejected: bool = True,
    ) -> RowError:
        column = "" if place.column is None else self._columns.headers[place.column]
        value = "" if place.column is None else _one_line(place.cells[place.column])
        return RowError(
            line=place.line,
            column=column,
            value=value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…",
            reason=reason,
            sentence=sentence or SENTENCES[reason],
            params=params or {},
            rejected=rejected,
        )


class _At(NamedTuple):
    """Where something is wrong; without a column, the line as a whole."""

    line: int
    column: int | None
    cells: list[str]


class _Rejected(Exception):
    def __init__(self, problem: RowError) -> None:
        self.problem = problem


class _RoundedError(Exception):
    """A spreadsheet wrote a number with fewer digits than it has."""


_BLANKS = re.compile(r"\s+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]+")
_LINE_END = re.compile(r"[^\S\n]*(?:\r\n?|\n|\x85|\u2028|\u2029)")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(?:\.[^@\s,;<>\".]+)+")
_TAG_SEPARATOR = re.compile(r"[,;|\n]")
_SCIENTIFIC = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")


def _one_line(cell: str) -> str:
    """The text in one line, without control characters and outer blanks."""
    if cell.isprintable():
        return cell.strip()
    return _BLANKS.sub(" ", _CONTROLS.sub("", cell)).strip()


def _paragraphs(cell: str) -> str:
    """The text with its line ends, without other control characters and outer blanks."""
    if cell.isprintable():
        return cell.strip()
    return _CONTROLS.sub("", _LINE_END.sub("\n", cell)).replace("\t", " ").strip()


def _first(cells: list[str], columns: tuple[int, ...]) -> tuple[str, int]:
    """The first of these cells with anything in it, tidied, and its column."""
    for at in columns:
        if cells[at] and (text := _one_line(cells[at])):
            return text, at
    return "", columns[0] if columns else 0


def _is_email(text: str) -> bool:
    return len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def _tags(text: str) -> list[str]:
    tags: dict[str, str] = {}
    for tag in map(str.strip, _TAG_SEPARATOR.split(text)):
        if tag:
            tags.setdefault(tag.casefold(), tag)
    return list(tags.values())


def _unrounded(raw: str) -> str:
    """The digits of a number that a spreadsheet wrote as 5,511912345678E+12."""
    match = _SCIENTIFIC.fullmatch(raw) if "E" in raw or "e" in raw else None
    if match is None:
        return raw
    decimals = match[2] or ""
    if len(decimals) != int(match[3]):
        raise _RoundedError
    return match[1] + decimals


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}
