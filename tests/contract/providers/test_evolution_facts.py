"""Evolution's adapter against the collected examples, where they are at hand."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recado.domain.retry import ErrorClass
from recado.providers import calls, events
from recado.providers.base import Accepted, HttpAnswer, Refused, Unsure
from recado.providers.events import CallbackEvent
from recado.providers.evolution import errors, payloads
from recado.providers.evolution.adapter import EvolutionAdapter

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
FOLDER = "evolution-source-derived"
ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the examples are not part of Recado")


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def answer(name: str) -> HttpAnswer:
    case = load(VECTORS / FOLDER / "http" / f"{name}.json")
    return HttpAnswer(case["http_status"], {}, msgspec.json.encode(case["body"]))


def collected() -> list[dict[str, Any]]:
    return [c for c in load(VECTORS / "expected.json") if c["file"].startswith(FOLDER)]


@pytest.mark.parametrize("case", collected(), ids=lambda case: Path(case["file"]).stem)
def test_every_collected_callback_gives_the_events_listed(case: dict[str, Any]) -> None:
    body = msgspec.json.encode(load(VECTORS / case["file"]))
    found = EvolutionAdapter().parse(body, arrived=ARRIVED)
    assert [listed(event) for event in found] == [comparable(event) for event in case["events"]]


def test_no_callback_was_collected_without_its_events() -> None:
    known = {Path(case["file"]).name for case in collected()}
    assert {path.name for path in (VECTORS / FOLDER).glob("*.json")} == known


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """An expected event in the words in which ours are told apart."""
    told = {key: value for key, value in event.items() if key not in {"provider", "raw_status"}}
    if "reason" in told:
        told["reason"] = str(told["reason"])
    if told["kind"] == "connection":
        told["state"] = payloads.STATES[told["state"]]
    return {key: value for key, value in told.items() if value is not None}


def listed(event: CallbackEvent) -> dict[str, Any]:
    """One of our events as the list has it."""
    told: dict[str, Any] = {"instance": event.external_id}
    if isinstance(event, events.InboundEvent | events.ReactionEvent):
        told["timestamp"] = event.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        told |= {"from": event.sender, "lid": event.user_id, "message_id": event.message_id}
    told |= _DETAILS[type(event)](event)
    return {key: value for key, value in told.items() if value not in (None, "", [])}


_DETAILS: dict[type[CallbackEvent], Any] = {
    events.InboundEvent: lambda e: {
        "kind": "inbound",
        "type": e.payload["messageType"],
        "text": e.text,
        "reply_to": e.reply_to,
        "reply_id": e.choice,
        "mime_type": e.media and e.media.mime_type,
    },
    events.ReactionEvent: lambda e: {
        "kind": "reaction",
        "type": "reactionMessage",
        "reaction_to": e.of,
        "emoji": e.emoji,
    },
    events.RevokeEvent: lambda e: {
        "kind": "revoke",
        "original_message_id": e.of,
        "to": e.sender if e.ours else None,
    },
    events.StatusEvent: lambda e: {
        "kind": "status",
        "message_id": e.provider_id,
        "status": "read" if e.status == "played" else e.status,
        "to": e.recipient,
    },
    events.EchoEvent: lambda e: {
        "kind": f"echo_{e.by}",
        "message_id": e.provider_id,
        "to": e.recipient,
    },
    events.ConnectionEvent: lambda e: {
        "kind": "connection",
        "state": e.status,
        "reason": e.reason,
    },
    events.QrEvent: lambda e: {"kind": "qrcode", "has_qr": bool(e.image)},
    events.OtherEvent: lambda e: {"kind": "ignored", "why": e.kind},
}


def test_an_accepted_message_is_read() -> None:
    found = calls.outcome(answer("sendText_201"), payloads.taken, errors.of_answer)
    assert found == Accepted("3EB00000000000000A", "553199998888")


@pytest.mark.parametrize(
    ("name", "outcome", "error_class", "code"),
    [
        ("any_401", Refused, ErrorClass.AUTH, "http_401"),
        ("any_404_instance", Refused, ErrorClass.ACCOUNT, "http_404"),
        ("create_403_name_in_use", Refused, ErrorClass.AUTH, "http_403"),
        ("logout_400_not_connected", Refused, ErrorClass.REGISTRATION, "not_connected"),
        ("sendMedia_400_media", Refused, ErrorClass.REQUEST, "http_400"),
        ("sendText_400_empty_text", Refused, ErrorClass.REQUEST, "http_400"),
        ("sendText_400_schema", Refused, ErrorClass.REQUEST, "http_400"),
        ("sendText_400_not_on_whatsapp", Refused, ErrorClass.CONTACT_DEAD, "not_on_whatsapp"),
        # The message may have been handed to WhatsApp before the connection was seen to be closed;
        (
            "sendText_400_connection_closed",
            Unsure,
            ErrorClass.TRANSIENT_UNSURE,
            "connection_closed",
        ),
        # not so where the number was still being checked.
        (
            "sendText_500_connection_closed_on_number_check",
            Refused,
            ErrorClass.TRANSIENT_CHANNEL,
            "connection_closed",
        ),
    ],
)
def test_every_collected_refusal_is_classed(
    name: str, outcome: type[object], error_class: ErrorClass, code: str
) -> None:
    found = calls.outcome(answer(name), payloads.taken, errors.of_answer)
    assert isinstance(found, Refused | Unsure)
    assert type(found) is outcome
    assert (found.fault.error_class, found.fault.code) == (error_class, code)
    assert found.fault.detail
    body = msgspec.json.decode(answer(name).body)
    assert EvolutionAdapter().classify(body) == found.fault


def test_the_collected_answers_to_other_calls_are_read() -> None:
    def document(name: str) -> Any:
        return msgspec.json.decode(answer(name).body)

    assert payloads.login(document("connect_200_already_open")).status == "connected"
    login = payloads.login(document("connect_200_qr"))
    assert (login.status, login.code) == ("connecting", "2@AAAA")
    assert login.image.startswith("data:image/png;base64,")
    assert payloads.check(document("connectionState_200")).status == "connected"
    numbers = ["5511900009999", "5531999998888"]
    dead, alive = payloads.checks(document("whatsappNumbers_200"), numbers)
    assert (dead.number, dead.exists, alive.number, alive.exists) == (
        *("5511900009999", False),
        *("5531999998888", True),
    )
    assert (alive.wa_id, alive.name) == ("553199998888", "Cliente Teste")
