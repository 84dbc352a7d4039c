"""Callbacks of uazapi: verified by the instance's token in their body, and read.

The vendor does not describe them; they are read as users of it have captured them. What is odd
within them is passed over.
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from recado.providers import reading, whatsapp
from recado.providers.base import CallbackEvent, Config
from recado.providers.events import (
    ConnectionEvent,
    EchoEvent,
    EditEvent,
    OtherEvent,
    QrEvent,
    StatusEvent,
)
from recado.providers.reading import objects, picture, under, word
from recado.providers.uazapi import inbound
from recado.providers.uazapi.errors import failed_later
from recado.providers.uazapi.payloads import STATES, bare

STATUSES: Mapping[str, str] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "played",
    "error": "failed",
    "failed": "failed",
}
# Of a message that was sent by a request: it is with the server, whatever it says beside.
_TAKEN = frozenset({"", "pending", "queued"})
_GROUP = "group"
_LOGGED_OUT = "loggedout"


class UazapiCallbacks:
    """What an adapter does about callbacks in uazapi's shape."""

    def verify(self, config: Config, headers: Mapping[str, str], body: bytes) -> bool:
        del headers
        token = str(config["token"]).encode()
        given = (reading.decoded(body) or {}).get("token")
        told = given.encode("utf-8", "replace") if isinstance(given, str) else b""
        return bool(token) and hmac.compare_digest(told, token)

    def parse(self, body: bytes, *, arrived: datetime) -> list[CallbackEvent]:
        document = reading.document(body)
        kind = word(document.get("EventType"))
        whose: dict[str, Any] = {
            "external_id": word(document.get("instanceName")),
            "at": arrived,
        }
        reader = _READERS.get(kind)
        found = list(reader(document, whose)) if reader else []
        return found or [OtherEvent(kind=kind or "unnamed", payload=_told(document), **whose)]

    def without_secrets(self, body: bytes) -> bytes:
        return msgspec.json.encode(_told(reading.document(body)))


def _told(document: Mapping[str, Any]) -> dict[str, Any]:
    """All but the instance's token."""
    return {key: value for key, value in document.items() if key != "token"}


def _message(document: Mapping[str, Any], whose: Mapping[str, Any]) -> Iterator[CallbackEvent]:
    """Something that was written: by a person, on our own phone, or by a request."""
    message = under(document, "message")
    whose = {**whose, "at": reading.time(message.get("messageTimestamp"), whose["at"])}
    if inbound.true(message.get("isGroup")) or whatsapp.is_of_many(message.get("chatid")):
        yield OtherEvent(kind=_GROUP, payload=message, **whose)
    elif inbound.true(message.get("fromMe")):
        yield from _ours(message, whose)
    elif found := inbound.received(message, whose):
        yield found


def _ours(message: Mapping[str, Any], whose: Mapping[str, Any]) -> Iterator[CallbackEvent]:
    kind, identifier = inbound.kind_of(message), bare(message.get("messageid") or message.get("id"))
    digits, user_id = whatsapp.person(message.get("chatid"), message.get("chatlid"))
    by_api = inbound.true(message.get("wasSentByApi"))
    if (of := bare(message.get("edited"))) and not by_api:
        text = inbound.text_of(message)
        yield EditEvent(of=of, text=text, ours=True, sender=digits, user_id=user_id, **whose)
        return
    if not identifier or kind in whatsapp.ABOUT_ANOTHER:
        return
    reference = (word(message.get("track_id")) or None) if by_api else None
    if by_api:
        told = word(message.get("status")).lower()
        status = "sent" if told in _TAKEN else STATUSES.get(told, told)
        yield StatusEvent(
            provider_id=identifier,
            status=status,
            reference=reference,
            recipient=digits or None,
            user_id=user_id,
            fault=failed_later() if status == "failed" else None,
            **whose,
        )
    yield EchoEvent(
        by="api" if by_api else "phone",
        provider_id=identifier,
        recipient=digits,
        user_id=user_id,
        reference=reference,
        kind=kind,
        text=inbound.text_of(message),
        payload=message,
        **whose,
    )


def _receipts(document: Mapping[str, Any], whose: Mapping[str, Any]) -> Iterator[CallbackEvent]:
    """Each message that a receipt names."""
    told = document.get("event")
    for event in objects(told if isinstance(told, list) else [told]):
        at = reading.time(event.get("Timestamp"), whose["at"])
        if inbound.true(event.get("IsGroup")) or whatsapp.is_of_many(event.get("Chat")):
            yield OtherEvent(kind=_GROUP, payload=event, **{**whose, "at": at})
            continue
        if inbound.true(event.get("IsFromMe")):
            continue  # our own phone has read what was written to us
        ids = event.get("MessageIDs")
        state = word(document.get("state") or event.get("Type")).lower()
        status = STATUSES.get(state, state)
        chat, sender = event.get("Chat"), event.get("Sender")
        hidden = event.get("sender_lid")
        digits, user_id = whatsapp.person(event.get("sender_pn"), chat, sender, hidden)
        for identifier in ids if isinstance(ids, list) else [ids]:
            if status and bare(identifier):
                yield StatusEvent(
                    provider_id=bare(identifier),
                    status=status,
                    recipient=digits or None,
                    user_id=user_id,
                    fault=failed_later() if status == "failed" else None,
                    **{**whose, "at": at},
                )


def _connection(document: Mapping[str, Any], whose: Mapping[str, Any]) -> Iterator[CallbackEvent]:
    instance, kind = under(document, "instance"), word(document.get("type"))
    logged_out = kind.lower() == _LOGGED_OUT
    status = "disconnected" if logged_out else STATES.get(word(instance.get("status")))
    if status is not None:
        because = word(instance.get("lastDisconnectReason")) if status == "disconnected" else ""
        for_good = logged_out or because.partition(":")[0].strip() in whatsapp.GONE_FOR_GOOD
        number = whatsapp.person(instance.get("owner"), document.get("owner"))[0]
        yield ConnectionEvent(
            status=status,
            reason=because or kind,
            returns=status == "connecting" or (status == "disconnected" and not for_good),
            number=number if status == "connected" else "",
            **whose,
        )
    image, code = picture(instance.get("qrcode")), word(instance.get("paircode"))
    if image or code:
        yield QrEvent(image=image, pairing_code=code, **whose)


_READERS: Mapping[
    str, Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[CallbackEvent]]
] = {
    "messages": _message,
    "messages_update": _receipts,
    "connection": _connection,
}
