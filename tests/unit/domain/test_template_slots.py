"""Parameters of a campaign against what its template takes."""

from typing import Any

import pytest

from recado.domain.template_slots import Slots, complaints

TEXT = {"type": "text", "text": "Ana"}
IMAGE = {"type": "image", "link": "https://example.com/a.jpg"}
COUNTED = Slots(variables=("1", "2"))
NAMED = Slots(named=True, variables=("nome", "data"))
BUTTONS = Slots(buttons=((0, "url"), (2, "copy_code")), replies=(1,))


def named(*names: str | None, kind: str = "text") -> list[dict[str, Any]]:
    return [{"type": kind, "name": name} if name else {"type": kind} for name in names]


def button(index: int, kind: str) -> dict[str, Any]:
    return {"index": index, "type": kind, "value": "x"}


URL, CODE = button(0, "url"), button(2, "copy_code")


@pytest.mark.parametrize(
    ("slots", "given"),
    [
        (Slots(), {}),
        (COUNTED, {"body": [TEXT, {"type": "currency"}]}),
        (NAMED, {"body": named("data", "nome", kind="date_time")}),
        (Slots(header="image"), {"header": IMAGE}),
        (Slots(header="location"), {"header": {"type": "location"}}),
        (Slots(header="text", header_variables=("1",)), {"header": TEXT}),
        (
            Slots(named=True, header="text", header_variables=("loja",)),
            {"header": {**TEXT, "name": "loja"}},
        ),
        (BUTTONS, {"buttons": [URL, CODE]}),
        (BUTTONS, {"buttons": [CODE, URL, button(1, "quick_reply")]}),
    ],
)
def test_what_fits_is_left_alone(slots: Slots, given: dict[str, Any]) -> None:
    assert complaints(slots, given) == {}


@pytest.mark.parametrize(
    ("slots", "given", "part", "why"),
    [
        (COUNTED, {}, "body", "takes 2 values, not 0"),
        (COUNTED, {"body": [TEXT] * 3}, "body", "takes 2 values, not 3"),
        (COUNTED, {"body": named("nome", "data")}, "body", "have no names"),
        (COUNTED, {"body": [TEXT, IMAGE]}, "body", "type image"),
        (NAMED, {"body": [TEXT, TEXT]}, "body", "missing the values named nome, data"),
        (NAMED, {"body": named("nome", "dia")}, "body", "missing the values named data"),
        (NAMED, {"body": named("nome", "data", "dia")}, "body", "no variables named dia"),
        (NAMED, {"body": named("nome", "data", None)}, "body", "must have its variable's name"),
        (Slots(header="image"), {}, "header", "of the type image"),
        (Slots(header="image"), {"header": {"type": "video"}}, "header", "of the type image"),
        (Slots(), {"header": IMAGE}, "header", "takes nothing"),
        (Slots(header="text", header_variables=("1",)), {}, "header", "takes 1 values, not 0"),
        (Slots(header="text", header_variables=("1",)), {"header": IMAGE}, "header", "type image"),
        (BUTTONS, {"buttons": [URL]}, "buttons", "button 2 must be given"),
        (BUTTONS, {"buttons": [button(0, "copy_code"), CODE]}, "buttons", "type url"),
        (BUTTONS, {"buttons": [URL, CODE, button(1, "url")]}, "buttons", "button 1 takes no"),
        (BUTTONS, {"buttons": [URL, CODE, button(3, "quick_reply")]}, "buttons", "button 3"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    slots: Slots, given: dict[str, Any], part: str, why: str
) -> None:
    found = complaints(slots, given)
    assert list(found) == [part]
    assert why in found[part]
