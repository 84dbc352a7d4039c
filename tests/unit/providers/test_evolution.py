"""What Evolution answers and calls back with, in the forms of its versions."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from recado.domain.retry import ErrorClass
from recado.providers import calls
from recado.providers.base import CallFailed, HttpAnswer, Message, Outcome, Refused, Unsure
from recado.providers.config import InvalidConfig
from recado.providers.content import Media, Text
from recado.providers.events import (
    CallbackEvent,
    ConnectionEvent,
    EchoEvent,
    EditEvent,
    InboundEvent,
    OtherEvent,
    QrEvent,
    ReactionEvent,
    RevokeEvent,
    StatusEvent,
)
from recado.providers.evolution import errors, payloads
from recado.providers.evolution.adapter import EvolutionAdapter

ADAPTER = EvolutionAdapter()
ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)
ANA, HIDDEN = "553199998888", "100000000000002@lid"
JID = f"{ANA}@s.whatsapp.net"
KEY = {"remoteJid": JID, "fromMe": False, "id": "3A01"}
FULL = {"base_url": "http://evolution:8080", "instance": "loja1", "api_key": "chave"}


def parsed(event: str, data: object, **more: Any) -> list[CallbackEvent]:
    document = {"event": event, "instance": "loja1", "data": data, **more}
    return list(ADAPTER.parse(msgspec.json.encode(document), arrived=ARRIVED))


def heard(message: object, kind: str = "", **key: Any) -> CallbackEvent:
    data = {"key": {**KEY, **key}, "message": message, "messageType": kind, "pushName": "Ana"}
    (event,) = parsed("messages.upsert", data)
    return event


def moved(**data: Any) -> CallbackEvent:
    ours = {"keyId": "3EB0", "remoteJid": JID, "fromMe": True, **data}
    (event,) = parsed("messages.update", ours)
    return event


def answered(message: object, status: int) -> Outcome:
    body = {"status": status, "error": "x", "response": {"message": message}}
    answer = HttpAnswer(status, {}, msgspec.json.encode(body))
    return calls.outcome(answer, payloads.taken, errors.of_answer)


@pytest.mark.parametrize(
    ("status", "message", "outcome", "error_class"),
    [
        (400, ["TypeError: Cannot read properties of undefined (reading 'id')"], Unsure, "unsure"),
        (500, "Cannot read properties of undefined (reading 'onWhatsApp')", Refused, "channel"),
        (500, ["Error: Something"], Unsure, "unsure"),
        (500, None, Unsure, "unsure"),
        (503, "Service Unavailable", Unsure, "unsure"),
        (408, "Timeout", Unsure, "unsure"),
        (403, "Forbidden", Refused, "auth"),
        (404, ['The "x" instance does not exist'], Refused, "account"),
        (429, ["Too Many Requests"], Refused, "throttle"),
        (400, [[["deep"], ["er"]]], Refused, "request"),
        (413, "request entity too large", Refused, "request"),
        (400, [[{"exists": False, "number": "5511"}]], Refused, "dead"),
        (400, [{"exists": True, "number": "5511"}], Refused, "request"),
    ],
)
def test_a_refusal_is_classed_by_its_words_however_they_are_nested(
    status: int, message: object, outcome: type[object], error_class: str
) -> None:
    classes = {
        "unsure": ErrorClass.TRANSIENT_UNSURE,
        "channel": ErrorClass.TRANSIENT_CHANNEL,
        "auth": ErrorClass.AUTH,
        "account": ErrorClass.ACCOUNT,
        "throttle": ErrorClass.THROTTLE_CHANNEL,
        "request": ErrorClass.REQUEST,
        "dead": ErrorClass.CONTACT_DEAD,
    }
    found = answered(message, status)
    assert isinstance(found, Refused | Unsure)
    assert (type(found), found.fault.error_class) == (outcome, classes[error_class])


def test_a_failure_under_status_200_is_no_acceptance() -> None:
    body = msgspec.json.encode({"error": True, "message": "Error: Connection Closed"})
    found = calls.outcome(HttpAnswer(200, {}, body), payloads.taken, errors.of_answer)
    assert isinstance(found, Unsure)
    assert found.fault.code == "connection_closed"


def test_a_voice_note_has_a_call_of_its_own_and_a_document_its_name() -> None:
    voice = Message(HIDDEN, "1.1.1", Media("voice", "https://a.example/b.ogg"))
    call, body = payloads.send(voice)
    assert call == "sendWhatsAppAudio"
    assert msgspec.json.decode(body) == {"number": HIDDEN, "audio": "https://a.example/b.ogg"}
    document = Media("document", "https://a.example/b.pdf", caption="Segue", filename="c.pdf")
    call, body = payloads.send(Message("5531", "1.1.1", document, reply_to="3A01"))
    told = msgspec.json.decode(body)
    assert (call, told["mediatype"], told["fileName"]) == ("sendMedia", "document", "c.pdf")
    assert (told["caption"], told["quoted"]) == ("Segue", {"key": {"id": "3A01"}})


async def test_what_nobody_could_be_sent_does_not_leave() -> None:
    for content in (
        Text("  "),
        Text("x" * 4097),
        Media("voice", "https://a.example/b", caption="a"),
        Media("image", "https://a.example/b", filename="a"),
        Media("image", "https://a.example/b", caption="x" * 1025),
    ):
        assert calls.complaint(content, ADAPTER.capabilities)


def test_a_number_of_which_the_answer_says_nothing_is_neither_dead_nor_alive() -> None:
    answers: list[object] = [[], {}, [{"number": "5531", "exists": "perhaps"}], None]
    for answer in answers:
        with pytest.raises(CallFailed):
            payloads.checks(answer, ["5531"])


@pytest.mark.parametrize(
    ("key", "sender", "user_id"),
    [
        ({}, ANA, None),
        ({"remoteJid": HIDDEN, "remoteJidAlt": JID}, ANA, HIDDEN),  # 2.3.6
        ({"remoteJid": JID, "remoteJidAlt": JID}, ANA, None),  # 2.3.7
        ({"remoteJid": JID, "remoteJidAlt": HIDDEN}, ANA, HIDDEN),
        ({"remoteJid": HIDDEN}, "", HIDDEN),
        ({"remoteJid": f"{ANA}:12@s.whatsapp.net"}, ANA, None),
    ],
)
def test_people_are_known_by_number_or_by_the_other_id(
    key: dict[str, str], sender: str, user_id: str | None
) -> None:
    event = heard({"conversation": "PARAR"}, **key)
    assert isinstance(event, InboundEvent)
    assert (event.sender, event.user_id, event.text) == (sender, user_id, "PARAR")


@pytest.mark.parametrize("jid", ["1203@g.us", "status@broadcast", "1@newsletter", "", None, 7])
def test_what_no_one_person_wrote_is_none_of_ours(jid: object) -> None:
    assert isinstance(heard({"conversation": "Oi"}, remoteJid=jid), OtherEvent)


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        ({"extendedTextMessage": {"text": "Oi"}}, "text", "Oi"),
        ({"messageContextInfo": {}, "conversation": "Oi"}, "text", "Oi"),
        ({"ephemeralMessage": {"message": {"conversation": "Oi"}}}, "text", "Oi"),
        ({"viewOnceMessageV2": {"message": {"imageMessage": {"caption": "a"}}}}, "image", "a"),
        (
            {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "b"}}}},
            *("document", "b"),
        ),
        ({"documentMessage": {"title": "x.pdf", "fileName": "x.pdf"}}, "document", ""),
        ({"contactMessage": {"displayName": "Bia"}}, "contacts", "Bia"),
        ({"pollCreationMessageV3": {"name": "Quando?"}}, "pollCreationMessageV3", "Quando?"),
        ({"buttonsResponseMessage": {"selectedButtonId": "sair"}}, "button", "sair"),
    ],
)
def test_every_kind_of_message_has_its_words(message: object, kind: str, text: str) -> None:
    event = heard(message)
    assert isinstance(event, InboundEvent)
    assert (event.kind, event.text) == (kind, text)


def test_a_place_is_where_it_says() -> None:
    event = heard({"locationMessage": {"degreesLatitude": -23.5, "degreesLongitude": "-46.6"}})
    assert isinstance(event, InboundEvent)
    assert (event.kind, event.place) == ("location", (-23.5, -46.6))


@pytest.mark.parametrize(
    ("told", "status"),
    [
        *(("ERROR", "failed"), ("SERVER_ACK", "sent"), ("DELIVERY_ACK", "delivered")),
        *(("READ", "read"), ("PLAYED", "played"), (3, "delivered"), ("4", "read")),
        # No states of ours: they move nothing.
        *(("PENDING", "pending"), ("DELETED", "deleted"), ("ODD", "odd")),
    ],
)
def test_a_message_moves_by_the_word_for_it(told: object, status: str) -> None:
    event = moved(status=told)
    assert isinstance(event, StatusEvent)
    assert (event.status, event.provider_id, event.at) == (status, "3EB0", ARRIVED)
    assert (event.fault is not None) == (status == "failed")


def test_a_state_of_what_was_written_to_us_is_none_of_our_messages() -> None:
    assert isinstance(moved(fromMe=False, status="READ"), OtherEvent)
    assert isinstance(moved(remoteJid="1203@g.us", status="READ"), OtherEvent)


EDITED = {"conversation": "Oi!"}
NOTICE = {"key": {**KEY, "id": "3A00"}, "type": "MESSAGE_EDIT", "editedMessage": EDITED}


@pytest.mark.parametrize(
    ("event", "data", "of"),
    [
        ("messages.edited", NOTICE, "3A00"),
        ("messages.upsert", {"key": KEY, "message": {"protocolMessage": NOTICE}}, "3A00"),
        (
            "messages.upsert",
            {
                "key": KEY,
                "message": {"editedMessage": {"message": {"protocolMessage": NOTICE}}},
            },
            "3A00",
        ),
        (
            "messages.update",
            {**KEY, "keyId": "3A00", "message": {"editedMessage": {"message": EDITED}}},
            "3A00",
        ),
    ],
)
def test_an_edit_is_told_in_several_ways(event: str, data: object, of: str) -> None:
    (found,) = parsed(event, data)
    assert isinstance(found, EditEvent)
    assert (found.of, found.text, found.sender, found.ours) == (of, "Oi!", ANA, False)


def test_a_message_may_be_taken_back_by_them_and_by_us() -> None:
    (theirs,) = parsed("messages.delete", KEY)
    (ours,) = parsed("messages.delete", {**KEY, "fromMe": True, "status": "DELETED"})
    for found, by_us in ((theirs, False), (ours, True)):
        assert isinstance(found, RevokeEvent)
        assert (found.of, found.ours, found.sender) == ("3A01", by_us, ANA)
    notice = {"protocolMessage": {"key": {"id": "3A00"}, "type": "REVOKE"}}
    assert isinstance(heard(notice), RevokeEvent)


def test_a_reaction_is_to_a_message_and_ours_is_nobody_s() -> None:
    reaction = {"reactionMessage": {"key": {"id": "3EB0"}, "text": "👍"}}
    event = heard(reaction)
    assert isinstance(event, ReactionEvent)
    assert (event.of, event.emoji) == ("3EB0", "👍")
    assert isinstance(heard(reaction, fromMe=True), OtherEvent)


def test_what_leaves_our_number_is_told_by_whom_it_was_written() -> None:
    data = {"key": {**KEY, "fromMe": True}, "message": {"conversation": "Oi"}}
    for event, by in (
        ("messages.upsert", "phone"),
        ("send.message", "api"),
        ("SEND_MESSAGE", "api"),
    ):
        (found,) = parsed(event, data)
        assert isinstance(found, EchoEvent)
        assert (found.by, found.recipient, found.text) == (by, ANA, "Oi")


@pytest.mark.parametrize(
    ("data", "status", "returns"),
    [
        ({"state": "open", "statusReason": 200}, "connected", False),
        ({"state": "connecting", "statusReason": 428}, "connecting", True),
        ({"state": "close", "statusReason": 428}, "disconnected", True),
        ({"state": "close", "statusReason": 401}, "disconnected", False),
        ({"state": "close", "statusReason": "403"}, "disconnected", False),
        ({"state": "close"}, "disconnected", False),
        ({"state": "refused", "statusReason": 428}, "disconnected", False),
        ({"status": "closed", "disconnectionReasonCode": 428}, "disconnected", False),
    ],
)
def test_a_connection_says_whether_it_returns_by_itself(
    data: dict[str, object], status: str, returns: bool
) -> None:
    (event,) = parsed("connection.update", data, sender="5511900000001@s.whatsapp.net")
    assert isinstance(event, ConnectionEvent)
    assert (event.status, event.returns) == (status, returns)
    assert event.number == ("5511900000001" if status == "connected" else "")


def test_a_picture_is_one_or_none() -> None:
    for odd in ("https://a.example/b.png", "data:text/html,x", 7, "data:image/" + "x" * 200_000):
        (event,) = parsed("qrcode.updated", {"qrcode": {"base64": odd, "code": "2@A"}})
        assert isinstance(event, QrEvent)
        assert (event.image, event.code) == ("", "2@A")


def test_a_secret_is_made_up_once_and_stays() -> None:
    made = ADAPTER.configure(FULL)
    assert len(made["webhook_secret"]) > 20
    assert ADAPTER.configure(FULL)["webhook_secret"] != made["webhook_secret"]
    renewed = ADAPTER.reconfigure(made, {"api_key": "outra"})
    assert renewed == {**made, "api_key": "outra"}
    assert not ADAPTER.verify({**made, "webhook_secret": ""}, {"x-hook-secret": ""}, b"{}")
    assert ADAPTER.public_config.isdisjoint({"api_key", "webhook_secret"})


def test_instances_of_the_same_name_on_two_servers_are_two() -> None:
    addresses = ("http://a:8080", "http://b:8080", "http://a:8080/api")
    ids = {ADAPTER.external_id(ADAPTER.configure({**FULL, "base_url": a})) for a in addresses}
    assert len(ids) == len(addresses)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(({"instance": name}, "instance") for name in ("", "a/b", "..", "a?b", "a%2Fb", "a\nb")),
        ({"api_key": "duas\nlinhas"}, "api_key"),
        ({"webhook_secret": ""}, "webhook_secret"),
        ({"base_url": "evolution:8080"}, "base_url"),
        ({"base_url": "http://u:p@evolution"}, "base_url"),
        ({"base_url": "http://evolution/#a"}, "base_url"),
        ({"token": "x"}, "token"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidConfig) as found:
        ADAPTER.configure({**FULL, **changes})
    assert list(found.value.fields) == [f"config.{field}"]
