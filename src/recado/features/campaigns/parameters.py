"""The parameters of a template, in the few ways in which people write them, made into one.

The one: ``{"header"?: value, "body"?: [value], "buttons"?: [{"index", "type", "value"}]}``, a value
being ``{"type": "text", "text", "name"?}`` or another of `_VALUES`. Shorter: a text for a value, a
list for the body, and an object of names or of numbers from "1" for its variables.
"""

from collections.abc import Mapping
from typing import Any, Final

MOST_VALUES: Final = 256
LONGEST_VALUE: Final = 1024
LONGEST_NAME: Final = 128
MOST_BUTTONS: Final = 10  # Meta: a template has ten at most
_PARTS: Final = frozenset({"header", "body", "buttons"})
_KINDS_OF_BUTTONS: Final = ("url", "quick_reply", "copy_code")
_MEDIA: Final = frozenset({"image", "video", "document"})
# The keys of each type of value, and what they hold; those in _OPTIONAL may be left out.
_VALUES: Final[Mapping[str, Mapping[str, type]]] = {
    "text": {"text": str, "name": str},
    "currency": {"fallback_value": str, "code": str, "amount_1000": int, "name": str},
    "date_time": {"fallback_value": str, "name": str},
}
_HEADERS: Final[Mapping[str, Mapping[str, type]]] = {
    **_VALUES,
    **{kind: {"link": str, "media_id": str, "filename": str} for kind in _MEDIA},
    "location": {"latitude": float, "longitude": float, "name": str, "address": str},
}
_OPTIONAL: Final = frozenset({"name", "link", "media_id", "filename", "address"})
_DEGREES: Final = {"latitude": 90, "longitude": 180}

SCHEMA: Final[dict[str, Any]] = {
    "type": ["object", "array"],
    "description": "what stands in place of the template's variables; see the reference",
    "examples": [
        ["{nome}", "25%"],
        {"nome": "{nome|cliente}", "data": "sexta-feira"},
        {
            "header": {"type": "image", "link": "https://example.com/a.jpg"},
            "body": ["{nome}"],
            "buttons": [{"index": 0, "type": "url", "value": "promo"}],
        },
    ],
}


def normalised(given: object) -> dict[str, Any]:
    """The parameters in the one way; raises ValueError with what is wrong and where."""
    if isinstance(given, list) or (isinstance(given, dict) and not set(given) <= _PARTS):
        given = {"body": given}
    if not isinstance(given, dict):
        raise ValueError("must be a list of values or an object")  # noqa: TRY004 - for pydantic
    found: dict[str, Any] = {}
    if given.get("header") is not None:
        found["header"] = _value(given["header"], "header", _HEADERS)
        _check_header(found["header"])
    if body := _body(given.get("body")):
        found["body"] = body
    if buttons := _buttons(given.get("buttons")):
        found["buttons"] = buttons
    return found


def _body(given: object) -> list[dict[str, Any]]:
    if given is None:
        return []
    if isinstance(given, dict):
        given = _in_order(given)
    if not isinstance(given, list) or len(given) > MOST_VALUES:
        raise ValueError(f"body: must be a list of at most {MOST_VALUES} values, or an object")
    values = [_value(value, f"body.{at}", _VALUES) for at, value in enumerate(given)]
    names = [value.get("name") for value in values]
    if any(names) and (not all(names) or len(set(names)) < len(names)):
        raise ValueError("body: either each value has a name of its own or none has one")
    return values


def _in_order(given: Mapping[Any, object]) -> list[Any]:
    """Values by number become a list, those by name get their name."""
    numbers = {str(place) for place in range(1, len(given) + 1)}
    if set(given) == numbers:
        return [given[str(place)] for place in range(1, len(given) + 1)]
    return [
        {**(value if isinstance(value, dict) else {"type": "text", "text": value}), "name": name}
        for name, value in given.items()
    ]


def _value(given: object, at: str, known: Mapping[str, Mapping[str, type]]) -> dict[str, Any]:
    if isinstance(given, str):
        given = {"type": "text", "text": given}
    if not isinstance(given, dict):
        raise ValueError(f"{at}: must be a text or an object with a type")  # noqa: TRY004
    kind = given.get("type", "text")
    keys = known.get(kind) if isinstance(kind, str) else None
    if keys is None:
        raise ValueError(f"{at}.type: must be one of {', '.join(known)}")
    if unknown := sorted(map(str, set(given) - set(keys) - {"type"})):
        raise ValueError(f"{at}.{unknown[0]}: is not known")
    found: dict[str, Any] = {"type": kind}
    for key, holds in keys.items():
        value = given.get(key)
        if value is None and (key in _OPTIONAL):
            continue
        found[key] = _checked(value, holds, f"{at}.{key}", key)
    return found


def _checked(value: object, holds: type, at: str, key: str) -> object:
    if holds is str:
        return _text(value, at, LONGEST_NAME if key == "name" else LONGEST_VALUE)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (holds is int and not isinstance(value, int)):
        raise ValueError(f"{at}: must be a number")
    bound = _DEGREES.get(key, 10**15)
    if not isinstance(value, int | float) or not -bound <= value <= bound:
        raise ValueError(f"{at}: must lie between -{bound} and {bound}")
    return value


def _check_header(header: Mapping[str, Any]) -> None:
    if header["type"] in _MEDIA and ("link" in header) == ("media_id" in header):
        raise ValueError("header: give either a link or a media_id")


def _buttons(given: object) -> list[dict[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > MOST_BUTTONS:
        raise ValueError(f"buttons: must be a list of at most {MOST_BUTTONS}")
    found = []
    for place, button in enumerate(given):
        at = f"buttons.{place}"
        if not isinstance(button, dict) or not set(button) <= {"index", "type", "value"}:
            raise ValueError(f"{at}: must be an object with index, type and value")
        index = button.get("index", place)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < MOST_BUTTONS:
            raise ValueError(f"{at}.index: must be the button's place, from 0")
        kind = button.get("type", "url")
        if kind not in _KINDS_OF_BUTTONS:
            raise ValueError(f"{at}.type: must be one of {', '.join(_KINDS_OF_BUTTONS)}")
        value = _text(button.get("value"), f"{at}.value", LONGEST_VALUE)
        found.append({"index": index, "type": kind, "value": value})
    if len({button["index"] for button in found}) < len(found):
        raise ValueError("buttons: each button is given once")
    return found


def _text(value: object, at: str, most: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{at}: must be a text that is not blank")
    if len(value) > most or "\x00" in value:
        raise ValueError(f"{at}: must have at most {most} characters, and no NUL")
    return value
