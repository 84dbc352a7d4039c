"""What uazapi answers and calls back with, in the forms in which servers have been seen to."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from recado.domain.retry import ErrorClass
from recado.providers import calls
from recado.providers.base import (
    Accepted,
    CallFailed,
    HttpAnswer,
    Message,
    Outcome,
    Refused,
    Unsure,
)
from recado.providers.config import InvalidConfig
from recado.providers.content import Media, Text
from recado.providers.events import (
    CallbackEvent,
    ConnectionEvent,
    EchoEvent,
    EditEvent,
    InboundEvent,
    OtherEvent,
    ReactionEvent,
    StatusEvent,
)
from recado.providers.uazapi import errors, payloads
from recado.providers.uazapi.adapter import UazapiAdapter

ADAPTER = UazapiAdapter()
ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)
SPOKEN_AT = datetime(2026, 2, 3, 19, 36, 18, tzinfo=UTC)
OWNER, ANA, HIDDEN = "5511900000001", "5511900000002", "100000000000002@lid"
MESSAGE = {
    "id": f"{OWNER}:AC98",
    "messageid": "AC98",
    "chatid": f"{ANA}@s.whatsapp.net",
    "chatlid": HIDDEN,
    "sender": HIDDEN,
    "sender_pn": f"{ANA}@s.whatsapp.net",
    "sender_lid": HIDDEN,
    "senderName": "Ana",
    "fromMe": False,
    "isGroup": False,
    "messageType": "ExtendedTextMessage",
    "text": "Oi",
    "content": {"text": "Oi"},
    "messageTimestamp": 1770147378000,
    "quoted": "",
    "reaction": "",
    "edited": "",
    "vote": "",
    "buttonOrListid": "",
    "track_id": "",
    "wasSentByApi": False,
    "status": "",
}


def parsed(document: dict[str, Any]) -> list[CallbackEvent]:
    body = msgspec.json.encode({"instanceName": "eKoB39", "token": "t", **document})
    return list(ADAPTER.parse(body, arrived=ARRIVED))


def heard(**changes: Any) -> list[CallbackEvent]:
    return parsed({"EventType": "messages", "message": {**MESSAGE, **changes}})


def answered(document: object, status: int, **headers: str) -> Outcome:
    answer = HttpAnswer(status, headers, msgspec.json.encode(document))
    return calls.outcome(answer, payloads.taken, errors.of_answer)


@pytest.mark.parametrize(
    ("status", "body", "outcome", "error_class"),
    [
        (400, {"error": "Missing number or text"}, Refused, ErrorClass.REQUEST),
        (400, {"error": "Something else"}, Refused, ErrorClass.REQUEST),
        (401, {"error": "Invalid token"}, Refused, ErrorClass.AUTH),
        (401, {"error": "missing token"}, Refused, ErrorClass.AUTH),
        (401, {"error": "No active session"}, Refused, ErrorClass.REGISTRATION),
        (404, {"error": "Not found"}, Refused, ErrorClass.ACCOUNT),
        (413, {"error": "File too large"}, Refused, ErrorClass.MEDIA),
        (415, {"error": "Unsupported media format"}, Refused, ErrorClass.MEDIA),
        (429, {"error": "Rate limit exceeded"}, Refused, ErrorClass.THROTTLE_CHANNEL),
        (500, {"error": "Failed to send message"}, Unsure, ErrorClass.TRANSIENT_UNSURE),
        (500, {"error": "Something else"}, Unsure, ErrorClass.TRANSIENT_UNSURE),
        (500, {"error": {"odd": [1]}}, Unsure, ErrorClass.TRANSIENT_UNSURE),
        (503, {}, Unsure, ErrorClass.TRANSIENT_UNSURE),
        (408, {"error": "timeout"}, Unsure, ErrorClass.TRANSIENT_UNSURE),
        (200, {"error": "Failed to send message"}, Unsure, ErrorClass.TRANSIENT_UNSURE),
        (
            500,
            {"error": "WhatsApp client is not connected"},
            Refused,
            ErrorClass.TRANSIENT_CHANNEL,
        ),
        (
            500,
            {"error": f"the number {ANA}@s.whatsapp.net is not on WhatsApp"},
            Refused,
            ErrorClass.CONTACT_DEAD,
        ),
        (
            500,
            {"error": "Failed", "error_source": "whatsapp_server", "provider_code": 463},
            Refused,
            ErrorClass.ACCOUNT_QUALITY,
        ),
    ],
)
def test_a_refusal_is_classed_by_its_words(
    status: int, body: object, outcome: type[object], error_class: ErrorClass
) -> None:
    found = answered(body, status)
    assert isinstance(found, Refused | Unsure)
    assert (type(found), found.fault.error_class) == (outcome, error_class)


def test_a_throttle_says_how_long_even_on_a_page_of_a_server_on_the_way() -> None:
    found = answered({"error": "Rate limit exceeded"}, 429, **{"retry-after": "7"})
    assert isinstance(found, Refused)
    assert found.fault.retry_after == 7.0
    page = HttpAnswer(429, {"retry-after": "9"}, b"<html>")
    found = calls.outcome(page, payloads.taken, errors.of_answer)
    assert isinstance(found, Refused)
    assert (found.fault.error_class, found.fault.retry_after) == (ErrorClass.THROTTLE_CHANNEL, 9.0)


@pytest.mark.parametrize(
    ("status", "outcome", "error_class"),
    [
        (301, Refused, ErrorClass.ACCOUNT),
        (308, Refused, ErrorClass.ACCOUNT),
        (401, Refused, ErrorClass.AUTH),
        (404, Refused, ErrorClass.ACCOUNT),
        (405, Refused, ErrorClass.REQUEST),
        (408, Unsure, ErrorClass.TRANSIENT_UNSURE),
        (200, Unsure, ErrorClass.NETWORK_UNSURE),
        (502, Unsure, ErrorClass.NETWORK_UNSURE),
        (504, Unsure, ErrorClass.NETWORK_UNSURE),
    ],
)
def test_a_page_of_a_server_on_the_way_says_whether_the_request_came_further(
    status: int, outcome: type[object], error_class: ErrorClass
) -> None:
    page = HttpAnswer(status, {"location": "https://x.uazapi.com"}, b"<html>")
    found = calls.outcome(page, payloads.taken, errors.of_answer)
    assert isinstance(found, Refused | Unsure)
    assert (type(found), found.fault.error_class) == (outcome, error_class)
    assert found.fault.detail


def test_an_accepted_message_is_known_by_its_bare_id() -> None:
    taken = {**MESSAGE, "fromMe": True, "response": {"status": "success"}}
    assert answered(taken, 200) == Accepted("AC98", ANA, HIDDEN)
    del taken["messageid"]
    assert answered(taken, 200) == Accepted("AC98", ANA, HIDDEN)


@pytest.mark.parametrize(
    "content", [Text("Oi {{name}} {{{lead_email}}}"), Media("image", "https://a.example/b", None)]
)
def test_what_uazapi_would_fill_in_does_not_reach_it(content: Text | Media) -> None:
    if isinstance(content, Media):
        content = Media("image", content.link, caption="{{{{name}}}}")
    _, body = payloads.send(Message("5531999990001", "7.1.1", content))
    told = msgspec.json.decode(body)
    assert "{{" not in told["text"]
    assert told["track_id"] == "7.1.1"


def test_a_voice_note_and_a_document_are_named_as_uazapi_does() -> None:
    call, body = payloads.send(Message(HIDDEN, "1.1.1", Media("voice", "https://a.example/b.ogg")))
    assert call == "send/media"
    assert msgspec.json.decode(body) == {
        "number": HIDDEN,
        "track_id": "1.1.1",
        "type": "ptt",
        "file": "https://a.example/b.ogg",
    }
    document = Media("document", "https://a.example/b.pdf", filename="boleto.pdf", caption="Segue")
    _, body = payloads.send(Message("5531", "1.1.1", document, reply_to="AC98"))
    told = msgspec.json.decode(body)
    assert (told["docName"], told["text"], told["replyid"]) == ("boleto.pdf", "Segue", "AC98")


def test_a_message_comes_from_the_number_and_not_from_the_other_id() -> None:
    (event,) = heard()
    assert isinstance(event, InboundEvent)
    assert (event.sender, event.user_id, event.name) == (ANA, HIDDEN, "Ana")
    assert (event.message_id, event.kind, event.text) == ("AC98", "text", "Oi")
    assert (event.at, event.external_id) == (SPOKEN_AT, "eKoB39")


def test_a_plain_text_may_be_all_the_content_there_is() -> None:
    (event,) = heard(messageType="Conversation", text="", content="Sair")
    assert isinstance(event, InboundEvent)
    assert (event.kind, event.text) == ("text", "Sair")


@pytest.mark.parametrize("true", [True, "True", "true"])
def test_truth_may_be_a_word(true: object) -> None:
    assert [type(event) for event in heard(isGroup=true)] == [OtherEvent]
    assert [type(event) for event in heard(fromMe=true)] == [EchoEvent]
    assert [type(e) for e in heard(fromMe=true, wasSentByApi=true)] == [StatusEvent, EchoEvent]
    for false in (False, "False", "", None):
        assert [type(event) for event in heard(isGroup=false, fromMe=false)] == [InboundEvent]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        *(("", "sent"), ("Pending", "sent"), ("Sent", "sent"), ("Delivered", "delivered")),
        *(("Read", "read"), ("Played", "played"), ("Error", "failed"), ("Odd", "odd")),
    ],
)
def test_our_own_message_comes_back_with_its_reference(told: str, status: str) -> None:
    state, echo = heard(fromMe=True, wasSentByApi=True, track_id="7.1.1", status=told)
    assert isinstance(state, StatusEvent)
    assert isinstance(echo, EchoEvent)
    assert (state.status, state.reference, state.provider_id) == (status, "7.1.1", "AC98")
    assert (state.fault is not None) == (status == "failed")
    assert (echo.by, echo.reference, echo.recipient) == ("api", "7.1.1", ANA)


def test_what_is_typed_on_the_phone_carries_no_reference_of_ours() -> None:
    (echo,) = heard(fromMe=True, track_id="7.1.1")
    assert isinstance(echo, EchoEvent)
    assert (echo.by, echo.reference) == ("phone", None)


def test_a_reaction_and_an_edit_name_the_message_they_are_about() -> None:
    (event,) = heard(messageType="ReactionMessage", text="👍", reaction=f"{OWNER}:3EB0")
    assert isinstance(event, ReactionEvent)
    assert (event.of, event.emoji) == ("3EB0", "👍")
    (event,) = heard(edited=f"{OWNER}:AC97", text="Oi!")
    assert isinstance(event, EditEvent)
    assert (event.of, event.text) == ("AC97", "Oi!")
    for kind in ("ExtendedTextMessage", "ProtocolMessage"):
        (ours,) = heard(edited=f"{OWNER}:AC97", text="Oi!", fromMe=True, messageType=kind)
        assert isinstance(ours, EditEvent)
        assert (ours.of, ours.text, ours.ours, ours.sender) == ("AC97", "Oi!", True, ANA)


def test_a_person_with_no_number_is_known_by_the_other_id_and_one_with_neither_not_at_all() -> None:
    (event,) = heard(sender_pn="", chatid=HIDDEN)
    assert isinstance(event, InboundEvent)
    assert (event.sender, event.user_id) == ("", HIDDEN)
    nobody = dict.fromkeys(("sender", "sender_pn", "sender_lid", "chatid", "chatlid"), "")
    assert [type(event) for event in heard(**nobody)] == [OtherEvent]


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        ({"IsFromMe": "True"}, [OtherEvent]),
        ({"IsGroup": "True"}, [OtherEvent]),
        ({"MessageIDs": []}, [OtherEvent]),
        ({"MessageIDs": "A"}, [StatusEvent]),
        ({"MessageIDs": ["A", 7, None, "", "B"]}, [StatusEvent] * 3),
    ],
)
def test_a_receipt_is_of_each_message_it_names_and_of_none_but_ours(
    told: dict[str, object], kinds: list[type[CallbackEvent]]
) -> None:
    event = {"MessageIDs": ["A"], "Chat": f"{ANA}@s.whatsapp.net", "Timestamp": "x", **told}
    found = parsed({"EventType": "messages_update", "state": "Read", "event": event})
    assert [type(event) for event in found] == kinds
    assert all(event.at == ARRIVED for event in found)


@pytest.mark.parametrize(
    ("kind", "instance", "status", "returns"),
    [
        ("LoggedOut", {"status": "disconnected"}, "disconnected", False),
        ("LoggedOut", {}, "disconnected", False),
        ("", {"status": "connected", "owner": OWNER}, "connected", False),
        ("", {"status": "connecting"}, "connecting", True),
        ("", {"status": "disconnected"}, "disconnected", False),
        (
            "Disconnected",
            {"status": "disconnected", "lastDisconnectReason": "428: connection lost"},
            *("disconnected", True),
        ),
        (
            "Disconnected",
            {"status": "disconnected", "lastDisconnectReason": "403: forbidden"},
            *("disconnected", False),
        ),
    ],
)
def test_a_connection_says_whether_it_returns_by_itself(
    kind: str, instance: dict[str, str], status: str, returns: bool
) -> None:
    (event,) = parsed({"EventType": "connection", "type": kind, "instance": instance})
    assert isinstance(event, ConnectionEvent)
    assert (event.status, event.returns) == (status, returns)
    assert event.number == (OWNER if status == "connected" else "")


def test_the_token_is_not_kept_with_a_callback() -> None:
    body = msgspec.json.encode({"EventType": "messages", "token": "segredo", "message": MESSAGE})
    kept = ADAPTER.without_secrets(body)
    assert b"segredo" not in kept
    assert ADAPTER.parse(kept, arrived=ARRIVED) == ADAPTER.parse(body, arrived=ARRIVED)


def test_an_instance_is_told_from_others_without_its_token_lying_open() -> None:
    one, other = (
        ADAPTER.external_id(ADAPTER.configure({"base_url": "https://x.uazapi.com/", "token": t}))
        for t in ("segredo-um", "segredo-dois")
    )
    assert one != other
    assert "segredo" not in one


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"token": ""}, "token"),
        ({"token": "com espaço"}, "token"),
        ({"base_url": "x.uazapi.com"}, "base_url"),
        ({"base_url": "https://user:pass@x.uazapi.com"}, "base_url"),
        ({"base_url": "https://x.uazapi.com?a=b"}, "base_url"),
        ({"base_url": "https://x.uazapi.com/../b"}, "base_url"),
        ({"base_url": "https://x.uazapi.com:99999"}, "base_url"),
        ({"instance": "loja"}, "instance"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidConfig) as found:
        ADAPTER.configure({"base_url": "https://x.uazapi.com", "token": "t", **changes})
    assert list(found.value.fields) == [f"config.{field}"]


def test_a_number_that_could_not_be_looked_up_is_not_taken_for_dead() -> None:
    row = {"query": ANA, "isInWhatsapp": False, "jid": "", "lid": ""}
    for said in ("", f"the number {ANA}@s.whatsapp.net is not on WhatsApp"):
        [answer] = payloads.checks([row | {"error": said}], [ANA])
        assert not answer.exists
    with pytest.raises(CallFailed):
        payloads.checks([row | {"error": "usync query: timed out"}], [ANA])
