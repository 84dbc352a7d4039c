"""What Meta is sent for each kind of content, and what is refused before it is sent."""

from typing import Any

import msgspec
import pytest

from recado.providers.base import Content, Message
from recado.providers.content import (
    Button,
    Buttons,
    ButtonValue,
    Choices,
    CurrencyValue,
    DateValue,
    Media,
    Place,
    Row,
    Section,
    Template,
    Text,
    TextValue,
)
from recado.providers.meta.payloads import complaint, is_user_id, read_mark, request_body

LINK = "https://example.com/a.jpg"


def sent(content: Content, **more: Any) -> dict[str, Any]:
    assert complaint(content) is None
    message = Message(more.pop("to", "5531999990001"), "1.1.1", content, **more)
    body: dict[str, Any] = msgspec.json.decode(request_body(message))
    assert body.pop("messaging_product") == "whatsapp"
    assert body.pop("recipient_type") == "individual"
    assert body.pop("biz_opaque_callback_data") == "1.1.1"
    return body


@pytest.mark.parametrize(
    ("content", "kind", "node"),
    [
        (Text("Oi", preview=True), "text", {"body": "Oi", "preview_url": True}),
        (Media("image", LINK, caption="a"), "image", {"link": LINK, "caption": "a"}),
        (Media("image", media_id="26212"), "image", {"id": "26212"}),
        (
            Media("document", media_id="1", caption="a", filename="b.pdf"),
            "document",
            {"id": "1", "caption": "a", "filename": "b.pdf"},
        ),
        (Media("video", LINK), "video", {"link": LINK}),
        (Media("audio", LINK), "audio", {"link": LINK}),
        (Media("voice", media_id="1"), "audio", {"id": "1", "voice": True}),
        (Media("sticker", media_id="1"), "sticker", {"id": "1"}),
        (
            Buttons("Confirma?", (Button("s", "Sim"), Button("n", "Não")), "Título", "Rodapé"),
            "interactive",
            {
                "type": "button",
                "header": {"type": "text", "text": "Título"},
                "body": {"text": "Confirma?"},
                "footer": {"text": "Rodapé"},
                "action": {
                    "buttons": [
                        {"type": "reply", "reply": {"id": "s", "title": "Sim"}},
                        {"type": "reply", "reply": {"id": "n", "title": "Não"}},
                    ]
                },
            },
        ),
        (
            Buttons("a", (Button("s", "Sim"),), header=Media("image", LINK)),
            "interactive",
            {
                "type": "button",
                "header": {"type": "image", "image": {"link": LINK}},
                "body": {"text": "a"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "s", "title": "Sim"}}]},
            },
        ),
        (
            Choices("a", "Ver", (Section("", (Row("1", "x"), Row("2", "y", "z"))),)),
            "interactive",
            {
                "type": "list",
                "body": {"text": "a"},
                "action": {
                    "button": "Ver",
                    "sections": [
                        {
                            "rows": [
                                {"id": "1", "title": "x"},
                                {"id": "2", "title": "y", "description": "z"},
                            ]
                        }
                    ],
                },
            },
        ),
    ],
)
def test_each_content_has_metas_shape(content: Content, kind: str, node: dict[str, Any]) -> None:
    assert sent(content) == {"to": "5531999990001", "type": kind, kind: node}


def test_a_template_carries_all_that_it_takes() -> None:
    template = Template(
        "promo",
        "pt_BR",
        header=Media("document", LINK, filename="a.pdf"),
        body=(
            TextValue("Ana"),
            CurrencyValue("R$ 12,50", "BRL", 12500),
            DateValue("sexta"),
        ),
        buttons=(
            ButtonValue(0, "url", "abc"),
            ButtonValue(1, "quick_reply", "parar"),
            ButtonValue(2, "copy_code", "X25"),
        ),
    )
    document = {"link": LINK, "filename": "a.pdf"}
    amount = {"fallback_value": "R$ 12,50", "code": "BRL", "amount_1000": 12500}

    def button(index: str, kind: str, parameter: dict[str, str]) -> dict[str, Any]:
        return {"type": "button", "sub_type": kind, "index": index, "parameters": [parameter]}

    assert sent(template)["template"] == {
        "name": "promo",
        "language": {"code": "pt_BR"},
        "components": [
            {"type": "header", "parameters": [{"type": "document", "document": document}]},
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "Ana"},
                    {"type": "currency", "currency": amount},
                    {"type": "date_time", "date_time": {"fallback_value": "sexta"}},
                ],
            },
            button("0", "url", {"type": "text", "text": "abc"}),
            button("1", "quick_reply", {"type": "payload", "payload": "parar"}),
            button("2", "copy_code", {"type": "coupon_code", "coupon_code": "X25"}),
        ],
    }


def test_values_have_the_names_of_the_templates_variables() -> None:
    template = Template("promo", "pt_BR", TextValue("a", "t"), (TextValue("b", "nome"),))
    header, body = sent(template)["template"]["components"]
    assert header["parameters"] == [{"type": "text", "parameter_name": "t", "text": "a"}]
    assert body["parameters"] == [{"type": "text", "parameter_name": "nome", "text": "b"}]
    assert "components" not in sent(Template("hello_world", "en_US"))["template"]


def test_a_header_may_be_a_place() -> None:
    template = Template("loja", "pt_BR", Place(-23.5, -46.6, name="Loja"))
    (header,) = sent(template)["template"]["components"]
    place = {"latitude": -23.5, "longitude": -46.6, "name": "Loja"}
    assert header["parameters"] == [{"type": "location", "location": place}]


@pytest.mark.parametrize(
    ("given", "leaves"),
    [
        ("a\nb", "a b"),
        ("a \r\n\t b", "a b"),
        ("a    b", "a    b"),
        ("a     b", "a b"),
        ("a    \n    b", "a b"),
        ("a\u2028b\u00a0c", "a b c"),
    ],
)
def test_gaps_that_meta_refuses_are_closed(given: str, leaves: str) -> None:
    (body,) = sent(Template("x", "pt_BR", body=(TextValue(given),)))["template"]["components"]
    assert body["parameters"][0]["text"] == leaves


def test_an_answer_names_the_message_and_a_person_may_have_no_number() -> None:
    body = sent(Text("Oi"), to="BR.1000000000000001", reply_to="wamid.A")
    assert body["context"] == {"message_id": "wamid.A"}
    assert body["recipient"] == "BR.1000000000000001"
    assert "to" not in body
    assert is_user_id("US.ENT.11815799212886844830")
    assert not is_user_id("5531999990001")


def test_a_received_message_is_marked_as_read() -> None:
    assert msgspec.json.decode(read_mark("wamid.A")) == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.A",
    }


def buttons(*titles: str, **more: Any) -> Buttons:
    return Buttons(more.pop("body", "a"), tuple(Button(f"id {t}", t) for t in titles), **more)


def rows(count: int, **more: Any) -> Section:
    return Section(more.pop("title", ""), tuple(Row(f"{n}", f"linha {n}") for n in range(count)))


@pytest.mark.parametrize(
    "content",
    [
        Text(" "),
        Text("a" * 4097),
        Media("image", LINK, caption="a" * 1025),
        Media("voice", LINK, caption="a"),
        Media("image", LINK, filename="a.jpg"),
        Template("x", "pt_BR", body=(TextValue(" "),)),
        Template("x", "pt_BR", body=(CurrencyValue("", "BRL", 1),)),
        Template("x", "pt_BR", header=TextValue("")),
        Template("x", "pt_BR", header=Media("audio", LINK)),
        Template("x", "pt_BR", header=Media("image", LINK, caption="a")),
        Template("x", "pt_BR", buttons=(ButtonValue(0, "url", ""),)),
        buttons(),
        buttons("a", "b", "c", "d"),
        buttons("a", "a"),
        buttons("a" * 21),
        buttons(" "),
        buttons("a", body=""),
        buttons("a", body="a" * 1025),
        buttons("a", header="a" * 61),
        buttons("a", footer="a" * 61),
        buttons("a", header=Media("image", LINK, caption="a" * 1025)),
        Buttons("a", (Button("x", "1"), Button("x", "2"))),
        Buttons("a", (Button("x" * 257, "1"),)),
        Choices("a", "Ver", ()),
        Choices("a", "Ver", (rows(11),)),
        Choices("a", "Ver", (rows(0),)),
        Choices("a", "Ver", (rows(1, title="a"), rows(0, title="b"))),
        Choices("a", "Ver", (rows(1, title="a"), Section("", (Row("z", "z"),)))),
        Choices("a", "Ver", (rows(2, title="a"), rows(2, title="b"))),
        Choices("a", "Ver", (rows(1, title="a" * 25),)),
        Choices("a", "a" * 21, (rows(1),)),
        Choices("a", "", (rows(1),)),
        Choices("a", "Ver", (Section("", (Row("1", "a" * 25),)),)),
        Choices("a", "Ver", (Section("", (Row("1", "a", "b" * 73),)),)),
        Choices("a", "Ver", (Section("", (Row("1" * 201, "a"),)),)),
    ],
)
def test_what_meta_would_refuse_is_not_sent(content: Content) -> None:
    assert complaint(content)


def test_a_file_is_named_in_one_way() -> None:
    for link, media_id in ((None, None), (LINK, "1")):
        with pytest.raises(ValueError, match="either"):
            Media("image", link, media_id)
