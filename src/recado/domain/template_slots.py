"""Whether the parameters of a campaign fit what its template must be filled in with.

Meta refuses what does not fit for every contact alike (132000, 132012, 131008, 132018).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_WORDS: Final = frozenset({"text", "currency", "date_time"})


@dataclass(frozen=True, slots=True)
class Slots:
    """What a template takes.

    Attributes:
        named: Whether its variables have names; else they are counted from 1.
        header: text, image, video, document or location; None: nothing. A medium must be given
            although there is no variable for it in the text.
        header_variables, variables: Those of a text header and of the body, each once.
        buttons: Index and kind of those that must be given a value: url or copy_code.
        replies: Index of those that may be given what comes back when they are tapped.
    """

    named: bool = False
    header: str | None = None
    header_variables: Sequence[str] = ()
    variables: Sequence[str] = ()
    buttons: Sequence[tuple[int, str]] = ()
    replies: Sequence[int] = ()


def complaints(slots: Slots, given: Mapping[str, Any]) -> dict[str, str]:
    """What does not fit, by its part: header, body, buttons; empty where all does.

    Args:
        slots: Of the template.
        given: ``{"header"?: value, "body"?: [value], "buttons"?: [{"index", "type", "value"}]}``,
            a value being an object with a ``type`` and perhaps a ``name``.
    """
    found = {
        "header": _of_header(slots, given.get("header")),
        "body": _of_values(slots.named, slots.variables, given.get("body") or []),
        "buttons": "; ".join(_of_buttons(slots, given.get("buttons") or [])),
    }
    return {part: wrong for part, wrong in found.items() if wrong}


def _of_header(slots: Slots, given: Mapping[str, Any] | None) -> str:
    if slots.header is None:
        return "the template's header takes nothing" if given is not None else ""
    if slots.header == "text":
        values = [] if given is None else [given]
        return _of_values(slots.named, slots.header_variables, values)
    if given is None or given["type"] != slots.header:
        return f"must be given, of the type {slots.header}"
    return ""


def _of_values(named: bool, variables: Sequence[str], given: Sequence[Mapping[str, Any]]) -> str:
    if wrong := sorted({str(value["type"]) for value in given} - _WORDS):
        return f"cannot be of the type {wrong[0]}"
    names = [value.get("name") for value in given]
    if not named and any(names):
        return "its variables have no names: give a list of values"
    if not named:
        fits = len(given) == len(variables)
        return "" if fits else f"takes {len(variables)} values, not {len(given)}"
    missing = [name for name in variables if name not in names]
    unknown = [str(name) for name in names if name is not None and name not in variables]
    if missing:
        return "is missing the values named " + ", ".join(missing)
    if unknown:
        return "has no variables named " + ", ".join(unknown)
    return "" if len(given) == len(variables) else "each value must have its variable's name"


def _of_buttons(slots: Slots, given: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    kinds = {button["index"]: button["type"] for button in given}
    needed = dict(slots.buttons)
    for index, kind in slots.buttons:
        if kinds.get(index) != kind:
            yield f"the button {index} must be given a value of the type {kind}"
    for index, kind in kinds.items():
        if index not in needed and not (kind == "quick_reply" and index in slots.replies):
            yield f"the button {index} takes no value of the type {kind}"
