"""Meta's adapter against the collected examples, where they are at hand."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recado.domain.retry import ErrorClass
from recado.providers import events
from recado.providers.base import Accepted, HttpAnswer, Message, Refused, Unsure
from recado.providers.content import (
    Button,
    Buttons,
    ButtonValue,
    Choices,
    Content,
    CurrencyValue,
    DateValue,
    Media,
    MediaKind,
    Row,
    Section,
    Template,
    Text,
    TextValue,
    Value,
)
from recado.providers.events import CallbackEvent
from recado.providers.meta import errors, payloads, webhook

FACTS = Path(__file__).parents[4] / "shared" / "providers"
VECTORS = FACTS / "vectors"
ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not FACTS.is_dir(), reason="the examples are not part of Recado")


def load(path: Path) -> Any:
    return json.loads(path.read_text()) if path.is_file() else []


def codes() -> list[tuple[int, str, str]]:
    """(code, class, whether it may be tried again) of every error code that is listed."""
    found = []
    for row in load(FACTS / "error_codes.json"):
        listed = str(row["code"])
        if "-" in listed:
            first, last = map(int, listed.split("-"))
            each = list(range(first, last + 1))
        else:
            each = [int(code) for code in listed.split(",")]
        found += [(code, row["cls"], row["retry"]) for code in each]
    return found


def answer(document: object, status: int = 400) -> HttpAnswer:
    return HttpAnswer(status, {}, msgspec.json.encode(document))


@pytest.mark.parametrize(("code", "error_class", "retry"), codes())
def test_every_listed_code_has_exactly_the_class_listed(
    code: int, error_class: str, retry: str
) -> None:
    for written in (code, str(code)):
        for status in (200, 400, 500):
            found = payloads.outcome(answer({"error": {"code": written, "message": "x"}}, status))
            assert isinstance(found, Refused | Unsure)
            assert found.fault.error_class is ErrorClass(error_class)
            assert found.fault.code == str(code)
            # What may have been sent must not be sent again unasked.
            if error_class == "transient_unsure":
                assert isinstance(found, Unsure)
            if retry == "yes":
                assert isinstance(found, Refused)


@pytest.mark.parametrize(("code", "error_class", "retry"), codes())
def test_every_listed_code_has_its_class_in_callbacks_too(
    code: int, error_class: str, retry: str
) -> None:
    del retry
    for written in (code, str(code)):
        error = {"code": written, "title": "x", "error_data": {"details": "why"}}
        value = {
            "statuses": [{"id": "a", "status": "failed", "errors": [error]}],
            "messages": [{"from": "5511999990001", "type": "unsupported", "errors": [error]}],
            "errors": [error],
        }
        entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
        found: list[Any] = webhook.parse(msgspec.json.encode({"entry": [entry]}), ARRIVED)
        assert len(found) == 3
        for event in found:
            assert event.fault.error_class is ErrorClass(error_class)
            assert (event.fault.code, event.fault.detail) == (str(code), "why")


def test_every_code_of_ours_is_a_listed_one() -> None:
    assert set(errors.CLASS_OF) == {code for code, _, _ in codes()}


@pytest.mark.parametrize(
    "path", sorted((VECTORS / "meta-docs" / "graph_errors").glob("*.json")), ids=lambda p: p.stem
)
def test_a_collected_refusal_is_read(path: Path) -> None:
    case = load(path)
    found = payloads.outcome(answer(case["body"], case["http_status"]))
    assert isinstance(found, Refused | Unsure)
    assert found.fault.code == path.stem.split("_")[0]
    assert found.fault.detail


@pytest.mark.parametrize(
    "path",
    [
        VECTORS / "melgarafael-deskcommcrm" / "send_200_template_accepted_br.json",
        VECTORS / "facebook-openapi" / "send_responses" / "200_example_response.json",
    ],
    ids=lambda p: p.stem,
)
def test_a_collected_acceptance_is_read(path: Path) -> None:
    found = payloads.outcome(answer(load(path), 200))
    assert isinstance(found, Accepted)
    assert found.provider_id.startswith("wamid.")
    assert found.wa_id


@pytest.mark.parametrize(
    "case",
    load(VECTORS / "signature_vectors.json")["cases"] if FACTS.is_dir() else [],
    ids=lambda case: case["name"],
)
def test_a_signature_is_judged_as_listed(case: dict[str, Any]) -> None:
    secret = load(VECTORS / "signature_vectors.json")["app_secret"]
    body = base64.b64decode(case["body_base64"])
    verdict = webhook.verify(secret, {"x-hub-signature-256": case["header"]}, body)
    if case["valid"] is not None:
        assert verdict is case["valid"]


def asked(document: dict[str, Any]) -> Content:
    """The content that Meta's example of a request sends."""
    kind = document["type"]
    node = document[kind]
    if kind == "text":
        return Text(node["body"], preview=node.get("preview_url", False))
    if kind == "template":
        return Template(node["name"], node["language"]["code"], **components(node["components"]))
    if kind == "interactive":
        words = {"footer": node.get("footer", {}).get("text", "")}
        body, action = node["body"]["text"], node["action"]
        if node["type"] == "button":
            replies = [button["reply"] for button in action["buttons"]]
            return Buttons(body, tuple(Button(r["id"], r["title"]) for r in replies), **words)
        sections = tuple(
            Section(
                s["title"], tuple(Row(r["id"], r["title"], r["description"]) for r in s["rows"])
            )
            for s in action["sections"]
        )
        return Choices(body, action["button"], sections, node["header"]["text"], **words)
    return medium(kind, node)


def medium(kind: MediaKind, node: dict[str, Any]) -> Media:
    return Media(
        kind, node.get("link"), node.get("id"), node.get("caption", ""), node.get("filename", "")
    )


def components(listed: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in listed:
        (*_, last) = parameters = one["parameters"]
        if one["type"] == "header":
            found["header"] = medium(last["type"], last[last["type"]])
        elif one["type"] == "body":
            found["body"] = tuple(map(value, parameters))
        else:
            button = ButtonValue(int(one["index"]), one["sub_type"], last["payload"])
            found["buttons"] = (*found.get("buttons", ()), button)
    return found


def value(parameter: dict[str, Any]) -> Value:
    if parameter["type"] == "currency":
        amount = parameter["currency"]
        return CurrencyValue(amount["fallback_value"], amount["code"], amount["amount_1000"])
    if parameter["type"] == "date_time":
        return DateValue(parameter["date_time"]["fallback_value"])
    return TextValue(parameter["text"])


REQUESTS = [
    VECTORS / "facebook-openapi" / "send_requests" / f"send_{name}.json"
    for name in (
        *("audio_message_by_id", "audio_message_by_url", "image_message_by_id"),
        *("image_message_by_url", "video_message_by_id", "video_message_by_url"),
        *("document_message_by_id", "document_message_by_url", "sticker_message_by_id"),
        *("text_message", "list_message", "reply_button"),
        *("message_template_text", "message_template_media", "message_template_interactive"),
        *("reply_to_text_message", "reply_to_image_message_by_id"),
    )
]


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_what_meta_shows_as_a_request_is_what_we_send(path: Path) -> None:
    document = load(path)
    reply_to = document.get("context", {}).get("message_id")
    message = Message(document["to"], "1.1.1", asked(document), reply_to)
    body = msgspec.json.decode(payloads.request_body(message))
    assert body.pop("biz_opaque_callback_data") == "1.1.1"
    assert without_calendar(body) == without_calendar({"recipient_type": "individual", **document})


def without_calendar(document: Any) -> Any:
    """Without the parts of a date, which Meta no longer reads, and without what means nothing."""
    if isinstance(document, list):
        return [without_calendar(one) for one in document]
    if not isinstance(document, dict):
        return document
    if "fallback_value" in document and "code" not in document:
        return document["fallback_value"]
    left = {key: without_calendar(one) for key, one in document.items()}
    return {key: one for key, one in left.items() if (key, one) != ("preview_url", False)}


def of_meta() -> list[dict[str, Any]]:
    folders = ("meta-docs/", "facebook-openapi/", "melgarafael-deskcommcrm/")
    return [c for c in load(VECTORS / "expected.json") if c["file"].startswith(folders)]


@pytest.mark.parametrize("case", of_meta(), ids=lambda case: case["file"])
def test_every_collected_callback_gives_the_events_listed(case: dict[str, Any]) -> None:
    document = load(VECTORS / case["file"])
    if "key" in case:
        document = document[case["key"]]
    found = webhook.parse(msgspec.json.encode(document), ARRIVED)
    assert [listed(event) for event in found] == [comparable(event) for event in case["events"]]


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """An expected event in the words in which ours are told apart."""
    told = {key: value for key, value in event.items() if key not in {"provider", "error_title"}}
    if "language" in told:  # Meta writes en-US here and en_US everywhere else
        told["language"] = told["language"].replace("-", "_")
    if told.get("reason") == "NONE":
        del told["reason"]
    for name in ("template_id", "error_code", "limit"):
        if name in told:
            told[name] = str(told[name])
    return told


def listed(event: CallbackEvent) -> dict[str, Any]:
    """One of our events as the list has it."""
    told: dict[str, Any] = {"waba_id": event.account_id, "phone_number_id": event.external_id}
    if event.at != ARRIVED:
        told["timestamp"] = event.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(event, events.FromPerson):
        told |= {"from": event.sender, "from_user_id": event.user_id}
    if isinstance(event, events.InboundEvent | events.ReactionEvent | events.PersonChangedEvent):
        told |= {"message_id": event.message_id, "profile_name": event.name}
    if isinstance(event, events.FromPerson) and told["from_user_id"] and not told["from"]:
        del told["from"]
    told |= _DETAILS[type(event)](event)
    return {key: value for key, value in told.items() if value not in (None, "", [])}


def _inbound(event: events.InboundEvent) -> dict[str, Any]:
    media = event.media
    told = {
        "kind": "unsupported" if event.kind == "unsupported" else "inbound",
        "type": event.kind,
        "text": event.text,
        "reply_to": event.reply_to,
        "location": list(event.place or ()),
        "media_id": media and media.media_id,
        "mime_type": media and media.mime_type,
        "error_code": event.fault and event.fault.code,
    }
    return {**told, ("button_payload" if event.kind == "button" else "reply_id"): event.choice}


def _of_template(event: Any) -> dict[str, Any]:
    return {"template_id": event.template_id, "template_name": event.name}


_DETAILS: dict[type[CallbackEvent], Any] = {
    events.InboundEvent: _inbound,
    events.ReactionEvent: lambda e: {
        "kind": "reaction",
        "type": "reaction",
        "reaction_to": e.of,
        "emoji": e.emoji,
    },
    events.PersonChangedEvent: lambda e: {
        "kind": "system",
        "type": "system",
        "system_type": e.kind,
        "new_wa_id": e.new_sender,
    },
    events.StatusEvent: lambda e: {
        "kind": "status",
        "message_id": e.provider_id,
        "status": e.status,
        "to": e.recipient,
        "to_user_id": e.user_id,
        "biz_opaque_callback_data": e.reference,
        "pricing_category": e.category,
        "error_code": e.fault and e.fault.code,
    },
    events.ConsentEvent: lambda e: {
        "kind": {"stop": "opt_out", "resume": "opt_in"}[e.wish],
        "value": e.wish,
        "category": e.category,
    },
    events.TemplateStatusEvent: lambda e: {
        "kind": "template_status",
        "event": e.status,
        "language": e.language,
        "reason": e.reason,
        "other_title": e.title,
        **_of_template(e),
    },
    events.TemplateQualityEvent: lambda e: {
        "kind": "template_quality",
        "from_score": e.before,
        "to_score": e.after,
        **_of_template(e),
    },
    events.NumberQualityEvent: lambda e: {
        "kind": "phone_quality",
        "event": e.event,
        "limit": e.tier,
        "display_phone_number": e.display_number,
    },
    events.AccountEvent: lambda e: {
        "kind": "account_update",
        "event": e.event,
        "restrictions": [one.kind for one in e.restrictions],
    },
    events.CapabilityEvent: lambda e: {"kind": "capability", "limit": str(e.people)},
    events.ErrorEvent: lambda e: {"kind": "channel_error", "error_code": e.fault.code},
    events.OtherEvent: lambda e: {"kind": "ignored", "field": e.kind},
}
