"""Callbacks of Evolution: verified by the header that we had it send, and read.

Payloads are those of versions 2.3.6 and 2.3.7. What is odd within them is passed over.
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recado.providers import reading, whatsapp
from recado.providers.base import CallbackEvent, Config
from recado.providers.events import (
    ConnectionEvent,
    EchoEvent,
    EditEvent,
    OtherEvent,
    QrEvent,
    RevokeEvent,
    StatusEvent,
)
from recado.providers.evolution import inbound
from recado.providers.evolution.errors import failed_later
from recado.providers.evolution.payloads import SECRET_HEADER, STATES
from recado.providers.reading import objects, picture, prose, under, word

# As WhatsApp's own library counts and names them. DELETED (2.3.6) may be any update without a
# state, an edit among them, and is passed through as a word that moves nothing.
STATUSES: Mapping[str, str] = {
    "ERROR": "failed",
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "played",
    "0": "failed",
    "1": "pending",
    "2": "sent",
    "3": "delivered",
    "4": "read",
    "5": "played",
}
_GROUP = "group"


@dataclass(frozen=True, slots=True)
class _Callback:
    """One event: its name with dots, its data, what all events have, the account's digits."""

    event: str
    data: Mapping[str, Any]
    whose: Mapping[str, Any]
    account: str


class EvolutionCallbacks:
    """What an adapter does about callbacks in Evolution's shape."""

    def verify(self, config: Config, headers: Mapping[str, str], body: bytes) -> bool:
        del body
        secret = str(config["webhook_secret"]).encode()
        given = headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        return bool(secret) and hmac.compare_digest(given, secret)

    def parse(self, body: bytes, *, arrived: datetime) -> list[CallbackEvent]:
        return list(_events(reading.document(body), arrived))


def _events(document: Mapping[str, Any], arrived: datetime) -> Iterator[CallbackEvent]:
    event = word(document.get("event")).lower().replace("_", ".").replace("-", ".")
    data = document.get("data")
    reader = _READERS.get(event)
    whose = {"external_id": word(document.get("instance")), "at": arrived}
    account = whatsapp.person(document.get("sender"))[0]
    for one in objects(data if isinstance(data, list) else [data]):
        callback = _Callback(event, one, whose, account)
        yield (reader(callback) if reader else None) or _other(callback, event or "unnamed")


def _other(callback: _Callback, kind: str) -> OtherEvent:
    return OtherEvent(kind=kind, payload=callback.data, **callback.whose)


def _message(callback: _Callback) -> CallbackEvent | None:
    """Something that was written: by a person, or by somebody on our own phone."""
    data, key = callback.data, under(callback.data, "key")
    if whatsapp.is_of_many(key.get("remoteJid")):
        return _other(callback, _GROUP)
    at = reading.time(data.get("messageTimestamp"), callback.whose["at"])
    whose = {**callback.whose, "at": at}
    if key.get("fromMe") is True:
        return _echo(callback, key, whose)
    digits, user_id = whatsapp.person(key.get("remoteJid"), key.get("remoteJidAlt"))
    if not digits and not user_id:
        return None
    who = {
        "sender": digits,
        "user_id": user_id,
        "name": word(data.get("pushName")),
        "message_id": word(key.get("id")),
        **whose,
    }
    return inbound.received(data, who)


def _echo(
    callback: _Callback, key: Mapping[str, Any], whose: Mapping[str, Any]
) -> CallbackEvent | None:
    kind, node = inbound.kind_and_node(callback.data)
    identifier = word(key.get("id"))
    if not identifier or kind in whatsapp.ABOUT_ANOTHER:
        return None
    digits, user_id = whatsapp.person(key.get("remoteJid"), key.get("remoteJidAlt"))
    return EchoEvent(
        by="api" if callback.event == "send.message" else "phone",
        provider_id=identifier,
        recipient=digits,
        user_id=user_id,
        kind=kind,
        text=inbound.text_of(kind, node),
        payload=callback.data,
        **whose,
    )


def _status(callback: _Callback) -> CallbackEvent | None:
    """A message of ours moved on; of a message of theirs, that they gave it another text."""
    data = callback.data
    key = {**under(data, "key"), **data}
    if whatsapp.is_of_many(key.get("remoteJid")):
        return _other(callback, _GROUP)
    identifier = word(data.get("keyId") or key.get("id"))
    digits, user_id = whatsapp.person(key.get("remoteJid"), key.get("remoteJidAlt"))
    if key.get("fromMe") is False:
        edited = inbound.edited_text(data)
        if edited is None or not (digits or user_id) or not identifier:
            return None
        who = {"sender": digits, "user_id": user_id, **callback.whose}
        return EditEvent(of=identifier, text=edited, **who)
    told = word(data.get("status"))
    if not identifier or not told:
        return None
    status = STATUSES.get(told.upper(), told.lower())
    return StatusEvent(
        provider_id=identifier,
        status=status,
        recipient=digits or None,
        user_id=user_id,
        fault=failed_later() if status == "failed" else None,
        **callback.whose,
    )


def _about_another(callback: _Callback) -> dict[str, Any] | None:
    """Which message is spoken of and in whose chat: its key is under ``key``, or all there is."""
    data = callback.data
    key = under(data, "key") or data
    identifier = word(key.get("id"))
    digits, user_id = whatsapp.person(key.get("remoteJid"), key.get("remoteJidAlt"))
    if not identifier or whatsapp.is_of_many(key.get("remoteJid")) or not (digits or user_id):
        return None
    ours = key.get("fromMe") is True
    return {"of": identifier, "ours": ours, "sender": digits, "user_id": user_id, **callback.whose}


def _deleted(callback: _Callback) -> CallbackEvent | None:
    found = _about_another(callback)
    return RevokeEvent(**found) if found else None


def _edited(callback: _Callback) -> CallbackEvent | None:
    found, text = _about_another(callback), inbound.edited_text(callback.data)
    return EditEvent(text=text, **found) if found and text is not None else None


def _connection(callback: _Callback) -> CallbackEvent | None:
    data = callback.data
    state = word(data.get("state") or data.get("status"))
    if state not in STATES:
        return None
    status = STATES[state]
    reason = word(data.get("statusReason") or data.get("disconnectionReasonCode"))
    number = whatsapp.person(data.get("wuid"))[0] or callback.account
    reopens = state == "close" and reason not in whatsapp.GONE_FOR_GOOD
    return ConnectionEvent(
        status=status,
        reason=reason,
        returns=status == "connecting" or reopens,
        number=number if status == "connected" else "",
        **callback.whose,
    )


def _qrcode(callback: _Callback) -> CallbackEvent:
    code = under(callback.data, "qrcode")
    return QrEvent(
        image=picture(code.get("base64")),
        code=prose(code.get("code")),
        pairing_code=word(code.get("pairingCode")),
        detail=word(callback.data.get("message")),
        **callback.whose,
    )


_READERS: Mapping[str, Callable[[_Callback], CallbackEvent | None]] = {
    "messages.upsert": _message,
    "send.message": _message,
    "messages.update": _status,
    "messages.delete": _deleted,
    "messages.edited": _edited,
    "connection.update": _connection,
    "status.instance": _connection,
    "qrcode.updated": _qrcode,
}
