"""The parts of the simulated Cloud API that need no server."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain.errors import InvalidInput
from recado.simulator.meta import kinds
from recado.simulator.meta.channels import Number, Numbers
from recado.simulator.meta.codes import CODES, Refusal, lookup
from recado.simulator.meta.messages import Outgoing, read
from recado.simulator.meta.responses import INCOMING, message_id, whatsapp_id
from recado.simulator.meta.templates import Template, default_templates, fill
from recado.simulator.meta.webhooks import Metadata, Update, envelope, escaped, signature
from recado.simulator.seeded import draw, portion
from recado.simulator.settings import Settings, changed

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
ERRORS = VECTORS.parent / "error_codes.json"


@pytest.mark.parametrize(
    ("number", "wa_id"),
    [
        ("5531999990001", "553199990001"),
        ("5599987654321", "559987654321"),
        ("5531979990001", "553179990001"),
        ("5511999990001", "5511999990001"),
        ("5528999990001", "5528999990001"),
        ("5531969990001", "5531969990001"),
        ("553132345678", "553132345678"),
        ("553199990001", "553199990001"),
        ("16505551234", "16505551234"),
        ("3519123456789", "3519123456789"),
    ],
)
def test_whatsapp_knows_brazilian_mobiles_from_area_31_without_the_ninth_digit(
    number: str, wa_id: str
) -> None:
    assert whatsapp_id(number) == wa_id


@pytest.mark.parametrize(("direction", "mark"), [(0x11, 0x11), (INCOMING, 0x12)])
def test_a_message_id_is_built_as_meta_s_are(direction: int, mark: int) -> None:
    wamid = message_id("553199990001", draw(0, "x"), direction=direction)
    raw = base64.b64decode(wamid.removeprefix("wamid."))
    assert raw[:3] == bytes((0x1C, 0x18, 12))
    assert raw[3:15] == b"553199990001"
    assert raw[15:20] == bytes((0x15, 0x02, 0x00, mark, 0x18))
    assert raw[20] == 18
    assert raw[21:39].decode() == raw[21:39].decode().upper()
    assert raw[39:] == b"\x00"


@given(st.text())
def test_escaping_changes_the_bytes_and_not_the_meaning(text: str) -> None:
    body = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "replace")
    assert escaped(body).isascii()
    assert json.loads(escaped(body)) == json.loads(body)


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not at hand")
def test_signatures_are_those_of_the_shared_vectors() -> None:
    vectors = json.loads((VECTORS / "signature_vectors.json").read_text())
    valid = [case for case in vectors["cases"] if case["valid"]]
    assert valid
    for case in valid:
        body = base64.b64decode(case["body_base64"])
        assert signature(vectors["app_secret"], body) == case["header"]


def test_an_envelope_keeps_numbers_and_accounts_apart() -> None:
    def update(waba: str, number: str, **nodes: Any) -> Update:
        return Update(waba, Metadata("1" + number, number), **nodes)

    body: Any = envelope(
        [
            update("w1", "n1", status="s1"),
            update("w2", "n2", status="s2"),
            update("w1", "n3", message="m1", contact="c1"),
            update("w1", "n1", status="s3"),
        ]
    )
    assert body["object"] == "whatsapp_business_account"
    found = [
        (entry["id"], change["value"]["metadata"].phone_number_id, change["value"].get("statuses"))
        for entry in body["entry"]
        for change in entry["changes"]
    ]
    assert found == [("w1", "n1", ["s1", "s3"]), ("w1", "n3", None), ("w2", "n2", ["s2"])]
    assert body["entry"][0]["changes"][1]["value"]["contacts"] == ["c1"]


def test_chance_repeats_for_a_seed_and_spreads_evenly() -> None:
    assert draw(1, "a", 2) == draw(1, "a", 2)
    assert draw(1, "a", 2) != draw(2, "a", 2)
    assert draw(-1, "a") != draw(1, "a")
    portions = [portion(draw(0, n), place) for n in range(200) for place in range(8)]
    assert 0 <= min(portions) < 0.01
    assert 0.99 < max(portions) < 1
    assert 0.45 < sum(portions) / len(portions) < 0.55


def test_settings_change_by_name_and_within_their_ranges() -> None:
    assert changed(Settings(), {"read_share": 0.5}).read_share == 0.5
    for bad in ({"read_share": 1.5}, {"nonsense": 1}, {"sent_ms": "soon"}, {"batch_max": 0}):
        with pytest.raises(InvalidInput):
            changed(Settings(), bad)


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not at hand")
def test_every_code_that_meta_lists_can_be_played_with_its_own_words() -> None:
    listed = [str(row["code"]) for row in json.loads(ERRORS.read_text())]
    codes = {int(code) for row in listed for code in row.replace("-", ",").split(",")}
    assert "Unknown error" not in {lookup(code).title for code in (*codes, 250)}
    assert lookup(7).title == "Unknown error"


def test_every_code_has_a_plausible_status() -> None:
    assert {line.http for line in CODES.values()} <= {400, 401, 403, 404, 429, 500, 503}


def outgoing(**message: object) -> Outgoing:
    body = {"messaging_product": "whatsapp", "to": "5511999990001", **message}
    asked = read(json.dumps(body).encode())
    assert isinstance(asked, Outgoing)
    return asked


def refusal(**message: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        outgoing(**message)
    return caught.value


@pytest.mark.parametrize(
    ("to", "digits"),
    [
        ("5511999990001", "5511999990001"),
        ("+55 (11) 99999-0001", "5511999990001"),
        (5511999990001, "5511999990001"),
    ],
)
def test_recipients_are_read_as_people_write_them(to: object, digits: str) -> None:
    assert outgoing(to=to, text={"body": "a"}).to == digits


@pytest.mark.parametrize(
    "to", ["", "123", "0055119999", "12345678901234567", "５５11999990001", True]
)
def test_what_is_no_number_is_refused(to: object) -> None:
    assert refusal(to=to, text={"body": "a"}).code in (100, 131009)


def test_a_contact_may_be_named_by_its_scoped_id() -> None:
    asked = outgoing(to=None, recipient="BR.1234567890", text={"body": "a"})
    assert asked.wa_id == "BR.1234567890"
    assert refusal(to=None, recipient="Ana", text={"body": "a"}).code == 131009


BUTTONS = [{"type": "reply", "reply": {"id": str(n), "title": f"Opção {n}"}} for n in range(4)]
ROWS = [{"id": str(n), "title": f"Linha {n}"} for n in range(11)]


def interactive(kind: str, action: object, **others: object) -> dict[str, object]:
    return {
        "type": "interactive",
        "interactive": {"type": kind, "body": {"text": "Confirma?"}, "action": action, **others},
    }


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"type": "text", "text": {"body": "Olá"}}, "Olá"),
        ({"type": "text", "text": {"body": "a" * kinds.TEXT_MOST}}, "a" * kinds.TEXT_MOST),
        ({"type": "image", "image": {"id": "1", "caption": "Foto"}}, "Foto"),
        ({"type": "document", "document": {"link": "https://x/a.pdf", "filename": "a.pdf"}}, ""),
        ({"type": "audio", "audio": {"id": "1", "voice": True}}, ""),
        ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍"}}, "👍"),
        ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": ""}}, ""),
        (
            {
                "type": "location",
                "location": {"latitude": "-23.5", "longitude": -46, "name": "Loja"},
            },
            "Loja",
        ),
        ({"type": "contacts", "contacts": [{"name": {"formatted_name": "Ana"}}]}, "Ana"),
        (interactive("button", {"buttons": BUTTONS[:3]}), "Confirma?"),
        (interactive("list", {"button": "Ver", "sections": [{"rows": ROWS[:10]}]}), "Confirma?"),
        (
            interactive(
                "cta_url",
                {"name": "cta_url", "parameters": {"display_text": "Abrir", "url": "https://x"}},
            ),
            "Confirma?",
        ),
    ],
)
def test_every_kind_of_message_is_read_with_its_text(message: dict[str, object], text: str) -> None:
    assert outgoing(**message).text == text


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "text", "text": {"body": 7}}, 100),
        ({"type": "text"}, 131008),
        ({"type": 7}, 100),
        ({"type": "image", "image": {"id": "1", "link": "https://x"}}, 131009),
        ({"type": "image", "image": {"id": "1", "caption": "a" * 1025}}, 100),
        ({"type": "audio", "audio": {"id": "1", "caption": "a"}}, 100),
        ({"type": "location", "location": {"latitude": "north", "longitude": 0}}, 100),
        ({"type": "location", "location": {"latitude": 0}}, 131008),
        (interactive("button", {"buttons": BUTTONS}), 131009),
        (interactive("button", {"buttons": [BUTTONS[0], BUTTONS[0]]}), 131009),
        (interactive("button", {"buttons": "a"}), 100),
        (interactive("button", {}), 131008),
        (interactive("list", {"button": "Ver", "sections": [{"rows": ROWS}]}), 131009),
        (
            interactive(
                "list",
                {
                    "button": "Ver",
                    "sections": [
                        {"title": "A", "rows": ROWS[:6]},
                        {"title": "B", "rows": ROWS[:6]},
                    ],
                },
            ),
            131009,
        ),
        (interactive("riddle", {}), 131009),
        (interactive("flow", {"name": "stream"}), 131009),
        (interactive("button", {"buttons": BUTTONS[:1]}, footer={"text": "a" * 61}), 100),
        (interactive("button", {"buttons": BUTTONS[:1]}, header={"type": "text"}), 131008),
        ({"type": "text", "text": {"body": "a"}, "recipient_type": "crowd"}, 100),
        ({"type": "text", "text": {"body": "a"}, "context": {}}, 131008),
    ],
)
def test_what_a_kind_must_hold_is_asked_for(message: dict[str, object], code: int) -> None:
    assert refusal(**message).code == code


def template(name: str, *components: object, language: str = "pt_BR") -> dict[str, Any]:
    sent = {"name": name, "language": {"code": language}, "components": list(components)}
    return {"template": sent}


def body(*words: str, names: tuple[str, ...] = ()) -> dict[str, object]:
    parameters = [{"type": "text", "text": word} for word in words]
    for parameter, name in zip(parameters, names, strict=False):
        parameter["parameter_name"] = name
    return {"type": "body", "parameters": parameters}


IMAGE = {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x/a.jpg"}}]}
URL = {
    "type": "button",
    "sub_type": "url",
    "index": "0",
    "parameters": [{"type": "text", "text": "abc"}],
}
NAMED = body("Ana", "domingo", names=("nome", "data"))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            template("recado_aviso", body("Ana", "oi")),
            "Olá Ana, temos um recado para você: oi. Até breve!",
        ),
        (
            template("recado_promocao", IMAGE, NAMED, URL),
            "Olá Ana, sua oferta vale até domingo. Aproveite!",
        ),
        (template("de_outrem", body("a", "b")), "[de_outrem] a b"),
    ],
)
def test_a_template_that_fits_is_filled_in(message: dict[str, Any], text: str) -> None:
    assert fill(message, default_templates(), closed=False).text == text


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (template("recado_aviso", body("Ana")), 132000),
        (template("recado_aviso"), 132000),
        (template("recado_aviso", body("Ana", "linha\noutra")), 132008),
        (template("recado_aviso", body("Ana", "a     b")), 132008),
        (template("recado_aviso", body("Ana", "b"), language="en_US"), 132001),
        (template("recado_aviso", body("Ana", "b" * 4097)), 132005),
        (template("recado_aviso", body("Ana", "b"), URL), 132018),
        (template("recado_promocao", NAMED, URL), 132012),
        (template("recado_promocao", IMAGE, body("Ana", "domingo"), URL), 132012),
        (template("recado_promocao", IMAGE, NAMED), 131008),
        (template("recado_pausado", body("Ana")), 132015),
        (template("recado_desativado", body("Ana")), 132016),
        (template("recado_aviso", {"type": "body", "parameters": [{"type": "text"}]}), 131008),
        (template("recado_aviso", {"type": "button", "parameters": []}), 131008),
        ({"template": {"name": "recado_aviso"}}, 131008),
        ({"template": {"name": "recado_aviso", "language": "pt_BR"}}, 100),
    ],
)
def test_a_template_that_does_not_fit_is_refused_under_its_code(
    message: dict[str, Any], code: int
) -> None:
    with pytest.raises(Refusal) as caught:
        fill(message, default_templates(), closed=False)
    assert caught.value.code == code


def test_a_closed_catalogue_knows_its_own_templates_only() -> None:
    own = [Template(name="a", language="pt_BR", components=[{"type": "BODY", "text": "Oi"}])]
    assert fill(template("a"), own, closed=True).category == "marketing"
    with pytest.raises(Refusal) as caught:
        fill(template("b"), own, closed=True)
    assert caught.value.code == 132001


def refused(number: Number, to: str, at: float, *, per_second: int, pair_rate: bool) -> int | None:
    try:
        number.throttle(to, at, per_second=per_second, pair_rate=pair_rate)
    except Refusal as refusal:
        return refusal.code
    return None


def test_a_burst_to_one_person_borrows_45_messages_and_pays_them_back() -> None:
    number = Numbers().open("100001")

    def code(at: float, to: str = "5511") -> int | None:
        return refused(number, to, at, per_second=0, pair_rate=True)

    assert [code(1000.0) for _ in range(46)] == [None] * 45 + [131056]
    assert code(1005.9) == 131056
    assert code(1006.0) is None
    assert code(1006.1) == 131056
    assert code(1006.1, to="5512") is None


def test_a_number_takes_so_many_messages_in_any_second() -> None:
    number = Numbers().open("100001")
    codes = [
        refused(number, "5511", at, per_second=3, pair_rate=False)
        for at in (0.0, 0.4, 0.9, 0.99, 1.0, 1.3, 1.5)
    ]
    assert codes == [None, None, None, 130429, None, 130429, None]
