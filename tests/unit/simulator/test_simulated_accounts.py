"""What the simulated Evolution and uazapi share, without a server."""

import asyncio
import base64
import contextlib
import json
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recado.simulator import people
from recado.simulator.evolution import messages as evolution_messages
from recado.simulator.evolution import schema
from recado.simulator.evolution.provider import Evolution
from recado.simulator.evolution.refusals import Refusal
from recado.simulator.evolution.schema import Field
from recado.simulator.evolution.webhooks import Webhook
from recado.simulator.faults import Fault, Verdict
from recado.simulator.link import picture
from recado.simulator.passage import steps
from recado.simulator.seeded import draw
from recado.simulator.settings import Settings
from recado.simulator.uazapi import messages as uazapi_messages
from recado.simulator.uazapi.provider import Uazapi
from recado.simulator.wire import Request
from recado.simulator.world import World

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
EVEN = Settings(sent_ms=100, delivered_ms=200, read_ms=300, jitter=0, read_share=1.0)


@pytest.mark.parametrize(
    ("number", "account"),
    [
        ("5531999998888", "553199998888"),
        ("553199998888", "553199998888"),
        ("5531979998888", "553179998888"),
        ("5531969998888", "5531969998888"),
        ("553169998888", "5531969998888"),
        ("5511987654321", "5511987654321"),
        ("551187654321", "5511987654321"),
        ("553132345678", "553132345678"),
        ("551132345678", "551132345678"),
        ("5215512345678", "525512345678"),
        ("5491112345678", "541112345678"),
        ("16505551234", "16505551234"),
    ],
)
def test_a_number_stands_for_one_account(number: str, account: str) -> None:
    assert people.account(number) == account


@given(st.text("0123456789", min_size=1, max_size=17))
def test_an_account_stands_for_itself(number: str) -> None:
    # Mexico and Argentina aside: there a further digit could go each time.
    if number[:2] not in ("52", "54"):
        assert people.account(people.account(number)) == people.account(number)


def test_numbers_of_one_person_have_one_account() -> None:
    path = VECTORS / "numbers.json"
    if not path.exists():
        pytest.skip("the providers' facts are not beside this copy")
    numbers = json.loads(path.read_text(encoding="utf-8"))
    for one, other, same in numbers["same_person"]:
        assert (people.account(one) == people.account(other)) is same, (one, other)
    for pair in numbers["real_pairs"]:
        assert people.account(pair["input"]) == pair["wa_id"]


@pytest.mark.parametrize(
    ("given", "jid"),
    [
        ("+55 (31) 99999-8888", "553199998888@s.whatsapp.net"),
        ("5531999998888:12@s.whatsapp.net", "553199998888@s.whatsapp.net"),
        ("120363000000000001", "120363000000000001@g.us"),
        ("120363000000000001@g.us", "120363000000000001@g.us"),
        ("100000000000002@lid", "100000000000002@lid"),
        ("", "@s.whatsapp.net"),
    ],
)
def test_whatever_is_given_becomes_a_whatsapp_id(given: str, jid: str) -> None:
    assert people.jid(given) == jid


def test_who_has_no_whatsapp_and_who_hides_repeats_and_grows_with_its_share() -> None:
    accounts = [f"55119999{number:05d}" for number in range(400)]

    def missing(share: float) -> set[str]:
        tuned = Settings(missing_share=share)
        return {a for a in accounts if not people.has_whatsapp(a, tuned)}

    def hidden(share: float) -> set[str]:
        return {a for a in accounts if people.hides(a, Settings(lid_share=share))}

    for chosen in (missing, hidden):
        assert chosen(0.0) == set()
        assert chosen(1.0) == set(accounts)
        assert chosen(0.2) < chosen(0.6)
        assert 120 < len(chosen(0.5)) < 280
    only = Settings(lid_share=0.0, lid_only_share=0.3)
    assert all(people.hides(a, only) for a in accounts if people.hides_wholly(a, only))


@pytest.mark.parametrize("number", ["1234567", "1234567890123456", ""])
def test_what_is_no_number_has_no_whatsapp(number: str) -> None:
    assert not people.has_whatsapp(number, Settings())


def told(**faults: Fault) -> list[tuple[str, float, float]]:
    found = steps(EVEN, draw(0, "message"), Verdict(faults))
    return [(step.status, round(step.happens, 3), round(step.leaves, 3)) for step in found]


def test_an_accepted_message_is_sent_delivered_and_read() -> None:
    assert told() == [("sent", 0.1, 0.1), ("delivered", 0.2, 0.2), ("read", 0.3, 0.3)]


def test_faults_of_callbacks_change_when_they_leave_and_not_when_things_happen() -> None:
    assert told(reordered=Fault("callback_reordered")) == [
        ("sent", 0.1, 0.3),
        ("delivered", 0.2, 0.2),
        ("read", 0.3, 0.1),
    ]
    assert told(late=Fault("callback_late", ms=1000, statuses=["read"]))[-1] == ("read", 0.3, 1.3)
    assert told(doubled=Fault("callback_doubled", statuses=["sent"]))[:2] == [
        ("sent", 0.1, 0.1),
        ("sent", 0.1, 0.2),
    ]
    assert told(lost=Fault("callback_lost")) == []
    assert told(held=Fault("held", ms=1000))[0] == ("sent", 1.1, 1.1)


def test_a_later_failure_takes_the_place_of_arrival() -> None:
    assert told(outcome=Fault("async_error")) == [("failed", 0.2, 0.2)]
    assert told(outcome=Fault("async_error", ms=700, after_sent=True)) == [
        ("sent", 0.1, 0.1),
        ("failed", 0.7, 0.7),
    ]


def test_a_body_is_checked_for_types_first_and_for_what_is_missing_then() -> None:
    fields = {"a": Field("string"), "b": Field("integer", "Say a number")}
    schema.check({"a": "x", "b": 1.0}, fields, ("a",))
    with pytest.raises(Refusal) as refused:
        schema.check({"a": 1, "b": True}, fields, ("c",), "held")
    assert refused.value.message == [
        ["held.a is not of a type(s) string", "Say a number", 'held requires property "c"']
    ]


@given(st.binary(max_size=40))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert isinstance(schema.read_object(body), dict)


def test_a_webhook_wants_what_it_asked_for() -> None:
    assert Webhook("http://x", events=("SEND_MESSAGE",)).wants("send.message")
    assert not Webhook("http://x", events=("SEND_MESSAGE",)).wants("messages.update")
    assert not Webhook("http://x", enabled=False).wants("send.message")


def test_the_picture_of_a_code_is_a_png_as_large_as_it_says() -> None:
    png = base64.b64decode(picture("2@abc").partition(",")[2])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width = int.from_bytes(png[16:20], "big")
    height = int.from_bytes(png[20:24], "big")
    start = png.index(b"IDAT") + 4
    length = int.from_bytes(png[start - 8 : start - 4], "big")
    assert len(zlib.decompress(png[start : start + length])) == height * (width + 1)
    assert picture("2@abc") != picture("2@abd")


ADDRESS = "https://example.org/a"
# Enough for every call at once, so that what is replaced is all that can be wrong.
FITTING: dict[str, object] = {
    "number": "5511999990001",
    "numbers": ["5511999990001"],
    "text": "Oi",
    "delay": 0,
    "quoted": {"key": {"id": "3A"}},
    "mediatype": "image",
    "media": ADDRESS,
    "mimetype": "image/png",
    "caption": "a",
    "fileName": "a.png",
    "audio": ADDRESS,
    "title": "a",
    "footerText": "a",
    "buttonText": "a",
    "buttons": [{"type": "reply", "displayText": "a", "id": "a"}],
    "sections": [{"title": "a", "rows": [{"title": "a", "rowId": "a"}]}],
    "type": "image",
    "file": ADDRESS,
    "choices": ["a|a"],
    "id": "3A",
    "track_id": "1.1.1",
    "limit": 1,
    "url": ADDRESS,
    "events": ["messages"],
    "instanceName": "nova",
    "webhook": {"enabled": True, "url": ADDRESS, "events": ["SEND_MESSAGE"], "headers": {}},
    "readMessages": [{"remoteJid": "a", "fromMe": False, "id": "a"}],
    "latitude": 1.5,
    "longitude": 1,
    "fullName": "Ana",
    "phoneNumber": "5511999990002",
    "name": "nova",
}
NAMES = sorted(
    {*FITTING, "key", "headers", "enabled", "byEvents", "action", "phone", "token"} - {"delay"}
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=6,
)
CALLS = [
    *(f"evolution/message/{call}/loja" for call in evolution_messages.CALLS),
    "evolution/instance/create",
    "evolution/webhook/set/loja",
    "evolution/chat/whatsappNumbers/loja",
    "evolution/chat/markMessageAsRead/loja",
    *(f"uazapi/{call}" for call in uazapi_messages.CALLS),
    "uazapi/instance/init",
    "uazapi/webhook",
    "uazapi/chat/check",
    "uazapi/message/markread",
    "uazapi/message/find",
    "uazapi/message/download",
]


@settings(max_examples=300)
@given(
    st.sampled_from(CALLS),
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=3) | st.binary(max_size=9),
)
def test_any_body_is_answered(call: str, body: dict[str, object] | bytes) -> None:
    world = World(Settings(connect_ms=0))
    raw = body if isinstance(body, bytes) else msgspec.json.encode({**FITTING, **body})
    headers = ((b"apikey", b"k"), (b"token", b"t"), (b"admintoken", b"a"))
    request = Request(method="POST", parts=call.split("/"), body=raw, headers=headers)
    provider = Evolution(world) if call.startswith("evolution") else Uazapi(world)
    answer = asyncio.run(provider.handle(request))
    assert 200 <= answer.status < 600
