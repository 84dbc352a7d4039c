"""What comes in by itself at the simulated Cloud API, read by the adapter that will read Meta's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from recado.providers import events
from recado.providers.meta import webhook
from recado.simulator.testing import Receiver, Simulator

QUICK = {"sent_ms": 0, "delivered_ms": 5, "read_ms": 10, "batch_ms": 1, "read_share": 1.0}
NUMBER = "100001"
BEARER = {"Authorization": "Bearer secret"}
FROM = "5531999990001"
ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        running.control("settings", QUICK)
        yield running


@pytest.fixture
def receiver(simulator: Simulator) -> Iterator[Receiver]:
    simulator.control("reset", {"channels": True})
    with Receiver() as listening:
        channel = {
            "provider": "meta",
            "phone_number_id": NUMBER,
            "waba_id": "200001",
            "display_phone_number": "+55 11 5555-0001",
            "access_token": "secret",
            "callback_url": listening.url,
        }
        simulator.control("channels", channel)
        yield listening
        simulator.control("reset", {"channels": True})


def heard(receiver: Receiver) -> Any:
    """The only event that has come."""
    receiver.wait(lambda: receiver.callbacks)
    [event] = webhook.parse(receiver.callbacks[0].body, ARRIVED)
    return event


def write(simulator: Simulator, receiver: Receiver, **what: object) -> Any:
    told = simulator.control("inbound", {"channel": NUMBER, "from": FROM, **what})
    assert told["called_back"]
    return heard(receiver)


@pytest.mark.parametrize(
    ("button", "kind"),
    [
        ({"id": "parar", "text": "Parar"}, "button"),
        ({"id": "parar", "text": "Parar", "plain": True}, "interactive"),
        ({"id": "parar", "text": "Parar", "list": True}, "interactive"),
    ],
)
def test_a_button_is_tapped_in_each_of_its_forms(
    button: dict[str, Any], kind: str, simulator: Simulator, receiver: Receiver
) -> None:
    event = write(simulator, receiver, button=button, quoted="wamid.X", name="Ana")
    assert isinstance(event, events.InboundEvent)
    assert (event.kind, event.choice, event.text) == (kind, "parar", "Parar")
    assert (event.sender, event.name, event.reply_to) == ("553199990001", "Ana", "wamid.X")


@pytest.mark.parametrize("kind", ["image", "video", "document", "audio", "sticker"])
def test_a_file_that_somebody_sent_can_be_fetched_by_its_number_alone(
    kind: str, simulator: Simulator, receiver: Receiver
) -> None:
    media = {"type": kind, "caption": "oi", "file_name": "a.bin", "voice": True}
    event = write(simulator, receiver, media=media)
    assert isinstance(event, events.InboundEvent)
    assert event.media
    assert (event.kind, event.media.filename, event.media.voice) == (kind, "a.bin", kind == "audio")
    path = f"/meta/v23.0/{event.media.media_id}"
    described = simulator.call("GET", path, headers=BEARER).json()
    assert described["mime_type"] == event.media.mime_type
    address = described["url"].removeprefix(simulator.url)
    assert simulator.call("GET", address, headers=BEARER).status == 200
    for stranger in ({"Authorization": "Bearer other"}, {}):
        assert simulator.call("GET", address, headers=stranger).status in (400, 401)
        assert simulator.call("GET", path, headers=stranger).status in (400, 401)
        assert simulator.call("DELETE", path, headers=stranger).status in (400, 401)
    other = simulator.call("GET", f"{path}?phone_number_id=999", headers=BEARER)
    assert other.json()["error"]["error_subcode"] == 33


def test_a_person_with_a_user_name_comes_without_a_number_and_can_be_answered(
    simulator: Simulator, receiver: Receiver
) -> None:
    event = write(simulator, receiver, text="oi", hidden=True)
    assert isinstance(event, events.InboundEvent)
    assert event.sender == ""
    assert event.user_id
    receiver.callbacks.clear()
    simulator.control("settings", {"window": True})
    sent = simulator.send({"recipient": event.user_id, "text": {"body": "oi"}})
    assert sent.json()["contacts"] == [{"input": event.user_id, "user_id": event.user_id}]
    receiver.wait(receiver.statuses)
    simulator.control("settings", {"window": False})
    status = receiver.statuses()[0]
    assert (status["status"], status["recipient_user_id"]) == ("sent", event.user_id)
    assert "recipient_id" not in status


def test_what_is_written_in_a_group_names_it(simulator: Simulator, receiver: Receiver) -> None:
    event = write(simulator, receiver, text="oi", group="G1")
    assert isinstance(event, events.OtherEvent)


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        (
            "user_preferences",
            {"user_preferences": [{"wa_id": FROM, "value": "stop", "timestamp": 1}]},
            events.ConsentEvent,
        ),
        (
            "message_template_status_update",
            {"event": "PAUSED", "message_template_id": 1, "message_template_name": "a"},
            events.TemplateStatusEvent,
        ),
        ("account_update", {"event": "ACCOUNT_DELETED"}, events.AccountEvent),
        ("messages", {"errors": [{"code": 130429, "title": "x"}]}, events.ErrorEvent),
        ("something_new", {}, events.OtherEvent),
    ],
)
def test_meta_tells_of_a_number_or_its_account(
    field: str,
    value: dict[str, Any],
    kind: type[events.CallbackEvent],
    simulator: Simulator,
    receiver: Receiver,
) -> None:
    simulator.control("event", {"channel": NUMBER, "field": field, "value": value})
    event = heard(receiver)
    assert isinstance(event, kind)
    assert event.account_id == "200001"
    named = field in ("messages", "user_preferences")
    assert event.external_id == (NUMBER if named else "")
    assert ("time" in receiver.callbacks[0].json()["entry"][0]) is not named


@pytest.mark.parametrize(
    "body",
    [
        {"channel": "999", "field": "a", "value": {}},
        {"channel": NUMBER, "field": "a"},
        {"channel": NUMBER, "field": "a", "value": {}, "provider": "uazapi"},
        {},
    ],
)
def test_what_is_no_news_is_refused_with_a_sentence(
    body: dict[str, Any], simulator: Simulator, receiver: Receiver
) -> None:
    answer = simulator.call("POST", "/_sim/event", body)
    assert answer.status == 422
    assert answer.json()["error"]["message"]


def test_without_a_seed_ids_are_never_those_of_an_earlier_run() -> None:
    found: list[str] = []
    for _ in range(2):
        with Simulator(seed=None) as simulator:
            for _ in range(2):
                simulator.control("reset", {"channels": True})
                registered = {"phone_number_id": NUMBER, "access_token": "secret"}
                simulator.control("channels", {"provider": "meta", **registered})
                simulator.control(
                    "channels", {"provider": "evolution", "instance": "loja", "api_key": "a"}
                )
                found += [simulator.text(FROM).json()["messages"][0]["id"]]
                for channel in (NUMBER, "loja"):
                    wrote = {"channel": channel, "from": FROM, "text": "SAIR"}
                    found += [simulator.control("inbound", wrote)["id"]]
    assert len(found) == len(set(found)) == 12


def test_a_template_that_meta_tells_of_has_that_status_from_then_on(
    simulator: Simulator, receiver: Receiver
) -> None:
    sent = {"type": "template", "template": {"name": "hello_world", "language": {"code": "en_US"}}}
    for status, answered in (("PAUSED", 400), ("APPROVED", 200)):
        value = {
            "event": status,
            "message_template_name": "hello_world",
            "message_template_language": "en_US",
        }
        change = {"channel": NUMBER, "field": "message_template_status_update", "value": value}
        simulator.control("event", change)
        path = "/meta/v23.0/200001/message_templates?name=hello_world"
        listed = simulator.call("GET", path, headers=BEARER).json()["data"]
        assert [one["status"] for one in listed] == [status]
        assert simulator.send({"to": FROM, **sent}).status == answered
    receiver.wait(receiver.statuses)
