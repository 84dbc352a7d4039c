"""Reading what providers send: whatever it is, nothing but a ValueError ever comes of it."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from recado.platform import clock
from recado.providers.plain import LONGEST_ID, plain

LONGEST_WAIT = 86_400.0  # seconds; what asks for more has made a mistake
LONGEST_TEXT = 65_536  # characters; WhatsApp's own limit, far above what an API may send
LONGEST_PICTURE = 100_000  # characters; a code to scan has some ten thousand
MILLISECONDS_FROM = 10**12  # a timestamp this large is in milliseconds, as some have been
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


def document(body: bytes) -> dict[str, Any]:
    """A callback's JSON object; raises ValueError for everything else."""
    try:
        found = _decoded(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("a callback is a JSON object")  # noqa: TRY004 - all faults are ValueErrors
    return found


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)  # its DecodeError is a ValueError
    except ValueError:
        return msgspec.json.decode(_mended(body))


def _mended(body: bytes) -> bytes:
    """JSON with what is no text in it left out.

    A message that was cut in the middle of an emoji holds half of a surrogate pair; all others that
    share its callback would be lost with it.
    """
    text = body.decode("utf-8-sig", "replace")
    found = json.loads(text, strict=False, parse_constant=lambda _: None)
    return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")


def decoded(body: bytes) -> dict[str, Any] | None:
    """A JSON object, or None for everything else that may come: HTML, nothing, half of it."""
    try:
        return document(body)
    except ValueError:
        return None


def objects(items: object) -> Iterator[dict[str, Any]]:
    """The objects of a list; of anything else there are none."""
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def under(value: object, key: str) -> Mapping[str, Any]:
    """The object under a key; an empty one where there is none."""
    found = value.get(key) if key and isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def word(value: object, most: int = LONGEST_ID) -> str:
    """A text or a whole number as a text; empty for all else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return plain(value, most)


def prose(value: object) -> str:
    """As `word`, of what a person wrote."""
    return word(value, LONGEST_TEXT)


def picture(value: object) -> str:
    """A picture as a data: address; whatever else it might lead to is left out."""
    text = word(value, LONGEST_PICTURE + 1)
    return text if text.startswith("data:image/") and len(text) <= LONGEST_PICTURE else ""


def time(value: object, otherwise: datetime) -> datetime:
    """Unix time in seconds or milliseconds, a string or a number; else, or for 0, the one given."""
    try:
        seconds = float(str(value))
        if seconds >= MILLISECONDS_FROM:
            seconds /= 1000
        if seconds <= 0:
            return otherwise
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise


def point(north: object, east: object) -> tuple[float, float] | None:
    """A place in degrees, where both are numbers."""
    try:
        found = float(str(north)), float(str(east))
    except ValueError:
        return None
    return found if all(map(math.isfinite, found)) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, a day at most, from Retry-After; header names in lower case."""
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), LONGEST_WAIT)
    if value.isascii() and value.isdigit():
        return LONGEST_WAIT
    return min(_until(value, headers.get("date", "")) or 0.0, LONGEST_WAIT) or None


def _until(moment: str, date: str) -> float | None:
    """Seconds to a moment, by the clock of the server that named it, where it shows its own."""
    try:
        until = parsedate_to_datetime(moment)
        now = parsedate_to_datetime(date) if date else clock.now()
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return None
