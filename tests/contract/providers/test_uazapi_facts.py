"""uazapi's adapter against the collected examples, where they are at hand."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recado.providers import events
from recado.providers.events import CallbackEvent
from recado.providers.uazapi.adapter import UazapiAdapter

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
FOLDER = "uazapi-derived"
ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the examples are not part of Recado")


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def collected() -> list[dict[str, Any]]:
    return [c for c in load(VECTORS / "expected.json") if c["file"].startswith(FOLDER)]


@pytest.mark.parametrize("case", collected(), ids=lambda case: Path(case["file"]).stem)
def test_every_collected_callback_gives_the_events_listed(case: dict[str, Any]) -> None:
    document = load(VECTORS / case["file"])
    body = msgspec.json.encode(document)
    assert UazapiAdapter().verify({"token": document["token"]}, {}, body)
    found = UazapiAdapter().parse(body, arrived=ARRIVED)
    expected = [{k: v for k, v in event.items() if k != "provider"} for event in case["events"]]
    assert [listed(event) for event in found] == expected


def test_no_callback_was_collected_without_its_events() -> None:
    known = {Path(case["file"]).name for case in collected()}
    assert {path.name for path in (VECTORS / FOLDER).glob("*.json")} == known


def listed(event: CallbackEvent) -> dict[str, Any]:
    """One of our events as the list has it."""
    assert isinstance(event, events.StatusEvent)
    return {
        "kind": "status",
        "instance": event.external_id,
        "message_id": event.provider_id,
        "status": "read" if event.status == "played" else event.status,
        "to": event.recipient,
        "timestamp": event.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
