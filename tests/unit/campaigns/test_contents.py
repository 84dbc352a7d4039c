"""What a campaign says besides plain text: how it may be written, and what one contact gets."""

from typing import Any

import pytest

from recado.features.campaigns.parameters import normalised
from recado.features.dispatch import contents
from recado.features.dispatch.contents import EmptyValue
from recado.providers.content import (
    ButtonValue,
    Content,
    CurrencyValue,
    DateValue,
    Media,
    Place,
    Template,
    TextValue,
)

LINK = "https://example.com/a.jpg"


def text(words: str, **more: str) -> dict[str, str]:
    return {"type": "text", "text": words, **more}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, {}),
        ([], {}),
        ({"body": None, "header": None, "buttons": None}, {}),
        (["a", "b"], {"body": [text("a"), text("b")]}),
        ({"body": ["a"]}, {"body": [text("a")]}),
        ({"2": "b", "1": "a"}, {"body": [text("a"), text("b")]}),
        ({"nome": "a"}, {"body": [text("a", name="nome")]}),
        ({"1": "a", "3": "b"}, {"body": [text("a", name="1"), text("b", name="3")]}),
        ({"header": "a"}, {"header": text("a")}),
        (
            {"buttons": [{"value": "x"}, {"index": 3, "type": "copy_code", "value": "y"}]},
            {
                "buttons": [
                    {"index": 0, "type": "url", "value": "x"},
                    {"index": 3, "type": "copy_code", "value": "y"},
                ]
            },
        ),
    ],
)
def test_parameters_may_be_written_in_a_few_ways(given: object, found: object) -> None:
    assert normalised(given) == found
    assert normalised(normalised(given)) == found


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (7, "list"),
        ("x", "list"),
        ([7], "body.0"),
        ([None], "body.0"),
        ([" "], "body.0.text"),
        (["a\0"], "body.0.text"),
        (["a" * 1025], "body.0.text"),
        ([["a"]], "body.0"),
        (["a"] * 257, "body"),
        ({"body": 7}, "body"),
        ({"nome": 7}, "body.0.text"),
        ([{"type": "video", "link": LINK}], "body.0.type"),
        ([{"type": ["text"]}], "body.0.type"),
        ([{"type": "text", "text": "a", "more": 1}], "body.0.more"),
        ([{"type": "currency", "fallback_value": "R$ 1", "code": "BRL"}], "amount_1000"),
        (
            [{"type": "currency", "fallback_value": "x", "code": "BRL", "amount_1000": 1.5}],
            "amount_1000",
        ),
        ([text("a", name="x"), text("b")], "name"),
        ([text("a", name="x"), text("b", name="x")], "name"),
        ({"header": {"type": "image"}}, "header"),
        ({"header": {"type": "image", "link": LINK, "media_id": "1"}}, "header"),
        ({"header": {"type": "location", "latitude": 91, "longitude": 0}}, "latitude"),
        ({"header": {"type": "location", "latitude": True, "longitude": 0}}, "latitude"),
        ({"buttons": {}}, "buttons"),
        ({"buttons": ["x"]}, "buttons.0"),
        ({"buttons": [{"index": -1, "value": "x"}]}, "buttons.0.index"),
        ({"buttons": [{"index": True, "value": "x"}]}, "buttons.0.index"),
        ({"buttons": [{"type": "flow", "value": "x"}]}, "buttons.0.type"),
        ({"buttons": [{"value": ""}]}, "buttons.0.value"),
        ({"buttons": [{"index": 1, "value": "x"}, {"index": 1, "value": "y"}]}, "buttons"),
    ],
)
def test_what_is_wrong_with_parameters_is_said_with_its_place(given: object, where: str) -> None:
    with pytest.raises(ValueError, match=where):
        normalised(given)


def composed(stored: dict[str, Any], **values: str | None) -> Content:
    recipe = contents.recipe(stored)
    assert recipe is not None
    return recipe.compose(values)


def template(**parameters: Any) -> dict[str, Any]:
    given = normalised(parameters)
    return {"type": "template", "name": "aviso", "language": "pt_BR", "parameters": given}


def test_each_contact_gets_a_template_with_their_own_values() -> None:
    stored = template(
        header={"type": "document", "link": LINK, "filename": "boleto de {nome}.pdf"},
        body=[
            "{nome|cliente}",
            {"type": "currency", "fallback_value": "R$ {valor}", "code": "BRL", "amount_1000": 1},
            {"type": "date_time", "fallback_value": "{dia}"},
        ],
        buttons=[{"type": "quick_reply", "index": 1, "value": "sair {nome}"}],
    )
    assert composed(stored, nome="Ana", valor="10", dia="sexta") == Template(
        "aviso",
        "pt_BR",
        header=Media("document", link=LINK, filename="boleto de Ana.pdf"),
        body=(
            TextValue("Ana"),
            CurrencyValue("R$ 10", "BRL", 1),
            DateValue("sexta"),
        ),
        buttons=(ButtonValue(1, "quick_reply", "sair Ana"),),
    )
    assert contents.texts(stored) == [
        "boleto de {nome}.pdf",
        "{nome|cliente}",
        "R$ {valor}",
        "{dia}",
        "sair {nome}",
    ]


def test_a_header_may_be_a_text_or_a_place() -> None:
    place = {"type": "location", "latitude": -23.5, "longitude": -46, "name": "Loja {nome}"}
    found = composed(template(header=place), nome="Sul")
    assert found == Template("aviso", "pt_BR", header=Place(-23.5, -46, "Loja Sul"))
    found = composed(template(header="Oi {nome}", body={"dia": "{dia}"}), nome="Ana", dia="sexta")
    assert found == Template(
        "aviso", "pt_BR", header=TextValue("Oi Ana"), body=(TextValue("sexta", "dia"),)
    )


def test_a_value_that_comes_out_empty_is_not_sent() -> None:
    with pytest.raises(EmptyValue):
        composed(template(body=["{nome}"]), nome=None)


def test_a_caption_may_come_out_empty() -> None:
    stored = {
        "type": "media",
        "media_type": "image",
        "link": LINK,
        "media_id": None,
        "caption": "{nome}",
        "filename": "",
    }
    assert composed(stored, nome="Ana") == Media("image", link=LINK, caption="Ana")
    assert composed(stored) == Media("image", link=LINK)
    assert contents.links(contents.unfilled(stored)) == [LINK]


def test_plain_text_is_made_elsewhere() -> None:
    assert contents.recipe({"text": "Olá {nome}"}) is None
    assert contents.texts({"type": "text", "text": "Olá {nome}"}) == ["Olá {nome}"]
    assert contents.links(contents.unfilled({"text": "a"})) == []
