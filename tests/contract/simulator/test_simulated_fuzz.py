"""Whatever is asked of the simulator, each provider answers in its own way; nothing breaks it."""

import os
import random
from typing import Any

from tests.support.mutations import mutated

from recado.simulator.testing import Simulator

SEED, REQUESTS = int(os.environ.get("RECADO_FUZZ_SEED", "1")), 300
TO = "5511999990001"
TEMPLATE = {
    "name": "recado_promocao",
    "language": {"code": "pt_BR"},
    "components": [
        {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x.y/a"}}]},
        {"type": "body", "parameters": [{"type": "text", "parameter_name": "nome", "text": "A"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text"}]},
    ],
}
BUTTON = {"type": "reply", "reply": {"id": "a", "title": "A"}}
TAPPED: dict[str, Any] = {
    "type": "button",
    "body": {"text": "a"},
    "action": {"buttons": [BUTTON]},
}
ROWS = [{"rows": [{"id": "a", "title": "A", "rowId": "a"}], "title": "x"}]
META: list[dict[str, Any]] = [
    {"type": "text", "text": {"body": "oi"}, "context": {"message_id": "wamid.1"}},
    {"type": "template", "template": TEMPLATE, "biz_opaque_callback_data": "1.1.1"},
    {"type": "document", "document": {"link": "https://x.y/a", "filename": "a", "caption": "b"}},
    {"type": "interactive", "interactive": TAPPED},
    {"type": "location", "location": {"latitude": 1, "longitude": 2}},
    {"status": "read", "message_id": "wamid.1", "typing_indicator": {"type": "text"}},
]
EVOLUTION: dict[str, Any] = {
    "sendText": {"text": "oi", "quoted": {"key": {"id": "A"}}},
    "sendMedia": {"mediatype": "image", "mimetype": "a/b", "media": "https://x.y/a"},
    "sendWhatsAppAudio": {"audio": "https://x.y/a"},
    "sendButtons": {"title": "a", "buttons": [{"type": "reply", "displayText": "A", "id": "a"}]},
    "sendList": {"title": "a", "buttonText": "b", "footerText": "c", "sections": ROWS},
}
UAZAPI: dict[str, Any] = {
    "text": {"text": "oi", "track_id": "1.1.1", "replyid": "A"},
    "media": {"type": "image", "file": "https://x.y/a", "text": "oi"},
    "menu": {"type": "button", "text": "oi", "choices": ["a|1"]},
    "location": {"latitude": 1, "longitude": 2},
    "contact": {"fullName": "A", "phoneNumber": TO},
}
INBOUND: list[dict[str, Any]] = [
    {"channel": "100001", "from": TO, "button": {"id": "a", "text": "A"}, "quoted": "b"},
    {"channel": "loja", "from": TO, "media": {"type": "image"}, "provider": "evolution"},
    {"channel": "secret", "from": TO, "text": "oi", "name": "Ana", "provider": "uazapi"},
]


def requests() -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """Path, body and headers of what would be taken."""
    bearer = {"Authorization": "Bearer secret"}
    found = [
        ("/meta/v23.0/100001/messages", {"messaging_product": "whatsapp", "to": TO, **one}, bearer)
        for one in META
    ]
    key = {"apikey": "secret"}
    for call, body in EVOLUTION.items():
        found.append((f"/evolution/message/{call}/loja", {"number": TO, **body}, key))
    found.append(("/evolution/chat/whatsappNumbers/loja", {"numbers": [TO]}, key))
    found.append(("/evolution/webhook/set/loja", {"webhook": {"enabled": False, "url": ""}}, key))
    token = {"token": "secret"}
    for call, body in UAZAPI.items():
        found.append((f"/uazapi/send/{call}", {"number": TO, **body}, token))
    found.append(("/uazapi/chat/check", {"numbers": [TO]}, token))
    found.append(("/uazapi/webhook", {"url": "http://127.0.0.1:1", "enabled": False}, token))
    found += [("/_sim/inbound", one, {}) for one in INBOUND]
    event = {"channel": "100001", "field": "account_update", "value": {"event": "X"}}
    rule = {"fault": {"kind": "error", "code": 1}, "match": {"to": "1"}, "rate": 0.5, "count": 1}
    found += [("/_sim/event", event, {}), ("/_sim/faults", {"rules": [rule]}, {})]
    return found


def test_no_request_however_odd_breaks_the_simulator() -> None:
    chance = random.Random(SEED)
    with Simulator() as simulator:
        registered = {"phone_number_id": "100001", "access_token": "secret"}
        simulator.control("channels", {"provider": "meta", **registered})
        asked = requests()
        for path, body, headers in asked:
            assert simulator.call("POST", path, body, headers=headers).status < 405, path
        for _ in range(REQUESTS):
            path, document, headers = chance.choice(asked)
            bent = mutated(document, chance)
            reply = simulator.call("POST", path, bent, headers=headers)
            # The server says it in plain text where an exception was not caught.
            assert not reply.headers["content-type"].startswith("text/plain"), (path, bent[:2000])
