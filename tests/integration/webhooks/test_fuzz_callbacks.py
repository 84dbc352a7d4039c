"""Whatever is posted to a number's address is answered, applied or put aside, and stops nothing.

Short here; RECADO_FUZZ_SECONDS=180 makes it long, and RECADO_FUZZ_SEED draws anew.
"""

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.webhooks.calling import Number, body, change, entry, send, status
from tests.integration.webhooks.test_applying import row
from tests.support.mutations import mutated

from recado.api.webhooks import LARGEST_CALLBACK
from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime
from recado.providers.meta import webhook

SECONDS = float(os.environ.get("RECADO_FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("RECADO_FUZZ_SEED", "1"))
ROUNDS, A_ROUND = 1, 60
# The collected examples, where they are at hand.
EXAMPLES = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
NOW = str(int(time.time()))


def genuine(number: Number, digits: str, reference: str) -> list[dict[str, Any]]:
    """Callbacks as they should be, about people and deliveries that there are."""
    written = {"from": digits, "from_user_id": "BR.1", "id": "wamid.I", "timestamp": NOW}
    nodes: dict[str, Any] = {
        "text": {"body": "SAIR"},
        "image": {"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "oi"},
        "button": {"payload": "parar", "text": "Parar"},
        "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "A"}},
        "reaction": {"message_id": "wamid.X", "emoji": "👍"},
        "location": {"latitude": -23.5, "longitude": -46.6, "name": "Loja"},
        "system": {"type": "user_changed_number", "wa_id": "5511900000001", "body": "x"},
        "edit": {"original_message_id": "wamid.I", "message": {"type": "text"}},
        "revoke": {"original_message_id": "wamid.I"},
    }
    messages = [
        {**written, "id": f"wamid.{kind}", "type": kind, kind: node, "context": {"id": "wamid.X"}}
        for kind, node in nodes.items()
    ]
    contacts = [{"profile": {"name": "Ana"}, "wa_id": digits, "user_id": "BR.1"}]
    failure = {"code": 131026, "title": "x", "message": "x", "error_data": {"details": "y"}}
    told = [
        status("sent", reference=reference, pricing={"category": "marketing"}),
        status("failed", reference=reference, errors=[failure], recipient_id=digits),
        status("read", provider_id="wamid.held", recipient_user_id="BR.1"),
    ]
    full = change(number, *told)
    full["value"] |= {"messages": messages, "contacts": contacts, "errors": [failure]}
    wish = {"wa_id": digits, "category": "marketing_messages", "value": "stop", "timestamp": 1}
    template = {"message_template_id": 1, "message_template_name": "a", "event": "PAUSED"}
    account = {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"expiration": 1}]}
    others = {
        "user_preferences": {**change(number)["value"], "user_preferences": [wish]},
        "message_template_status_update": {**template, "message_template_language": "pt_BR"},
        "message_template_quality_update": {**template, "new_quality_score": "RED"},
        "template_category_update": {**template, "new_category": "MARKETING"},
        "phone_number_quality_update": {"event": "FLAGGED", "current_limit": "TIER_1K"},
        "business_capability_update": {"max_daily_conversations_per_business": 2000},
        "account_update": account,
        "account_alerts": {"alert_type": "X"},
        "calls": {**change(number)["value"], "calls": [{**written, "direction": "USER_INITIATED"}]},
        "smb_message_echoes": {**change(number)["value"], "message_echoes": messages[:2]},
    }
    return [
        {"object": "whatsapp_business_account", "entry": [entry(one, at=int(NOW))]}
        for one in (full, *({"field": field, "value": value} for field, value in others.items()))
    ]


def collected(number: Number) -> list[Any]:
    """The examples, as if they were about this number."""
    found = []
    for folder in ("facebook-openapi/webhooks", "meta-docs", "melgarafael-deskcommcrm"):
        for path in sorted((EXAMPLES / folder).glob("*.json")):
            document = json.loads(path.read_text())
            listed = [document, *document.values()] if isinstance(document, dict) else []
            found += [one for one in listed if isinstance(one, dict) and "entry" in one]
    return [_about(number, one) for one in found]


def _about(number: Number, node: Any) -> Any:
    if isinstance(node, list):
        return [_about(number, one) for one in node]
    if isinstance(node, dict):
        bent = {key: _about(number, one) for key, one in node.items()}
        return {
            **bent,
            **({"phone_number_id": number.phone_number_id} if "phone_number_id" in bent else {}),
        }
    return node


def unreadable(data: bytes) -> bool:
    try:
        webhook.parse(data)
    except ValueError:
        return True
    return False


@pytest.mark.timeout(SECONDS + 180)
async def test_no_callback_breaks_the_way_in_or_the_job_behind_it(
    runtime: Runtime, number: Number, http: aiohttp.ClientSession
) -> None:
    chance, until, rounds = random.Random(SEED), time.monotonic() + SECONDS, 0
    [contact] = await factories.contacts(runtime, number.workspace, 1)
    digits = await _number_of(runtime, number, contact)
    while rounds < ROUNDS or time.monotonic() < until:
        rounds += 1
        sent, canary = await send(runtime, number), await send(runtime, number)
        documents = genuine(number, digits, sent.reference()) + collected(number)
        for _ in range(A_ROUND):
            bent = mutated(chance.choice(documents), chance)
            wanted = 200 if len(bent) <= LARGEST_CALLBACK else 413
            assert await number.call(http, bent) == wanted
        told = status("read", reference=canary.reference())
        assert await number.call(http, body(change(number, told))) == 200
        await apply_waiting(runtime, number.workspace)
        assert (await row(runtime, number, canary))["status"] == "read"
        async with runtime.db.workspace(number.workspace) as tx:
            kept = await tx.all(
                "SELECT body, error, processed_at IS NULL AND again_at IS NULL AS stuck"
                " FROM callback"
            )
            await tx.run("DELETE FROM callback")
        assert [one["body"] for one in kept if one["stuck"]] == []
        broken = [one for one in kept if one["error"] and not unreadable(one["body"])]
        assert [(one["error"], one["body"]) for one in broken] == []


async def _number_of(runtime: Runtime, number: Number, contact: int) -> str:
    async with runtime.db.workspace(number.workspace) as tx:
        found = await tx.value("SELECT phone FROM contact WHERE id = %(id)s", id=contact)
    return str(found).lstrip("+")
