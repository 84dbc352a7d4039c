"""Phone numbers: reading what people write, and telling when two forms are one person.

A number is kept as it was given, normalised to E.164; it is never rewritten. What makes two forms
of it one person is its ``key``: Brazil's mobiles with and without the ninth digit, Mexico's with
and without the 1 after +52 and Argentina's with and without the 9 after +54 share one.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
)
from phonenumbers import timezone as zones

from recado.domain.errors import InvalidInput

BRAZIL: Final = "BR"
E164_MAX_DIGITS: Final = 15
"""ITU-T E.164: a number has at most 15 digits, country code included."""


class PhoneProblem(StrEnum):
    """Why a text is no phone number that could be written to."""

    EMPTY = "empty"
    NOT_A_NUMBER = "not_a_number"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    INVALID_COUNTRY_CODE = "invalid_country_code"
    INVALID = "invalid"


SENTENCES: Final[dict[PhoneProblem, str]] = {
    PhoneProblem.EMPTY: "There is no phone number. Fill it in.",
    PhoneProblem.NOT_A_NUMBER: (
        "'{raw}' is not a phone number. Write one number in digits, with its area code."
    ),
    PhoneProblem.TOO_SHORT: "'{raw}' has too few digits. Write it with its area code.",
    PhoneProblem.TOO_LONG: (
        "'{raw}' has too many digits. Write one number only, and + and the country code before a "
        "number of another country."
    ),
    PhoneProblem.INVALID_COUNTRY_CODE: (
        "'{raw}' does not begin with a country code that exists. Check the digits after the +."
    ),
    PhoneProblem.INVALID: (
        "'{raw}' is not a number that exists. Check the area code and the digits; write + and the "
        "country code before a number of another country."
    ),
}
FOREIGN_SENTENCE: Final = (
    "'{raw}' is not a number of {region}, but '+{digits}' would be one of another country. Write + "
    "and the country code if that is meant."
)
OLD_MEXICAN_SENTENCE: Final = (
    "'{raw}' has the 1 that Mexican mobiles no longer have. Write '+{digits}'."
)


class PhoneError(InvalidInput):
    """A text is no phone number that could be written to; ``reason`` says why."""

    code = "phone_invalid"

    def __init__(
        self,
        reason: PhoneProblem,
        raw: str = "",
        *,
        sentence: str | None = None,
        region: str = "",
        digits: str = "",
    ) -> None:
        self.reason = reason
        shown = raw if len(raw) <= 40 else raw[:39] + "…"  # noqa: PLR2004 - what a table cell shows
        super().__init__(sentence or SENTENCES[reason], raw=shown, region=region, digits=digits)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone number.

    Attributes:
        e164: "+" and at most 15 digits, as it was given: never with a digit added or dropped.
        key: The digits that all forms of the same person's number share; see `phone_key`.
        region: ISO 3166 code of the country ("001" for numbers of no country).
        valid: False where the numbering plan does not know the number though its length is right:
            a Brazilian mobile without the ninth digit, or a foreign range newer than our tables.
    """

    e164: str
    key: str
    region: str
    valid: bool


_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_SPREADSHEET_FLOAT = re.compile(r"\+?\d{10,15}\.0")
_START = re.compile(r"[+\d]")
_CARRIER_PLACEHOLDER = re.compile(r"0[\s-]?[xX]{2}")
_EXTENSION = re.compile(
    r"[\s,;(-]*\b(?:ext|extn|extension|ramal)\b[\s.:=]*\d{1,7}\)?\s*$", re.IGNORECASE
)
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_NOT_ASCII_DIGIT = re.compile(r"[^0-9]+")

_BRAZIL_LONG = re.compile(r"55([1-9][1-9])9([6-9][0-9]{7})")
_BRAZIL_SHORT = re.compile(r"55([1-9][1-9])([6-9][0-9]{7})")
_MEXICO_LONG = re.compile(r"521([0-9]{10})")
_MEXICO_SHORT = re.compile(r"52([0-9]{10})")
_ARGENTINA_LONG = re.compile(r"549([0-9]{10})")
_ARGENTINA_SHORT = re.compile(r"54([0-9]{10})")

# What `parse` may settle without the library: a Brazilian mobile with all its digits, written in
# the usual ways. A test holds this against the library.
_PLAIN = re.compile(
    r"(?:\+?55 ?)?(?:\(([1-9][1-9])\)|([1-9][1-9]))[ -]?(9) ?([0-9]{4})[ -]?([0-9]{4})", re.ASCII
)


def _brazilian_mobiles() -> re.Pattern[str]:
    metadata = PhoneMetadata.metadata_for_region(BRAZIL, None)
    pattern = metadata and metadata.mobile and metadata.mobile.national_number_pattern
    return re.compile(pattern or r"(?!)")


_BRAZILIAN_MOBILE = _brazilian_mobiles()


def parse(raw: str, *, region: str = BRAZIL) -> Phone:
    """Read a phone number as people write it.

    Args:
        raw: Digits with or without punctuation; a name before or after it does no harm, and an
            extension is dropped.
        region: ISO 3166 code of the country meant where no country code is written.

    Raises:
        PhoneError: It cannot be a number, or it is a Brazilian one outside the numbering plan
            (mobiles without the ninth digit and landlines are accepted), or it makes sense only
            with a + in front, which might reach a stranger.
    """
    if region == BRAZIL and (plain := _plain_brazilian(raw)):
        return plain
    text = _tidy(raw)
    region = region.upper()
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise _refusal(error, raw) from None
    national = str(number.national_number)
    length = phonenumbers.is_possible_number_with_reason(number)
    if length != ValidationResult.IS_POSSIBLE:
        raise _wrong_length(length, number, raw, text, region)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if len(e164) - 1 > E164_MAX_DIGITS:
        raise PhoneError(PhoneProblem.TOO_LONG, raw)
    if phonenumbers.is_valid_number(number):
        found = phonenumbers.region_code_for_number(number) or region
        return Phone(e164, phone_key(e164), found, valid=True)
    found = phonenumbers.region_code_for_country_code(number.country_code or 0)
    key = phone_key(e164)
    if found == BRAZIL and _is_old_mobile(e164, key):
        return Phone(e164, key, found, valid=False)
    if not text.startswith("+") and (digits := _valid_abroad(text)):
        raise PhoneError(
            PhoneProblem.INVALID, raw, sentence=FOREIGN_SENTENCE, region=region, digits=digits
        )
    if found == BRAZIL:
        no_area_code = len(national) < 10  # noqa: PLR2004 - area code and landline have 10 digits
        raise PhoneError(PhoneProblem.TOO_SHORT if no_area_code else PhoneProblem.INVALID, raw)
    return Phone(e164, key, found, valid=False)


def phone_key(number: str) -> str:
    """The canonical digits of a number (E.164 or bare digits): one for every form of a person's.

    Brazil's mobiles are folded to the form with the ninth digit, as are the ids that WhatsApp keeps
    for accounts older than it; Mexico's 521… to 52…, Argentina's 549… to 54….
    """
    digits = _NOT_ASCII_DIGIT.sub("", number)
    if match := _BRAZIL_SHORT.fullmatch(digits):
        return f"55{match[1]}9{match[2]}"
    if match := _MEXICO_LONG.fullmatch(digits):
        return f"52{match[1]}"
    if match := _ARGENTINA_LONG.fullmatch(digits):
        return f"54{match[1]}"
    return digits


def lookup_variants(number: str) -> tuple[str, ...]:
    """The digits under which a provider may know this number: itself first, then its other form.

    Landlines have no other form.
    """
    digits = _NOT_ASCII_DIGIT.sub("", number)
    for pattern, other in _OTHER_FORMS:
        if pattern.fullmatch(digits):
            return digits, pattern.sub(other, digits)
    return (digits,)


_OTHER_FORMS: Final = (
    (_BRAZIL_LONG, r"55\1\2"),
    (_BRAZIL_SHORT, r"55\g<1>9\2"),
    (_MEXICO_LONG, r"52\1"),
    (_MEXICO_SHORT, r"521\1"),
    (_ARGENTINA_LONG, r"54\1"),
    (_ARGENTINA_SHORT, r"549\1"),
)


def same_person(one: str, other: str) -> bool:
    """Whether two numbers (E.164 or bare digits) are forms of the same person's."""
    return phone_key(one) == phone_key(other)


def timezone_of(phone: Phone) -> str | None:
    """The IANA time zone that the number's area lies in; None where there are several."""
    return _timezone(phone.key if phone.region == BRAZIL else phone.e164[1:])


def timezone_of_number(e164: str) -> str | None:
    """The same for a number as it is kept."""
    try:
        return _timezone(phone_key(e164) if e164.startswith("+55") else e164[1:])
    except NumberParseException:
        return None


@lru_cache(maxsize=8192)
def _timezone(digits: str) -> str | None:
    number = phonenumbers.parse("+" + digits, None)
    names = zones.time_zones_for_number(number)
    known = len(names) == 1 and names[0] != zones.UNKNOWN_TIMEZONE
    return names[0] if known else None


def _plain_brazilian(raw: str) -> Phone | None:
    if not (match := _PLAIN.fullmatch(raw)):
        return None
    national = f"{match[1] or match[2]}{match[3]}{match[4]}{match[5]}"
    if not _BRAZILIAN_MOBILE.fullmatch(national):
        return None
    digits = "55" + national
    return Phone("+" + digits, digits, BRAZIL, valid=True)


def _tidy(raw: str) -> str:
    """The text that the library may read: it would turn letters into digits of a stranger."""
    text = _UNSEEN.sub("", raw).strip()
    if not text:
        raise PhoneError(PhoneProblem.EMPTY)
    if not text.isascii():
        text = _DIGIT.sub(lambda digit: str(int(digit[0])), text).replace("\uff0b", "+")
    if _SPREADSHEET_FLOAT.fullmatch(text):
        text = text[:-2]
    if (start := _START.search(text)) is None:
        raise PhoneError(PhoneProblem.NOT_A_NUMBER, raw)
    text = text[start.start() :]
    if text.startswith("00") and not text.startswith("00)"):
        # Left to the library, 0055 31 … in Brazil is a carrier's code and a Dutch number.
        text = "+" + text[2:]
    text = _EXTENSION.sub("", _CARRIER_PLACEHOLDER.sub("0", text))
    letter = _LETTER.search(text)
    if letter is None:
        return text
    if _DIGIT.search(text, letter.start()):
        raise PhoneError(PhoneProblem.NOT_A_NUMBER, raw)
    return text[: letter.start()]


def _refusal(error: NumberParseException, raw: str) -> PhoneError:
    reason = {
        NumberParseException.INVALID_COUNTRY_CODE: PhoneProblem.INVALID_COUNTRY_CODE,
        NumberParseException.TOO_SHORT_AFTER_IDD: PhoneProblem.TOO_SHORT,
        NumberParseException.TOO_SHORT_NSN: PhoneProblem.TOO_SHORT,
        NumberParseException.TOO_LONG: PhoneProblem.TOO_LONG,
    }.get(error.error_type, PhoneProblem.NOT_A_NUMBER)
    return PhoneError(reason, raw)


def _wrong_length(length: int, number: PhoneNumber, raw: str, text: str, region: str) -> PhoneError:
    digits = f"{number.country_code}{number.national_number}"
    if match := _MEXICO_LONG.fullmatch(digits):
        return PhoneError(
            PhoneProblem.TOO_LONG, raw, sentence=OLD_MEXICAN_SENTENCE, digits="52" + match[1]
        )
    reason = {
        ValidationResult.TOO_LONG: PhoneProblem.TOO_LONG,
        ValidationResult.INVALID_COUNTRY_CODE: PhoneProblem.INVALID_COUNTRY_CODE,
        ValidationResult.INVALID_LENGTH: PhoneProblem.INVALID,
    }.get(length, PhoneProblem.TOO_SHORT)
    if not text.startswith("+") and (abroad := _valid_abroad(text)):
        return PhoneError(reason, raw, sentence=FOREIGN_SENTENCE, region=region, digits=abroad)
    return PhoneError(reason, raw)


def _valid_abroad(text: str) -> str | None:
    """The digits, if a + in front would make them a valid number."""
    digits = _NOT_ASCII_DIGIT.sub("", text)
    try:
        number = phonenumbers.parse("+" + digits, None)
    except NumberParseException:
        return None
    return digits if phonenumbers.is_valid_number(number) else None


def _is_old_mobile(e164: str, key: str) -> bool:
    """Whether a Brazilian number is a mobile that only lacks the ninth digit."""
    return key != e164[1:] and _BRAZILIAN_MOBILE.fullmatch(key[2:]) is not None
