"""Reading fields out of a request as the Cloud API does, each refusal under its own code."""

from __future__ import annotations

from typing import Any

from recado.simulator.meta.codes import Refusal

Node = dict[str, Any]


def required(name: str) -> Refusal:
    """A parameter that must be there and is not (131008)."""
    return Refusal(131008, f"The parameter {name} is required.")


def invalid(name: str, why: str) -> Refusal:
    """A value that is not among those allowed (131009)."""
    return Refusal(131009, f"Parameter {name} is not valid: {why}")


def malformed(name: str, why: str) -> Refusal:
    """A parameter of the wrong type or length (100)."""
    return Refusal(100, f"Param {name} {why}")


def name(path: str, key: str) -> str:
    """A field as Meta names it: ``text['body']``."""
    if not path:
        return key
    head, *rest = [*path.split("."), key]
    return head + "".join(f"['{part}']" for part in rest)


def node(parent: Node, key: str, path: str = "") -> Node:
    """The object under a key."""
    value = parent.get(key)
    field = name(path, key)
    if value is None:
        raise required(field)
    if not isinstance(value, dict):
        raise malformed(field, "must be a JSON object.")
    return value


def nodes(parent: Node, key: str, path: str, *, least: int = 1, most: int) -> list[Node]:
    """The list of objects under a key."""
    value = parent.get(key)
    field = name(path, key)
    if value is None:
        raise required(field)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise malformed(field, "must be an array of objects.")
    if not least <= len(value) <= most:
        raise invalid(field, f"it must have {least} to {most} items, it has {len(value)}.")
    return value


def text(parent: Node, key: str, path: str, *, most: int, least: int = 1) -> str:
    """The required text under a key."""
    value = parent.get(key)
    field = name(path, key)
    if value is None:
        raise required(field)
    if not isinstance(value, str):
        raise malformed(field, "must be a string.")
    if len(value) < least:
        raise malformed(field, f"must be at least {least} character long.")
    if len(value) > most:
        raise malformed(field, f"must be at most {most} characters long.")
    return value


def optional_text(parent: Node, key: str, path: str, *, most: int) -> str:
    """The text under a key, empty where there is none."""
    if parent.get(key) is None:
        return ""
    return text(parent, key, path, most=most, least=0)


def number(parent: Node, key: str, path: str, *, bound: float) -> float:
    """The required number under a key, between -bound and bound; text with a number is taken."""
    value = parent.get(key)
    field = name(path, key)
    if value is None:
        raise required(field)
    try:
        figure = float(value)
    except (TypeError, ValueError):
        raise malformed(field, "must be a number.") from None
    if not -bound <= figure <= bound:
        raise invalid(field, f"it must lie between -{bound:g} and {bound:g}.")
    return figure
