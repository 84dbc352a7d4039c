"""Meta's adapter against the collected examples, where they are at hand."""

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recado.domain.retry import ErrorClass
from recado.providers.base import Accepted, HttpAnswer, Refused, StatusEvent, Unsure
from recado.providers.meta import payloads, webhook

FACTS = Path(__file__).parents[4] / "shared" / "providers"
VECTORS = FACTS / "vectors"

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


def test_every_code_of_ours_is_a_listed_one() -> None:
    assert set(payloads._CLASS_OF) == {code for code, _, _ in codes()}


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


def of_meta() -> list[dict[str, Any]]:
    folders = ("meta-docs/", "facebook-openapi/", "melgarafael-deskcommcrm/")
    return [c for c in load(VECTORS / "expected.json") if c["file"].startswith(folders)]


@pytest.mark.parametrize("case", of_meta(), ids=lambda case: case["file"])
def test_every_collected_callback_gives_the_statuses_listed(case: dict[str, Any]) -> None:
    document = load(VECTORS / case["file"])
    if "key" in case:
        document = document[case["key"]]
    events = webhook.parse(msgspec.json.encode(document))
    assert events, "a callback without any event would be lost without a trace"
    found = [event for event in events if isinstance(event, StatusEvent)]
    expected = [event for event in case["events"] if event["kind"] == "status"]
    assert [event.provider_id for event in found] == [e["message_id"] for e in expected]
    assert [event.status for event in found] == [e["status"] for e in expected]
    assert [event.at for event in found] == [
        datetime.fromisoformat(e["timestamp"]) for e in expected
    ]
    assert [event.recipient for event in found] == [e.get("to") for e in expected]
    assert [event.reference for event in found] == [
        e.get("biz_opaque_callback_data") for e in expected
    ]
    assert [event.fault.code if event.fault else None for event in found] == [
        str(e["error_code"]) if "error_code" in e else None for e in expected
    ]
