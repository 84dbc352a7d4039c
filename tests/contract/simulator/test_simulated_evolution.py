"""The simulated Evolution over HTTP: its calls, its refusals, its callbacks, its versions."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from recado.simulator.testing import Receiver, Reply, Simulator

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
LOJA = "loja1"
TO = "5531999998888"
JID = "553199998888@s.whatsapp.net"
REACTION = {
    "key": {"remoteJid": JID, "fromMe": True, "id": "3EB00000000000000A"},
    "text": "👍",
    "senderTimestampMs": "1768480200000",
}
PLAIN = {"conversation": "Promo"}
SETTINGS = {
    "sent_ms": 0,
    "delivered_ms": 20,
    "read_ms": 40,
    "batch_ms": 5,
    "read_share": 1.0,
    "retry_first_ms": 5,
    "retry_max_ms": 10,
    "retry_attempts": 3,
    "connect_ms": 20,
    "lid_share": 0.0,
    "lid_only_share": 0.0,
    "missing_suffix": "9999",
    "strict": False,
    "evolution_key": "",
    "evolution_version": "2.3.7",
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
        headers = {"x-hook-secret": "s3cret"}
        register(simulator, callback_url=listening.url, headers=headers)
        yield listening
        simulator.control("reset", {"channels": True})


def register(simulator: Simulator, **more: object) -> None:
    channel = {"provider": "evolution", "instance": LOJA, "api_key": "secret"}
    simulator.control("channels", {**channel, "number": "5511900000001", **more})


def text(simulator: Simulator, to: str = TO, words: str = "Promo", **more: object) -> Reply:
    body = {"number": to, "text": words, **more}
    return simulator.evolution(f"message/sendText/{LOJA}", body)


def befall(simulator: Simulator, kind: str, **fault: object) -> None:
    simulator.control("faults", {"rules": [{"fault": {"kind": kind, **fault}}]})


def form(value: Any) -> Any:
    """A body without its values: which keys it has and of what types they are."""
    if isinstance(value, dict):
        return {key: form(held) for key, held in value.items()}
    if isinstance(value, list):
        return [form(held) for held in value]
    return type(value).__name__


def collected(name: str) -> Any:
    """A payload that was collected, None where the providers' facts are not beside this copy."""
    path = VECTORS / "evolution-source-derived" / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def same_answer(reply: Reply, name: str) -> None:
    """An answer has the status and the form of one that was collected."""
    wanted = collected(f"http/{name}.json")
    if wanted is not None:
        assert reply.status == wanted["http_status"]
        assert form(reply.json()) == form(wanted["body"])


def same_event(body: dict[str, Any], name: str) -> None:
    """A callback has the name and the form of one that was collected."""
    wanted = collected(f"{name}.json")
    if wanted is not None:
        assert body["event"] == wanted["event"]
        assert form(body) == form(wanted)


def test_a_text_is_accepted_with_the_message_and_whatsapps_id_of_the_recipient(
    simulator: Simulator,
) -> None:
    reply = text(simulator)
    assert reply.status == 201
    body = reply.json()
    assert body["key"]["remoteJid"] == JID
    assert body["key"]["fromMe"] is True
    assert body["key"]["id"].startswith("3EB0")
    assert (body["status"], body["message"]) == ("PENDING", PLAIN)
    (row,) = simulator.control(f"log?channel={LOJA}")
    assert row["provider"] == "evolution"
    assert (row["to"], row["text"], row["id"]) == (TO, "Promo", body["key"]["id"])
    stats = simulator.control("stats")["channels"][LOJA]
    assert (stats["accepted"], stats["requests"]) == (1, 1)
    same_answer(reply, "sendText_201")


def test_an_instance_nobody_registered_takes_any_key_but_the_word_invalid(
    simulator: Simulator,
) -> None:
    path, body = "message/sendText/outra", {"number": TO, "text": "Oi"}
    assert simulator.evolution(path, body, key="whatever").status == 201
    for key in ("", "invalid"):
        reply = simulator.evolution(path, body, key=key)
        assert reply.status == 401
        assert reply.json()["response"]["message"] == "Unauthorized"


def test_a_registered_instance_takes_its_own_key_and_the_global_one(simulator: Simulator) -> None:
    register(simulator)
    path = f"instance/connectionState/{LOJA}"
    assert simulator.evolution(path, key="other").status == 401
    same_answer(simulator.evolution(path, key="other"), "any_401")
    simulator.control("settings", {"evolution_key": "everything"})
    assert simulator.evolution(path, key="everything").status == 200
    assert simulator.evolution(path, key="secret").status == 200


def test_an_instance_that_does_not_exist_is_not_found_before_the_key_is_looked_at(
    simulator: Simulator,
) -> None:
    simulator.control("settings", {"strict": True})
    reply = simulator.evolution("message/sendText/nope", {}, key="")
    assert reply.status == 404
    assert reply.json() == {
        "status": 404,
        "error": "Not Found",
        "response": {"message": ['The "nope" instance does not exist']},
    }


@pytest.mark.parametrize(
    ("call", "body", "message"),
    [
        ("sendText", {"number": TO}, [['instance requires property "text"']]),
        ("sendText", {}, [[f'instance requires property "{n}"' for n in ("number", "text")]]),
        ("sendText", {"number": 55, "text": "a"}, [["Invalid format"]]),
        ("sendText", {"number": TO, "text": 1}, [["text is not of a type(s) string"]]),
        (
            "sendText",
            {"number": TO, "text": "a", "delay": "soon"},
            [["Enter a value in milliseconds"]],
        ),
        ("sendText", {"number": TO, "text": " "}, ["Text is required"]),
        (
            "sendMedia",
            {"number": TO, "mediatype": "gif", "media": "x"},
            [["mediatype is not one of enum values: image,document,video,audio"]],
        ),
        (
            "sendMedia",
            {"number": TO, "mediatype": "image", "media": "nowhere!"},
            ["Owned media must be a url or base64"],
        ),
        (
            "sendMedia",
            {"number": TO, "mediatype": "document", "media": "QUJD"},
            ["For base64 the file name must be informed."],
        ),
        (
            "sendWhatsAppAudio",
            {"number": TO},
            ["Owned media must be a url, base64, or valid file with buffer"],
        ),
        ("sendButtons", {"number": TO, "buttons": []}, ["At least one button is required"]),
        (
            "sendButtons",
            {"number": TO, "buttons": [{"type": "reply"}] * 4},
            ["Maximum of 3 reply buttons allowed"],
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_evolutions_words(
    simulator: Simulator, call: str, body: dict[str, object], message: object
) -> None:
    reply = simulator.evolution(f"message/{call}/{LOJA}", body)
    assert reply.status == 400
    assert reply.json() == {
        "status": 400,
        "error": "Bad Request",
        "response": {"message": message},
    }
    assert simulator.control("stats")["accepted"] == 0


@pytest.mark.parametrize(
    ("call", "body", "kind", "message_type"),
    [
        (
            "sendMedia",
            {"mediatype": "image", "media": "https://example.org/a.jpg", "caption": "Foto"},
            "image",
            "imageMessage",
        ),
        (
            "sendMedia",
            {"mediatype": "document", "media": "QUJD", "fileName": "a.pdf"},
            "document",
            "documentMessage",
        ),
        ("sendWhatsAppAudio", {"audio": "https://example.org/a.ogg"}, "voice", "audioMessage"),
        (
            "sendButtons",
            {"title": "Oi", "buttons": [{"type": "reply", "displayText": "Sim", "id": "y"}]},
            "buttons",
            "viewOnceMessage",
        ),
        (
            "sendList",
            {
                "title": "Oi",
                "footerText": "f",
                "buttonText": "b",
                "sections": [{"title": "A", "rows": [{"title": "1", "rowId": "1"}]}],
            },
            "list",
            "listMessage",
        ),
    ],
)
def test_other_kinds_are_accepted(
    simulator: Simulator, call: str, body: dict[str, object], kind: str, message_type: str
) -> None:
    reply = simulator.evolution(f"message/{call}/{LOJA}", {"number": TO, **body})
    assert reply.status == 201
    assert reply.json()["messageType"] == message_type
    assert simulator.control("log")[0]["kind"] == kind


def test_numbers_are_checked_in_all_their_forms(simulator: Simulator) -> None:
    numbers = [TO, "+55 31 9999-8888", "551187654321", "5511900009999"]
    reply = simulator.evolution(f"chat/whatsappNumbers/{LOJA}", {"numbers": numbers})
    found = reply.json()
    assert reply.status == 200
    assert [each["number"] for each in found] == numbers
    assert [each["exists"] for each in found] == [True, True, True, False]
    assert [each["jid"] for each in found] == [
        JID,
        JID,
        "5511987654321@s.whatsapp.net",
        "5511900009999@s.whatsapp.net",
    ]
    pair = simulator.evolution(f"chat/whatsappNumbers/{LOJA}", {"numbers": [TO, "5511900009999"]})
    same_answer(pair, "whatsappNumbers_200")


def test_a_number_without_whatsapp_is_refused_with_the_check_s_result(
    simulator: Simulator,
) -> None:
    reply = text(simulator, "5511900009999")
    assert reply.status == 400
    assert reply.json()["response"]["message"] == [
        {"jid": "5511900009999@s.whatsapp.net", "exists": False, "number": "5511900009999"}
    ]
    assert simulator.control("stats")["rejected"] == {"not_on_whatsapp": 1}
    same_answer(reply, "sendText_400_not_on_whatsapp")


def test_an_instance_is_created_connected_by_a_code_and_used(simulator: Simulator) -> None:
    with Receiver() as receiver:
        webhook = {"enabled": True, "url": receiver.url, "headers": {"x-hook-secret": "s"}}
        body = {
            "instanceName": LOJA,
            "integration": "WHATSAPP-BAILEYS",
            "qrcode": True,
            "webhook": webhook,
        }
        simulator.control("settings", {"connect_ms": 0})
        reply = simulator.evolution("instance/create", body, key="global")
        created = reply.json()
        assert reply.status == 201
        assert created["qrcode"]["base64"].startswith("data:image/png;base64,")
        key = created["hash"]
        state = simulator.evolution(f"instance/connectionState/{LOJA}", key=key)
        assert state.json()["instance"]["state"] == "connecting"
        closed = text(simulator)
        assert closed.status == 401
        refused = simulator.evolution(
            f"message/sendText/{LOJA}", {"number": TO, "text": "Oi"}, key=key
        )
        assert refused.status == 500
        assert refused.json()["response"]["message"] == "Connection Closed"
        simulator.control("connection", {"channel": LOJA, "state": "open"})
        sent = simulator.evolution(
            f"message/sendText/{LOJA}", {"number": TO, "text": "Oi"}, key=key
        )
        assert sent.status == 201
        receiver.wait(lambda: len(receiver.events("connection.update")) == 2)
        (code,) = receiver.events("qrcode.updated")
        states = [e["data"]["state"] for e in receiver.events("connection.update")]
    assert sorted(states) == ["connecting", "open"]
    assert code["data"]["qrcode"]["code"] == created["qrcode"]["code"]
    same_answer(reply, "create_201")
    same_event(code, "qrcode_updated")
    same_answer(refused, "sendText_500_connection_closed_on_number_check")


def test_a_name_in_use_is_refused_before_the_key_is_looked_at(simulator: Simulator) -> None:
    register(simulator)
    reply = simulator.evolution("instance/create", {"instanceName": LOJA}, key="")
    assert reply.status == 403
    assert reply.json()["response"]["message"] == [f'This name "{LOJA}" is already in use.']
    same_answer(reply, "create_403_name_in_use")


def test_connecting_gives_a_code_and_with_a_number_one_to_type(simulator: Simulator) -> None:
    register(simulator, state="close")
    simulator.control("settings", {"connect_ms": 0})
    path = f"instance/connect/{LOJA}"
    first = simulator.evolution(path)
    assert first.json()["pairingCode"] is None
    same_answer(first, "connect_200_qr")
    typed = simulator.evolution(f"{path}?number=5511900000001").json()
    assert len(typed["pairingCode"]) == 8
    assert typed["count"] == 2
    simulator.control("connection", {"channel": LOJA, "state": "open"})
    same_answer(simulator.evolution(path), "connect_200_already_open")


def test_a_code_is_scanned_after_a_while(simulator: Simulator) -> None:
    with Receiver() as receiver:
        register(simulator, state="close", callback_url=receiver.url)
        simulator.evolution(f"instance/connect/{LOJA}")
        receiver.wait(
            lambda: any(e["data"]["state"] == "open" for e in receiver.events("connection.update"))
        )
        opened = receiver.events("connection.update")[-1]
    assert text(simulator).status == 201
    same_event(opened, "connection_update_open")


def test_logging_out_closes_the_connection_and_is_told(
    simulator: Simulator, receiver: Receiver
) -> None:
    reply = simulator.evolution(f"instance/logout/{LOJA}", method="DELETE")
    assert reply.status == 200
    receiver.wait(lambda: receiver.events("connection.update"))
    (update,) = receiver.events("connection.update")
    assert (update["data"]["state"], update["data"]["statusReason"]) == ("close", 401)
    receiver.wait(lambda: receiver.events("status.instance"))
    (status,) = receiver.events("status.instance")
    again = simulator.evolution(f"instance/logout/{LOJA}", method="DELETE")
    assert again.status == 400
    same_answer(reply, "logout_200")
    same_answer(again, "logout_400_not_connected")
    same_event(update, "connection_update_close_loggedout")
    same_event(status, "status_instance_closed")


def test_a_restart_of_a_closed_instance_fails_with_200(simulator: Simulator) -> None:
    register(simulator, state="close")
    reply = simulator.evolution(f"instance/restart/{LOJA}", {})
    assert reply.status == 200
    assert reply.json()["error"] is True
    simulator.control("connection", {"channel": LOJA, "state": "open"})
    reply = simulator.evolution(f"instance/restart/{LOJA}", {})
    assert reply.json() == {"instance": {"instanceName": LOJA, "state": "open"}}


def test_a_deleted_instance_is_gone_until_it_is_created_again(simulator: Simulator) -> None:
    register(simulator)
    assert simulator.evolution(f"instance/delete/{LOJA}", method="DELETE").status == 200
    assert text(simulator).status == 404
    created = simulator.evolution("instance/create", {"instanceName": LOJA, "token": "secret"})
    assert created.status == 201
    assert created.json()["hash"] == "secret"


def test_instances_are_listed_to_those_whose_key_opens_them(simulator: Simulator) -> None:
    register(simulator)
    (found,) = simulator.evolution(f"instance/fetchInstances?instanceName={LOJA}").json()
    assert (found["name"], found["connectionStatus"]) == (LOJA, "open")
    assert found["ownerJid"] == "5511900000001@s.whatsapp.net"
    assert simulator.evolution("instance/fetchInstances", key="other").status == 401


def test_the_webhook_is_set_found_and_refused_where_wrong(simulator: Simulator) -> None:
    path = f"webhook/set/{LOJA}"
    webhook = {"enabled": True, "url": "http://127.0.0.1:9/x", "events": ["MESSAGES_UPDATE"]}
    reply = simulator.evolution(path, {"webhook": webhook})
    assert reply.status == 201
    stored = simulator.evolution(f"webhook/find/{LOJA}").json()
    assert stored == reply.json()
    assert (stored["url"], stored["events"]) == (webhook["url"], webhook["events"])
    for wrong in (
        {},
        {"webhook": {"enabled": True, "url": "ftp://x"}},
        {"webhook": {"enabled": True, "url": "http://x", "events": ["NOTHING"]}},
        {"webhook": {"url": "http://x"}},
    ):
        assert simulator.evolution(path, wrong).status == 400
    for unfit in ("http://x", {"url": 5}, {"url": "http://x", "headers": []}):
        creation = {"instanceName": "nova", "webhook": unfit}
        assert simulator.evolution("instance/create", creation).status == 400


def test_read_marks_are_taken(simulator: Simulator) -> None:
    marks = {"readMessages": [{"remoteJid": JID, "fromMe": False, "id": "3A01"}]}
    reply = simulator.evolution(f"chat/markMessageAsRead/{LOJA}", marks)
    assert reply.status == 201
    assert reply.json() == {"message": "Read messages", "read": "success"}
    assert simulator.evolution(f"chat/markMessageAsRead/{LOJA}", {}).status == 400


def test_a_message_is_told_of_as_sent_and_then_step_by_step(
    simulator: Simulator, receiver: Receiver
) -> None:
    message_id = text(simulator).json()["key"]["id"]
    receiver.wait(lambda: len(receiver.events("messages.update")) == 3)
    updates = receiver.events("messages.update")
    assert [u["data"]["status"] for u in updates] == ["SERVER_ACK", "DELIVERY_ACK", "READ"]
    assert {u["data"]["keyId"] for u in updates} == {message_id}
    assert {u["data"]["remoteJid"] for u in updates} == {JID}
    (sent,) = receiver.events("send.message")
    assert sent["data"]["key"]["id"] == message_id
    assert sent["data"]["status"] == "PENDING"
    assert all(c.headers["x-hook-secret"] == "s3cret" for c in receiver.callbacks)
    # Evolution stamps its own time of day as if it were UTC: only the data's times can be trusted.
    stamped = datetime.fromisoformat(sent["date_time"]).timestamp()
    assert 10_000 < sent["data"]["messageTimestamp"] - stamped < 12_000
    same_event(sent, "send_message")
    same_event(updates[0], "messages_update_server_ack")
    same_event(updates[2], "messages_update_read")


def test_events_have_paths_of_their_own_where_asked_for(simulator: Simulator) -> None:
    with Receiver() as receiver:
        register(simulator, callback_url=receiver.url, by_events=True, events=["MESSAGES_UPDATE"])
        text(simulator)
        receiver.wait(lambda: len(receiver.callbacks) == 3)
    assert {c.path for c in receiver.callbacks} == {"/callback/messages-update"}
    assert {c.json()["destination"] for c in receiver.callbacks} == {receiver.url}


def test_a_jwt_key_becomes_a_signed_token(simulator: Simulator) -> None:
    with Receiver() as receiver:
        headers = {"jwt_key": "k", "x-other": "1"}
        register(simulator, callback_url=receiver.url, headers=headers, events=["SEND_MESSAGE"])
        text(simulator)
        receiver.wait(lambda: receiver.callbacks)
    sent = receiver.callbacks[0].headers
    assert "jwt_key" not in sent
    assert sent["x-other"] == "1"
    signed, _, signature = sent["authorization"].removeprefix("Bearer ").rpartition(".")
    mac = hmac.new(b"k", signed.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64encode(mac).decode().rstrip("=") == signature


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_callback_is_not_repeated_after_an_answer_that_blames_it(
    simulator: Simulator, status: int
) -> None:
    with Receiver() as receiver:
        receiver.answers = [status]
        register(simulator, callback_url=receiver.url, events=["SEND_MESSAGE"])
        text(simulator)
        counts = simulator.settle()
    assert (counts["posts"], counts["failed"]) == (1, 1)


def test_a_callback_is_repeated_after_a_failure_and_any_2xx_is_enough(
    simulator: Simulator,
) -> None:
    with Receiver() as receiver:
        receiver.answers = [503, 204]
        register(simulator, callback_url=receiver.url, events=["SEND_MESSAGE"])
        text(simulator)
        counts = simulator.settle()
    assert (counts["posts"], counts["sent"], counts["retries"]) == (2, 1, 1)


def test_a_voice_message_is_played(simulator: Simulator, receiver: Receiver) -> None:
    body = {"number": TO, "audio": "https://example.org/a.ogg"}
    simulator.evolution(f"message/sendWhatsAppAudio/{LOJA}", body)
    receiver.wait(lambda: len(receiver.events("messages.update")) == 3)
    assert receiver.events("messages.update")[-1]["data"]["status"] == "PLAYED"


def inbound(simulator: Simulator, **said: object) -> dict[str, Any]:
    fields = {"channel": LOJA, "from": TO, **said}
    answer: dict[str, Any] = simulator.control("inbound", fields)
    return answer


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"text": "Olá"}, "messages_upsert_text"),
        (
            {"button": {"id": "optout", "text": "Sair da lista"}},
            "messages_upsert_button_reply",
        ),
        ({"media": {"type": "image", "caption": "foto"}}, "messages_upsert_image"),
        ({"text": "sim", "quoted": "3EB00000000000000A"}, "messages_upsert_reply"),
        ({"message": {"reactionMessage": REACTION}}, "messages_upsert_reaction"),
        ({"text": "eu", "from_me": True}, "messages_upsert_fromme_phone"),
        ({"text": "oi", "group": "120363000000000001@g.us"}, "messages_upsert_group"),
    ],
)
def test_people_write(
    simulator: Simulator, receiver: Receiver, said: dict[str, object], name: str
) -> None:
    answer = inbound(simulator, **said)
    receiver.wait(lambda: receiver.events("messages.upsert"))
    (event,) = receiver.events("messages.upsert")
    assert answer["called_back"] is True
    assert event["data"]["key"]["id"] == answer["id"]
    assert event["data"]["key"]["fromMe"] is bool(said.get("from_me"))
    same_event(event, name)


@pytest.mark.parametrize(
    ("version", "remote", "name"),
    [
        ("2.3.6", "@lid", "messages_upsert_text_lid"),
        ("2.3.7", "@s.whatsapp.net", "v237_messages_upsert_text_lid"),
    ],
)
def test_each_version_addresses_hidden_people_its_own_way(
    simulator: Simulator, receiver: Receiver, version: str, remote: str, name: str
) -> None:
    simulator.control("settings", {"lid_share": 1.0, "evolution_version": version})
    inbound(simulator, text="PARAR")
    receiver.wait(lambda: receiver.events("messages.upsert"))
    key = receiver.events("messages.upsert")[0]["data"]["key"]
    assert key["remoteJid"].endswith(remote)
    assert (key["remoteJidAlt"], key["addressingMode"]) == (JID, "lid")
    same_event(receiver.events("messages.upsert")[0], name)
    text(simulator)
    receiver.wait(lambda: receiver.events("messages.update"))
    assert receiver.events("messages.update")[0]["data"]["remoteJid"].endswith("@lid")


def test_some_people_are_known_by_nothing_but_a_lid(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("settings", {"lid_only_share": 1.0})
    inbound(simulator, text="PARAR")
    receiver.wait(lambda: receiver.events("messages.upsert"))
    key = receiver.events("messages.upsert")[0]["data"]["key"]
    assert key["remoteJid"].endswith("@lid")
    assert "remoteJidAlt" not in key


@pytest.mark.parametrize(
    ("version", "status", "deleted"),
    [("2.3.6", "DELETED", None), ("2.3.7", "SERVER_ACK", "DELETED")],
)
def test_edits_and_deletions_are_told_as_each_version_does(
    simulator: Simulator, receiver: Receiver, version: str, status: str, deleted: str | None
) -> None:
    simulator.control("settings", {"evolution_version": version})
    message_id = text(simulator).json()["key"]["id"]
    simulator.settle()
    receiver.callbacks.clear()
    inbound(simulator, edited=message_id, text="Promo (editada)")
    inbound(simulator, deleted=message_id)
    receiver.wait(lambda: len(receiver.callbacks) == 2)
    (edit,) = receiver.events("messages.update")
    (gone,) = receiver.events("messages.delete")
    assert (edit["data"]["keyId"], edit["data"]["status"]) == (message_id, status)
    assert gone["data"].get("status") == deleted
    if version == "2.3.7":
        same_event(edit, "v237_messages_update_no_status_is_server_ack")
        same_event(gone, "v237_messages_delete")
    else:
        same_event(edit, "messages_update_deleted")


def test_too_many_codes_are_told_as_a_refusal(simulator: Simulator, receiver: Receiver) -> None:
    simulator.control("connection", {"channel": LOJA, "state": "refused"})
    receiver.wait(lambda: len(receiver.callbacks) == 2)
    same_event(receiver.events("qrcode.updated")[0], "qrcode_limit")
    same_event(receiver.events("connection.update")[0], "connection_update_refused_qr_limit")


def test_a_connection_lost_for_a_passing_reason_comes_back_by_itself(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("connection", {"channel": LOJA, "state": "close", "reason": 428})
    assert text(simulator).status == 500
    receiver.wait(lambda: len(receiver.events("connection.update")) == 2)
    states = [e["data"]["state"] for e in receiver.events("connection.update")]
    assert states == ["connecting", "open"]
    assert text(simulator).status == 201


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ({"kind": "error"}, 500, "Internal Server Error"),
        ({"kind": "error", "code": 401}, 401, "Unauthorized"),
        ({"kind": "error", "code": 400}, 400, ["Error: Connection Closed"]),
        (
            {"kind": "error", "code": 131026},
            400,
            [{"jid": JID, "exists": False, "number": TO}],
        ),
        ({"kind": "error", "code": 503, "details": "later"}, 503, "later"),
        ({"kind": "rate_limited"}, 429, ["Too Many Requests"]),
        ({"kind": "disconnect"}, 500, "Connection Closed"),
    ],
)
def test_a_fault_refuses_in_evolutions_form(
    simulator: Simulator, fault: dict[str, object], status: int, message: object
) -> None:
    simulator.control("faults", {"rules": [{"fault": fault}]})
    reply = text(simulator)
    assert reply.status == status
    assert reply.json()["response"]["message"] == message
    assert ("retry-after" in reply.headers) is (status == 429)
    stats = simulator.control("stats")
    assert (stats["accepted"], sum(stats["rejected"].values())) == (0, 1)


def test_a_fault_may_fail_with_200_or_a_page(simulator: Simulator) -> None:
    befall(simulator, "error_in_200", details="Boom")
    reply = text(simulator)
    assert (reply.status, reply.json()) == (200, {"error": True, "message": "Boom"})
    befall(simulator, "html")
    reply = text(simulator)
    assert reply.status == 502
    assert reply.headers["content-type"].startswith("text/html")


def test_a_rule_may_name_a_call_that_sends_nothing(simulator: Simulator) -> None:
    register(simulator)
    path = f"instance/connectionState/{LOJA}"
    befall(simulator, "error")
    assert simulator.evolution(path).status == 200
    match = {"kind": "instance/connectionState"}
    for fault, status in (("html", 502), ("error_in_200", 200), ("server_error_after_accept", 500)):
        rule = {"match": match, "fault": {"kind": fault}}
        simulator.control("faults", {"rules": [rule]})
        assert simulator.evolution(path).status == status
    simulator.control("faults", {"rules": [{"match": match, "fault": {"kind": "drop"}}]})
    with pytest.raises(ConnectionError):
        simulator.evolution(path)
    simulator.control("faults", {"rules": [{"match": match, "fault": {"kind": "disconnect"}}]})
    simulator.evolution(path)
    simulator.control("faults", {"rules": []})
    assert simulator.evolution(path).json()["instance"]["state"] == "close"
    assert simulator.control("stats")["rejected"] == {}


def test_a_disconnected_instance_refuses_until_it_is_registered_again(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("faults", {"rules": [{"count": 1, "fault": {"kind": "disconnect"}}]})
    assert [text(simulator).status for _ in range(2)] == [500, 500]
    receiver.wait(lambda: receiver.events("connection.update"))
    assert receiver.events("connection.update")[0]["data"]["statusReason"] == 401
    register(simulator)
    assert text(simulator).status == 201
    # The address that was known before still holds.
    receiver.wait(lambda: receiver.events("send.message"))


def test_an_accepted_message_may_be_answered_with_nothing_or_an_error(
    simulator: Simulator,
) -> None:
    befall(simulator, "accept_then_drop")
    with pytest.raises(ConnectionError):
        text(simulator)
    befall(simulator, "server_error_after_accept")
    assert text(simulator).status == 500
    befall(simulator, "drop")
    with pytest.raises(ConnectionError):
        text(simulator)
    befall(simulator, "hang", ms=20)
    with pytest.raises(ConnectionError):
        text(simulator)
    assert simulator.control("stats")["accepted"] == 2


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ({"kind": "async_error"}, ["ERROR"]),
        ({"kind": "async_error", "after_sent": True}, ["SERVER_ACK", "ERROR"]),
        ({"kind": "callback_lost", "statuses": ["sent"]}, ["DELIVERY_ACK", "READ"]),
        (
            {"kind": "callback_doubled", "statuses": ["sent"]},
            ["SERVER_ACK", "SERVER_ACK", "DELIVERY_ACK", "READ"],
        ),
        ({"kind": "callback_reordered"}, ["READ", "DELIVERY_ACK", "SERVER_ACK"]),
        (
            {"kind": "callback_late", "ms": 80, "statuses": ["sent"]},
            ["DELIVERY_ACK", "READ", "SERVER_ACK"],
        ),
        ({"kind": "held", "ms": 30}, ["SERVER_ACK", "DELIVERY_ACK", "READ"]),
    ],
)
def test_faults_of_callbacks(
    simulator: Simulator,
    receiver: Receiver,
    fault: dict[str, object],
    statuses: list[str],
) -> None:
    simulator.control("settings", {"delivered_ms": 30, "read_ms": 60, "jitter": 0})
    simulator.control("faults", {"rules": [{"fault": fault}]})
    assert text(simulator).status == 201
    receiver.wait(lambda: len(receiver.events("messages.update")) == len(statuses))
    simulator.settle()
    assert [e["data"]["status"] for e in receiver.events("messages.update")] == statuses


def test_a_rule_is_for_whom_it_names_in_either_form(simulator: Simulator) -> None:
    rule = {
        "match": {"provider": "evolution", "to": "553199998888"},
        "fault": {"kind": "error", "code": 500},
    }
    simulator.control("faults", {"rules": [rule]})
    assert text(simulator).status == 500
    assert text(simulator, "5531999997777").status == 201


def test_the_same_seed_gives_the_same_ids(simulator: Simulator) -> None:
    def ids() -> list[str]:
        return [text(simulator, words=words).json()["key"]["id"] for words in ("a", "b")]

    first = ids()
    assert len(set(first)) == 2
    simulator.control("reset", {})
    assert ids() == first


def test_typing_takes_its_time_before_the_message_leaves(simulator: Simulator) -> None:
    with pytest.raises(TimeoutError):
        simulator.evolution(
            f"message/sendText/{LOJA}",
            {"number": TO, "text": "a", "delay": 60_000},
            timeout=0.3,
        )
    assert simulator.control("stats")["accepted"] == 0
    assert text(simulator, delay=1).status == 201


def test_paths_that_evolution_lacks_are_not_found(simulator: Simulator) -> None:
    reply = simulator.evolution("message/sendCake/loja1", {})
    assert reply.status == 404
    assert reply.json()["response"]["message"] == ["Cannot POST /message/sendCake/loja1"]
    assert simulator.evolution("").json()["version"] == "2.3.7"
    assert simulator.evolution(f"message/sendText/{LOJA}", b"{").status == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("connection", {"provider": "meta", "channel": "100001", "state": "open"}),
        ("connection", {"provider": "evolution", "channel": "nobody", "state": "open"}),
        ("connection", {"channel": LOJA, "state": "elsewhere"}),
        ("channels", {"provider": "evolution", "instance": LOJA}),
        ("channels", {"provider": "evolution", "instance": "", "api_key": "k"}),
        (
            "channels",
            {"provider": "evolution", "instance": "b", "api_key": "k", "callback_url": "ftp://x"},
        ),
        ("inbound", {"provider": "evolution", "channel": "nobody", "from": TO, "text": "Oi"}),
        ("inbound", {"channel": LOJA, "from": "Ana", "text": "Oi"}),
        ("inbound", {"channel": LOJA, "from": TO}),
        ("inbound", {"channel": LOJA, "from": TO, "text": "Oi", "media": {"type": "image"}}),
        ("inbound", {"channel": LOJA, "from": TO, "message": {}}),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    simulator: Simulator, path: str, body: dict[str, object]
) -> None:
    register(simulator)
    reply = simulator.call("POST", f"/_sim/{path}", body)
    assert reply.status == 422
    assert reply.json()["error"]["message"].endswith(".")
