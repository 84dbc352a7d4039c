"""Callbacks as they should never come: genuine ones, bent at random, as text and as bytes."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

_WIDE, _DEEP = 40, 5_000
_MARK = "@@"
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 1e308, -1e-308, float("nan"), float("inf")),
    *(2**15, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**100, -(2**100), 10**400),
    *("", " ", "0", "-1", "null", "NaN", "1e400", "9" * 30, "\x00", "a\x00b", "\ud800", "\udc00a"),
    *("ü" * 10_000, "x" * 100_000, "5" * 3_000, "\u202e\u200f", "😀", "0001-01-01", "1,5", "١٢٣"),
    *("253402300799", "253402300800", "253402300799999", "-62135596800", "-62135596801"),
    *(253402300799, 253402300800, -62135596801, 8_640_000_000_000, "1760000000.999999999"),
    *("wamid." + "A" * 10_000, "BR." + "1" * 10_000, "1.1.1", "9223372036854775808.1.1"),
    *("9223372036854775807.32767.32767", "1.32768.1", "5531999990001@lid", "group", "failed"),
    *([], {}, [[]], [{}], {"": ""}, [None], {"\x00": "\x00"}, {"id": []}, ["x"] * _WIDE),
    *(f"{_MARK}deep-list{_MARK}", f"{_MARK}deep-object{_MARK}", f"{_MARK}twice{_MARK}"),
)
_WRITTEN = {
    "deep-list": "[" * _DEEP + "]" * _DEEP,
    "deep-object": '{"a":' * _DEEP + "1" + "}" * _DEEP,
    "twice": '{"id":1,"id":"2","id":null}',
}


def mutated(document: object, chance: random.Random) -> bytes:
    """A document with up to four things wrong in it, and sometimes its bytes as well."""
    bent = copy.deepcopy(document)
    for _ in range(chance.randint(1, 4)):
        places = list(_places(bent))
        if places:
            _bend(*chance.choice(places), places, chance)
    text = json.dumps(bent, ensure_ascii=chance.random() < 0.7)
    for name, written in _WRITTEN.items():
        text = text.replace(f'"{_MARK}{name}{_MARK}"', written)
    return _encoded(text, chance)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    keys = list(node) if isinstance(node, dict) else range(len(node))
    for key in keys:
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def _bend(holder: Any, key: Any, places: list[tuple[Any, Any]], chance: random.Random) -> None:
    value = holder[key]
    way = chance.randrange(7)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, list):
        holder += [copy.deepcopy(value) for _ in range(chance.randint(1, _WIDE))]
    elif way == 2:
        other, at = chance.choice(places)
        try:
            holder[key] = copy.deepcopy(other[at])
        except (KeyError, IndexError):  # it was bent away before
            holder[key] = None
    elif way == 3:
        holder[key] = [value] if chance.random() < 0.5 else {"id": value, "text": value}
    elif way == 4 and isinstance(value, str | int):
        holder[key] = str(value) if isinstance(value, int) else _number(value)
    elif way == 5 and isinstance(value, str):
        at = chance.randint(0, len(value))
        holder[key] = (
            value[:at] + chance.choice(["\x00", "\ud83d", "\uffff", "'", "\\"]) + value[at:]
        )
    else:
        holder[key] = copy.deepcopy(chance.choice(ODD))


def _number(text: str) -> object:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 40 else float("-inf")


def _encoded(text: str, chance: random.Random) -> bytes:
    body = text.encode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace")
    way = chance.randrange(20)
    if way == 0:
        return text.encode(chance.choice(["utf-16", "utf-16-le", "utf-32", "utf-7"]), "replace")
    if way == 1:
        return text.encode("latin-1", "replace")
    if way == 2:
        return b"\xef\xbb\xbf" + body
    if way == 3:
        return body[: chance.randint(0, len(body))]
    if way == 4:
        at = chance.randint(0, len(body))
        return body[:at] + chance.randbytes(chance.randint(1, 8)) + body[at:]
    return body
