"""Words, numbers and dates in the language of the person: pt-BR first, English second.

A message id is the English sentence itself, so English needs no catalogue and a sentence that
nobody has translated yet is still a sentence. Placeholders are ``{named}`` and filled in after
the translation. ``scripts/i18n.py`` keeps the catalogues in step with the source.
"""

import gettext
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_time,
    format_timedelta,
    get_day_names,
)
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from recado.domain.errors import RecadoError

LOCALES: Final = ("pt_BR", "en")
"""The languages there are; the first stands where a person has asked for none of them."""

_SOURCE: Final = "en"
_FOLDER: Final = Path(__file__).parent.parent / "locales"


def mark(message: str) -> str:
    """Mark a sentence for translation where it is written, and return it unchanged.

    For tables of labels that exist before a language is known; whoever shows one translates it.
    """
    return message


class Translator:
    """Everything that depends on one language. Immutable, and safe to share between requests."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self._babel = Locale.parse(locale)
        self._catalogue = _catalogue(locale)

    @property
    def language(self) -> str:
        """The language's tag as HTML and browsers write it: ``pt-BR``, ``en``."""
        return self.locale.replace("_", "-")

    def gettext(self, message: str, /, **values: object) -> str:
        """The sentence in this language, its ``{placeholders}`` filled in."""
        translated = self._catalogue.gettext(message)
        return translated.format(**values) if values else translated

    def pgettext(self, context: str, message: str, /, **values: object) -> str:
        """The same for a word whose translation depends on where it stands."""
        translated = self._catalogue.pgettext(context, message)
        return translated.format(**values) if values else translated

    def ngettext(self, singular: str, plural: str, n: int, /, **values: object) -> str:
        """The form that goes with the count ``n``, which fills ``{n}``."""
        return self._catalogue.ngettext(singular, plural, n).format(n=self.number(n), **values)

    def error(self, error: RecadoError) -> str:
        """What an error says, in this language; the kind of thing it names is translated too."""
        thing = error.params.get("thing")
        params = {**error.params, "thing": self.gettext(thing)} if isinstance(thing, str) else {}
        return self.gettext(error.sentence).format(**{**error.params, **params})

    def number(self, value: float) -> str:
        """A number with this language's separators: ``1.234,5``, ``1,234.5``."""
        return format_decimal(value, locale=self._babel)

    def percent(self, share: float) -> str:
        """A share from 0 to 1 as a percentage with at most one decimal."""
        return format_percent(share, format="#,##0.#%", locale=self._babel)

    def date_and_time(self, moment: datetime, timezone: tzinfo) -> str:
        """A moment as a short date and time of day in the given timezone."""
        return format_datetime(moment.astimezone(timezone), "short", locale=self._babel)

    def date(self, day: date) -> str:
        """A short date."""
        return format_date(day, "short", locale=self._babel)

    def moment(self, moment: datetime, timezone: tzinfo, *, now: datetime) -> str:
        """The time of day when it is today in the given timezone, otherwise the date with it."""
        there = moment.astimezone(timezone)
        if there.date() == now.astimezone(timezone).date():
            return format_time(there, "short", locale=self._babel)
        return self.date_and_time(moment, timezone)

    def time_of_day(self, moment: time) -> str:
        """A time of the wall's clock: ``09:00``, ``9:00 AM``."""
        return format_time(moment, "short", locale=self._babel)

    def weekdays(self, days: Collection[int]) -> str:
        """Days of the week by their ISO numbers; three in a row or more as from which to which."""
        names = get_day_names("abbreviated", "stand-alone", self._babel)
        rows: list[list[int]] = []
        for day in sorted(days):
            if rows and rows[-1][-1] == day - 1:
                rows[-1].append(day)
            else:
                rows.append([day])
        told = [
            f"{names[row[0] - 1]}-{names[row[-1] - 1]}"
            if len(row) > 2  # noqa: PLR2004 - two have nothing between them
            else ", ".join(names[day - 1] for day in row)
            for row in rows
        ]
        return ", ".join(told)

    def duration(self, seconds: float) -> str:
        """A span of time in its largest fitting unit: ``3 minutos``."""
        return format_timedelta(timedelta(seconds=seconds), locale=self._babel)


@cache
def translator(locale: str) -> Translator:
    """The translator of one of ``LOCALES``; of any other name, that of the default language."""
    return Translator(locale if locale in LOCALES else LOCALES[0])


def negotiate(*choices: str | None, accept_language: str | None = None) -> str:
    """The language to answer in.

    Args:
        choices: What the person chose, the strongest first: a query parameter, a cookie, a
            profile. Anything that names no language of ours is passed over.
        accept_language: The header of that name, which decides where nothing was chosen.

    Returns:
        One of ``LOCALES``.

    """
    for wanted in (*choices, *_accepted(accept_language or "")):
        known = _match(wanted or "")
        if known:
            return known
    return LOCALES[0]


def _match(tag: str) -> str | None:
    """The locale of ours that serves a tag like ``pt-PT`` or ``en_GB``, by its language alone."""
    language = tag.strip().replace("_", "-").split("-")[0].lower()
    return next((known for known in LOCALES if known.split("_")[0] == language), None)


def _accepted(header: str) -> Iterator[str]:
    """The tags of an Accept-Language header, the most wanted first; those refused left out."""
    weighted: list[tuple[float, str]] = []
    for entry in header.split(","):
        tag, _, parameter = entry.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if weight > 0:
            weighted.append((weight, tag))
    yield from (tag for _, tag in sorted(weighted, key=lambda pair: -pair[0]))


def _catalogue(locale: str) -> gettext.NullTranslations:
    if locale == _SOURCE:
        return gettext.NullTranslations()
    source = _FOLDER / locale / "LC_MESSAGES" / "messages.po"
    compiled = source.with_suffix(".mo")
    # A source tree may be ahead of what its last build compiled; a wheel never is.
    if compiled.exists() and (
        not source.exists() or compiled.stat().st_mtime >= source.stat().st_mtime
    ):
        with compiled.open("rb") as stream:
            return gettext.GNUTranslations(stream)
    with source.open("rb") as stream:
        catalogue = read_po(stream, locale=locale)
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    buffer.seek(0)
    return gettext.GNUTranslations(buffer)
