"""Checking a body the way Evolution's JSON schemas do, with their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from recado.simulator.evolution.refusals import Refusal, bad_request

Node = dict[str, Any]

_decode = msgspec.json.Decoder().decode


def _is_integer(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)


_TYPES: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


class Field(NamedTuple):
    """What a property must be; ``words`` replace the schema's own complaint."""

    type: str
    words: str = ""
    among: Sequence[str] = ()


def read_object(body: bytes) -> Node:
    """A request's body, empty where it is JSON but no object.

    Raises:
        Refusal: 400 where it is not JSON.

    """
    if not body:
        return {}
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, str(error)) from None
    return found if isinstance(found, dict) else {}


def check(body: Node, fields: Mapping[str, Field], required: Sequence[str], path: str = "") -> None:
    """Check properties.

    Raises:
        Refusal: 400 with a list of complaints inside the list.

    """
    dotted = f"{path}." if path else ""
    wrong = [
        field.words or complaint
        for name, field in fields.items()
        if name in body and (complaint := _complaint(dotted + name, body[name], field))
    ]
    owner = path or "instance"
    wrong += [f'{owner} requires property "{name}"' for name in required if name not in body]
    if wrong:
        raise bad_request(wrong, name="schema")


def _complaint(path: str, value: object, field: Field) -> str:
    if not _TYPES[field.type](value):
        return f"{path} is not of a type(s) {field.type}"
    if field.among and value not in field.among:
        return f"{path} is not one of enum values: {','.join(field.among)}"
    return ""
