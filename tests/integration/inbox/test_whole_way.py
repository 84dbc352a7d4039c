"""From what a provider calls with to what a person sees in a conversation."""

from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from tests.integration.api.product import Api
from yarl import URL

from recado.domain.ids import WorkspaceId
from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime

WHO = "5531988887777"
JID = f"{WHO}@s.whatsapp.net"
Callback = tuple[str, dict[str, Any]]


def evolution(event: str, data: object) -> Callback:
    told = {"event": event, "instance": "loja", "data": data, "apikey": None}
    return f"/{event.replace('.', '-')}", told  # as with "webhook by events"


def upsert(identifier: str, text: str, *, at: int = 0, **more: Any) -> Callback:
    key = {"remoteJid": JID, "fromMe": False, "id": identifier, **more}
    data = {"key": key, "pushName": "Ana", "message": {"conversation": text}}
    return evolution("messages.upsert", data | {"messageTimestamp": at})


def edited(of: str, text: str) -> Callback:
    key = {"remoteJid": JID, "fromMe": False, "id": of}
    return evolution("messages.edited", {"key": key, "editedMessage": {"conversation": text}})


def uazapi(kind: str, message: dict[str, Any]) -> Callback:
    told = {"EventType": kind, "owner": "5511900000001", "token": "senha", "message": message}
    return "/messages/text", told  # as with "add the event to the address"


def written(identifier: str, text: str, **more: Any) -> Callback:
    who = {"sender": "1@lid", "sender_pn": JID, "chatid": JID, "senderName": "Ana"}
    said = {"messageid": identifier, "messageType": "Conversation", "text": text}
    return uazapi("messages", {**who, **said, "fromMe": "False", "messageTimestamp": 0, **more})


@dataclass(frozen=True)
class Line:
    """A provider, a channel's config there, and how it calls back."""

    provider: str
    config: dict[str, str]
    callbacks: tuple[Callback, ...]
    headers: dict[str, str] = field(default_factory=dict)


EVOLUTION = Line(
    "evolution",
    {"instance": "loja", "api_key": "chave", "webhook_secret": "senha"},
    (edited("A", "Oi!"), upsert("A", "Oi"), upsert("A", "Oi"), upsert("B", "Tem vaga?")),
    {"x-hook-secret": "senha"},
)
UAZAPI = Line(
    "uazapi",
    {"token": "senha"},
    (
        written("E", "Oi!", edited="5511900000001:A"),
        written("A", "Oi"),
        written("A", "Oi"),
        written("B", "Tem vaga?"),
    ),
)


@pytest.mark.parametrize("line", [EVOLUTION, UAZAPI], ids=lambda line: line.provider)
async def test_what_is_written_to_a_phone_is_in_its_conversation(
    api: Api,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    workspace: WorkspaceId,
    line: Line,
) -> None:
    """Edited before it came, twice, without a time, and at an address with the event behind it."""
    config = {**line.config, "base_url": "http://127.0.0.1:1"}
    wanted = {"name": line.provider, "provider": line.provider, "config": config}
    made = await api("POST", "channels", wanted, status=201)
    path = str(URL(made["webhook_url"]).path)
    for behind, told in line.callbacks:
        async with http.post(path + behind, json=told, headers=line.headers) as answer:
            assert answer.status == 200, await answer.text()
        await apply_waiting(runtime, workspace)
    [place] = (await api("GET", "conversations"))["items"]
    assert (place["name"], place["phone"], place["unread"]) == ("Ana", f"+{WHO}", 2)
    assert place["may_answer"]
    assert place["open_until"] is not None
    found = (await api("GET", f"conversations/{place['id']}/messages"))["items"]
    assert [one["text"] for one in found] == ["Tem vaga?", "Oi!"]
