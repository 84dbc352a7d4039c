"""The simulated uazapi over HTTP: its calls, its refusals, its callbacks and their quirks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recado.simulator.testing import Receiver, Reply, Simulator

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
TOKEN = "t0ken"
TO = "5531999998888"
JID = "553199998888@s.whatsapp.net"
OWNER = "5511900000001"
SETTINGS = {
    "sent_ms": 0,
    "delivered_ms": 30,
    "read_ms": 60,
    "jitter": 0,
    "batch_ms": 10,
    "read_share": 1.0,
    "retry_first_ms": 5,
    "retry_max_ms": 10,
    "retry_attempts": 3,
    "connect_ms": 20,
    "lid_only_share": 0.0,
    "missing_suffix": "9999",
    "strict": False,
    "uazapi_admin_token": "",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(seed=7) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.control("reset", {"channels": True})
    running.control("settings", SETTINGS)
    return running


@pytest.fixture
def receiver(simulator: Simulator) -> Iterator[Receiver]:
    with Receiver() as listening:
        register(simulator, callback_url=listening.url)
        yield listening
        simulator.control("reset", {"channels": True})


def register(simulator: Simulator, **more: object) -> None:
    channel = {"provider": "uazapi", "token": TOKEN, "name": "loja1", "number": OWNER}
    simulator.control("channels", {**channel, **more})


def text(simulator: Simulator, to: str = TO, words: str = "Promo", **more: object) -> Reply:
    return simulator.uazapi("send/text", {"number": to, "text": words, **more}, token=TOKEN)


def inbound(simulator: Simulator, **said: object) -> dict[str, Any]:
    fields = {"channel": "loja1", "from": TO, **said}
    answer: dict[str, Any] = simulator.control("inbound", fields)
    return answer


def messages(receiver: Receiver) -> list[dict[str, Any]]:
    return [body["message"] for body in receiver.events("messages")]


def test_a_text_is_accepted_with_the_message_in_milliseconds_and_the_track_id(
    simulator: Simulator,
) -> None:
    register(simulator)
    reply = text(simulator, track_id="1.2.3", track_source="recado")
    assert reply.status == 200
    body = reply.json()
    assert body["id"] == f"{OWNER}:{body['messageid']}"
    assert (body["chatid"], body["fromMe"], body["wasSentByApi"]) == (JID, True, True)
    assert (body["track_id"], body["track_source"]) == ("1.2.3", "recado")
    assert body["messageTimestamp"] > 10**12
    assert body["response"]["status"] == "success"
    (row,) = simulator.control("log?channel=loja1")
    assert row["provider"] == "uazapi"
    assert (row["to"], row["text"]) == (TO, "Promo")
    assert (row["reference"], row["id"]) == ("1.2.3", body["messageid"])


def test_a_token_nobody_registered_is_an_instance_of_that_name(simulator: Simulator) -> None:
    assert text(simulator).status == 200
    assert simulator.control("stats")["channels"][TOKEN]["accepted"] == 1
    assert inbound(simulator, channel=TOKEN, text="Oi")["called_back"] is False


@pytest.mark.parametrize(
    ("headers", "error"),
    [({}, "missing token"), ({"token": "invalid"}, "Invalid token")],
)
def test_a_missing_or_wrong_token_is_refused(
    simulator: Simulator, headers: dict[str, str], error: str
) -> None:
    body = {"number": TO, "text": "Oi"}
    reply = simulator.call("POST", "/uazapi/send/text", body, headers=headers)
    assert (reply.status, reply.json()) == (401, {"error": error})


def test_unknown_tokens_are_refused_where_only_registered_ones_exist(
    simulator: Simulator,
) -> None:
    simulator.control("settings", {"strict": True})
    assert text(simulator).status == 401
    register(simulator)
    assert text(simulator).status == 200


@pytest.mark.parametrize(
    ("call", "body", "status"),
    [
        ("send/text", {"number": TO}, 400),
        ("send/text", {"text": "Oi"}, 400),
        ("send/text", b"[", 400),
        ("send/text", b"[]", 400),
        ("send/media", {"number": TO, "type": "image"}, 400),
        ("send/media", {"number": TO, "type": "cake", "file": "x"}, 415),
        ("send/menu", {"number": TO, "type": "button", "text": "?"}, 400),
        ("send/cake", {"number": TO}, 404),
    ],
)
def test_what_does_not_fit_is_refused(
    simulator: Simulator, call: str, body: object, status: int
) -> None:
    reply = simulator.uazapi(call, body, token=TOKEN)
    assert reply.status == status
    assert set(reply.json()) == {"error"}


@pytest.mark.parametrize(
    ("call", "body", "expected"),
    [
        (
            "send/media",
            {"type": "image", "file": "x", "text": "a"},
            ("image", "ImageMessage", "image"),
        ),
        ("send/media", {"type": "ptt", "file": "x"}, ("voice", "AudioMessage", "ptt")),
        (
            "send/media",
            {"type": "document", "file": "x", "docName": "a.pdf"},
            ("document", "DocumentMessage", "document"),
        ),
        (
            "send/menu",
            {"type": "button", "text": "?", "choices": ["Sim|y", "Não|n"]},
            ("button", "ButtonsMessage", ""),
        ),
        (
            "send/menu",
            {"type": "list", "text": "?", "choices": ["[A]", "Um|1"], "listButton": "Ver"},
            ("list", "ListMessage", ""),
        ),
        (
            "send/location",
            {"latitude": 1, "longitude": 2},
            ("location", "LocationMessage", "location"),
        ),
        (
            "send/contact",
            {"fullName": "Ana", "phoneNumber": "5511900000002"},
            ("contact", "ContactMessage", "vcard"),
        ),
        ("message/react", {"text": "👍", "id": "3EB0"}, ("reaction", "ReactionMessage", "")),
    ],
)
def test_other_kinds_are_accepted(
    simulator: Simulator, call: str, body: dict[str, object], expected: tuple[str, str, str]
) -> None:
    answer = simulator.uazapi(call, {"number": TO, **body}, token=TOKEN).json()
    kind = simulator.control("log")[0]["kind"]
    assert (kind, answer["messageType"], answer["mediaType"]) == expected
    assert ("fileUrl" in answer["response"]) is (call == "send/media")
    assert answer["type"] == (
        "reaction" if kind == "reaction" else "media" if expected[2] else "text"
    )


def test_placeholders_of_its_own_are_filled_in(simulator: Simulator) -> None:
    text(simulator, words="Oi {{first_name}}, {{lead_name}}{{other}}")
    said = simulator.control("log")[0]["text"]
    assert "{{first_name}}" not in said
    assert said.endswith(", {{other}}")


def test_numbers_are_checked(simulator: Simulator) -> None:
    numbers = [TO, "5511900009999"]
    reply = simulator.uazapi("chat/check", {"numbers": numbers}, token=TOKEN)
    there, missing = reply.json()
    assert (there["query"], there["jid"], there["isInWhatsapp"]) == (TO, JID, True)
    assert there["lid"].endswith("@lid")
    assert missing == {
        "query": "5511900009999",
        "jid": "",
        "isInWhatsapp": False,
        "verifiedName": "",
        "error": "the number 5511900009999@s.whatsapp.net is not on WhatsApp",
    }
    refused = text(simulator, "5511900009999")
    assert (refused.status, refused.json()) == (500, {"error": missing["error"]})
    assert simulator.control("stats")["rejected"] == {"not_on_whatsapp": 1}


def test_an_instance_is_made_connected_and_deleted(simulator: Simulator) -> None:
    simulator.control("settings", {"connect_ms": 0, "uazapi_admin_token": "boss"})
    assert simulator.uazapi("instance/init", {"name": "nova"}, admin="other").status == 401
    made = simulator.uazapi("instance/init", {"name": "nova"}, admin="boss").json()
    assert (made["connected"], made["instance"]["status"]) == (False, "disconnected")
    token = made["token"]
    body = {"number": TO, "text": "Oi"}
    closed = simulator.uazapi("send/text", body, token=token)
    assert (closed.status, closed.json()) == (401, {"error": "No active session"})
    offered = simulator.uazapi("instance/connect", {}, token=token).json()
    assert offered["instance"]["qrcode"].startswith("data:image/png;base64,")
    assert offered["instance"]["paircode"] == ""
    typed = simulator.uazapi("instance/connect", {"phone": OWNER}, token=token).json()
    assert len(typed["instance"]["paircode"]) == 8
    simulator.control("connection", {"channel": "nova", "state": "open"})
    status = simulator.uazapi("instance/status", token=token).json()
    assert status["instance"]["status"] == "connected"
    assert (status["status"]["connected"], status["status"]["loggedIn"]) == (True, True)
    assert simulator.uazapi("send/text", body, token=token).status == 200
    assert [i["name"] for i in simulator.uazapi("instance/all", admin="boss").json()] == ["nova"]
    assert simulator.uazapi("instance", method="DELETE", token=token).status == 200
    assert simulator.uazapi("instance/status", token=token).status == 401


def test_disconnecting_is_told_as_a_logout(simulator: Simulator, receiver: Receiver) -> None:
    reply = simulator.uazapi("instance/disconnect", {}, token=TOKEN)
    assert reply.json()["instance"]["status"] == "disconnected"
    receiver.wait(lambda: receiver.events("connection"))
    (event,) = receiver.events("connection")
    assert (event["type"], event["token"], event["owner"]) == ("LoggedOut", TOKEN, OWNER)
    assert event["instance"]["lastDisconnectReason"] == "401: logged out from another device"
    assert event["instance"]["lastDisconnect"].endswith("Z")
    assert text(simulator).json() == {"error": "No active session"}


def test_a_connection_lost_for_a_passing_reason_comes_back_by_itself(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("connection", {"channel": "loja1", "state": "close", "reason": 408})
    assert text(simulator).json() == {"error": "WhatsApp client is not connected"}
    receiver.wait(lambda: len(receiver.events("connection")) == 2)
    states = [event["instance"]["status"] for event in receiver.events("connection")]
    assert states == ["connecting", "connected"]
    assert text(simulator).status == 200


def test_a_message_is_told_of_with_its_track_id_then_delivered_and_read(
    simulator: Simulator, receiver: Receiver
) -> None:
    answer = text(simulator, track_id="1.2.3").json()
    receiver.wait(lambda: len(receiver.events("messages_update")) == 2)
    (echo,) = messages(receiver)
    assert (echo["messageid"], echo["track_id"]) == (answer["messageid"], "1.2.3")
    assert (echo["fromMe"], echo["wasSentByApi"]) == (True, True)
    assert echo["sender"].endswith("@lid")
    updates = receiver.events("messages_update")
    assert [u["state"] for u in updates] == ["Delivered", "Read"]
    for update in updates:
        assert (update["type"], update["token"]) == ("ReadReceipt", TOKEN)
        event = update["event"]
        assert event["MessageIDs"] == [answer["messageid"]]
        assert (event["Chat"], event["sender_pn"]) == (JID, JID)
        assert event["Sender"].endswith("@lid")
        assert int(event["Timestamp"]) < 10**10


def test_receipts_of_one_chat_share_an_event(simulator: Simulator, receiver: Receiver) -> None:
    simulator.control("settings", {"batch_ms": 200, "delivered_ms": 0, "read_share": 0})
    ids = {text(simulator, words=words).json()["messageid"] for words in ("a", "b")}
    text(simulator, "5511999990001")
    receiver.wait(lambda: len(receiver.events("messages_update")) == 2)
    batches = [update["event"]["MessageIDs"] for update in receiver.events("messages_update")]
    assert ids in [set(batch) for batch in batches]


def test_receipts_write_booleans_and_times_as_text_and_as_they_are(
    simulator: Simulator, receiver: Receiver
) -> None:
    for number in range(16):
        text(simulator, f"55119999900{number:02d}")
    receiver.wait(lambda: len(receiver.events("messages_update")) == 32)
    events = [update["event"] for update in receiver.events("messages_update")]
    assert {type(event["Timestamp"]) for event in events} == {int, str}
    assert "False" in [event["IsFromMe"] for event in events]
    assert False in [event["IsFromMe"] for event in events]


def test_a_voice_message_is_played(simulator: Simulator, receiver: Receiver) -> None:
    simulator.uazapi("send/media", {"number": TO, "type": "ptt", "file": "x"}, token=TOKEN)
    receiver.wait(lambda: len(receiver.events("messages_update")) == 2)
    assert receiver.events("messages_update")[1]["event"]["Type"] == "Played"


def test_messages_sent_by_the_api_can_be_left_out_but_receipts_come(
    simulator: Simulator,
) -> None:
    with Receiver() as receiver:
        register(simulator, callback_url=receiver.url, exclude_messages=["wasSentByApi"])
        text(simulator)
        inbound(simulator, text="Oi")
        simulator.settle()
        assert [message["fromMe"] for message in messages(receiver)] == [False]
        assert len(receiver.events("messages_update")) == 2


def test_events_and_types_stand_behind_the_address_where_asked_for(simulator: Simulator) -> None:
    with Receiver() as receiver:
        more = {"add_url_events": True, "add_url_types_messages": True}
        register(simulator, callback_url=receiver.url, **more)
        text(simulator)
        simulator.settle()
    assert {c.path for c in receiver.callbacks} == {
        "/callback/messages/ExtendedTextMessage",
        "/callback/messages_update",
    }


def test_webhooks_are_set_added_changed_and_removed(simulator: Simulator) -> None:
    def webhook(**said: object) -> Reply:
        return simulator.uazapi("webhook", said, token=TOKEN)

    (first,) = webhook(url="http://127.0.0.1:9/a", events=["messages"]).json()
    assert (first["enabled"], first["events"]) == (True, ["messages"])
    (again,) = webhook(url="http://127.0.0.1:9/b", events=["messages"]).json()
    assert again["id"] == first["id"]
    both = webhook(action="add", url="http://127.0.0.1:9/c", events=["connection"]).json()
    assert len(both) == 2
    changed = webhook(action="update", id=both[1]["id"], enabled=False).json()
    assert [hook["enabled"] for hook in changed] == [True, False]
    left = webhook(action="delete", id=both[1]["id"]).json()
    assert left == simulator.uazapi("webhook", token=TOKEN).json()
    assert webhook(action="delete", id="nope").status == 404
    assert webhook(url="nowhere").status == 400
    assert webhook(url="http://x", events=["nothing"]).status == 400


def test_undelivered_events_are_listed(simulator: Simulator) -> None:
    with Receiver() as receiver:
        receiver.answers = [500] * 3
        register(simulator, callback_url=receiver.url, events=["messages"])
        text(simulator)
        counts = simulator.settle()
    assert counts["failed"] == 1
    errors = simulator.uazapi("webhook/errors", token=TOKEN).json()
    assert [error["status"] for error in errors] == [500, 500, 500]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"text": "Olá"}, {"text": "Olá", "type": "text", "fromMe": False}),
        (
            {"button": {"id": "optout", "text": "Sair"}},
            {
                "buttonOrListid": "optout",
                "vote": "Sair",
                "messageType": "TemplateButtonReplyMessage",
            },
        ),
        (
            {"button": {"id": "a", "text": "A", "list": True}},
            {"buttonOrListid": "a", "messageType": "ListResponseMessage", "type": "media"},
        ),
        (
            {"button": {"id": "a", "text": "A", "plain": True}},
            {"buttonOrListid": "a", "messageType": "ButtonsResponseMessage"},
        ),
        (
            {"media": {"type": "audio", "voice": True}},
            {"messageType": "AudioMessage", "mediaType": "ptt"},
        ),
        (
            {"media": {"type": "image", "caption": "foto"}},
            {"messageType": "ImageMessage", "text": "foto"},
        ),
        (
            {"text": "eu", "from_me": True},
            {"fromMe": True, "wasSentByApi": False, "text": "eu"},
        ),
        (
            {"text": "oi", "group": "120363000000000001@g.us"},
            {"isGroup": True, "chatid": "120363000000000001@g.us", "sender_pn": JID},
        ),
        ({"text": "oi", "quoted": "3EB0", "name": "Zé"}, {"quoted": "3EB0", "senderName": "Zé"}),
        ({"message": {"text": "x", "edited": "3EB1"}}, {"text": "x", "edited": "3EB1"}),
    ],
)
def test_people_write(
    simulator: Simulator,
    receiver: Receiver,
    said: dict[str, object],
    expected: dict[str, object],
) -> None:
    answer = inbound(simulator, **said)
    receiver.wait(lambda: receiver.events("messages"))
    (message,) = messages(receiver)
    assert message["messageid"] == answer["id"]
    assert message["id"] == f"{OWNER}:{answer['id']}"
    assert {key: message[key] for key in expected} == expected
    assert receiver.events("messages")[0]["token"] == TOKEN


def test_an_instance_is_written_to_by_its_name_and_by_its_token(
    simulator: Simulator, receiver: Receiver
) -> None:
    for channel in ("loja1", TOKEN):
        assert inbound(simulator, channel=channel, text="Oi")["called_back"] is True
    receiver.wait(lambda: len(receiver.events("messages")) == 2)
    assert len({message["id"] for message in messages(receiver)}) == 2


def test_a_person_cannot_write_what_uazapi_would_not(simulator: Simulator) -> None:
    register(simulator)
    said = {"channel": "loja1", "from": TO, "message": {"chatid": 5}}
    assert simulator.call("POST", "/_sim/inbound", said).status == 422


def test_a_text_comes_as_an_object_and_as_a_text(simulator: Simulator, receiver: Receiver) -> None:
    for _ in range(8):
        inbound(simulator, text="Oi")
    receiver.wait(lambda: len(receiver.events("messages")) == 8)
    assert {type(message["content"]) for message in messages(receiver)} == {str, dict}


def test_some_people_are_known_by_nothing_but_a_lid(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("settings", {"lid_only_share": 1.0})
    inbound(simulator, text="SAIR")
    receiver.wait(lambda: receiver.events("messages"))
    (message,) = messages(receiver)
    assert message["chatid"].endswith("@lid")
    assert message["sender_pn"] == ""


def test_messages_are_found_by_what_they_were_tracked_by(simulator: Simulator) -> None:
    sent = text(simulator, track_id="1.2.3").json()
    text(simulator, track_id="1.2.4")
    found = simulator.uazapi("message/find", {"track_id": "1.2.3"}, token=TOKEN).json()
    assert [message["id"] for message in found["messages"]] == [sent["id"]]
    by_id = simulator.uazapi("message/find", {"id": sent["id"]}, token=TOKEN).json()
    assert by_id["returnedMessages"] == 1


def test_read_marks_and_downloads(simulator: Simulator, receiver: Receiver) -> None:
    image = inbound(simulator, media={"type": "image"})["id"]
    marked = simulator.uazapi("message/markread", {"id": [image]}, token=TOKEN)
    assert marked.status == 200
    file = simulator.uazapi("message/download", {"id": f"{OWNER}:{image}"}, token=TOKEN).json()
    assert file["mimetype"] == "image/jpeg"
    assert simulator.uazapi("message/markread", {}, token=TOKEN).status == 400
    assert simulator.uazapi("message/download", {"id": "nope"}, token=TOKEN).status == 404


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ({"kind": "error"}, 500, {"error": "Failed to send message"}),
        ({"kind": "error", "code": 401}, 401, {"error": "Invalid token"}),
        ({"kind": "error", "code": 131026}, 500, {"error": f"the number {JID} is not on WhatsApp"}),
        (
            {"kind": "error", "code": 463},
            500,
            {
                "error": "Failed to send message",
                "error_source": "whatsapp_server",
                "provider_code": 463,
            },
        ),
        ({"kind": "error", "code": 413, "details": "too big"}, 413, {"error": "too big"}),
        ({"kind": "rate_limited", "retry_after": 7}, 429, {"error": "Rate limit exceeded"}),
        ({"kind": "error_in_200", "details": "Boom"}, 200, {"error": "Boom"}),
        ({"kind": "disconnect"}, 500, {"error": "WhatsApp client is not connected"}),
    ],
)
def test_a_fault_refuses_in_uazapis_form(
    simulator: Simulator, fault: dict[str, object], status: int, body: object
) -> None:
    simulator.control("faults", {"rules": [{"fault": fault}]})
    reply = text(simulator)
    assert (reply.status, reply.json()) == (status, body)
    assert reply.headers.get("retry-after") == ("7" if status == 429 else None)
    stats = simulator.control("stats")
    assert (stats["accepted"], sum(stats["rejected"].values())) == (0, 1)


def test_a_rule_may_name_a_call_that_sends_nothing(simulator: Simulator) -> None:
    rule = {"match": {"kind": "instance/status"}, "fault": {"kind": "error", "code": 401}}
    simulator.control("faults", {"rules": [rule]})
    assert simulator.uazapi("instance/status", token=TOKEN).status == 401
    assert simulator.uazapi("webhook", token=TOKEN).status == 200
    assert text(simulator).status == 200


def test_a_failure_later_is_told_by_silence(simulator: Simulator, receiver: Receiver) -> None:
    simulator.control("faults", {"rules": [{"fault": {"kind": "async_error", "after_sent": True}}]})
    text(simulator)
    simulator.settle()
    assert len(receiver.events("messages")) == 1
    assert receiver.events("messages_update") == []


def test_an_accepted_message_whose_answer_is_lost_is_still_told_of(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("faults", {"rules": [{"fault": {"kind": "accept_then_drop"}}]})
    with pytest.raises(ConnectionError):
        text(simulator, track_id="9.1.1")
    receiver.wait(lambda: receiver.events("messages"))
    assert messages(receiver)[0]["track_id"] == "9.1.1"


def test_doubled_callbacks_are_requests_of_their_own(
    simulator: Simulator, receiver: Receiver
) -> None:
    rule = {"fault": {"kind": "callback_doubled", "statuses": ["delivered"]}}
    simulator.control("faults", {"rules": [rule]})
    text(simulator)
    simulator.settle()
    states = [update["state"] for update in receiver.events("messages_update")]
    assert sorted(states) == ["Delivered", "Delivered", "Read"]


def test_receipts_have_the_form_of_those_collected(
    simulator: Simulator, receiver: Receiver
) -> None:
    path = VECTORS / "uazapi-derived" / "messages_update_read.json"
    if not path.exists():
        pytest.skip("the providers' facts are not beside this copy")
    wanted = json.loads(path.read_text(encoding="utf-8"))
    text(simulator)
    receiver.wait(lambda: len(receiver.events("messages_update")) == 2)
    update = receiver.events("messages_update")[1]
    assert update.keys() == wanted.keys()
    assert update["event"].keys() == wanted["event"].keys()
