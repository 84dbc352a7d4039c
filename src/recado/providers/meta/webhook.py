"""Callbacks of Meta: verification, signature, and the events inside."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from recado.providers.base import CallbackEvent, InboundEvent, OtherEvent, StatusEvent
from recado.providers.meta import payloads
from recado.providers.plain import LONGEST_ID, plain

MILLISECONDS_FROM = 10**12  # a timestamp this large is in milliseconds, as some have been
_SIGNATURE = "x-hub-signature-256"


def sign(secret: str, body: bytes) -> str:
    """The signature header's value for a body, over its raw bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the raw body carries the signature of this app secret; header names in lower case."""
    if not secret:
        return False
    given = headers.get(_SIGNATURE, "").encode("utf-8", "replace")
    return hmac.compare_digest(given, sign(secret, body).encode())


def handshake(verify_token: str, query: Mapping[str, str]) -> str | None:
    """The challenge to answer with, if the token is ours and not empty."""
    if query.get("hub.mode") != "subscribe" or not verify_token:
        return None
    given = query.get("hub.verify_token", "").encode()
    if not hmac.compare_digest(given, verify_token.encode()):
        return None
    return query.get("hub.challenge", "")


def external_ids(body: bytes) -> set[str]:
    """The phone_number_ids that a callback speaks of."""
    try:
        return {number for number, _, _ in _changes(body) if number}
    except ValueError:
        return set()


def only(body: bytes, external_id: str) -> bytes:
    """The same callback with the changes of one number alone, for that number's workspace."""
    document = _decode(body)
    entries = []
    for entry in _objects(document.get("entry")):
        changes = [c for c in _objects(entry.get("changes")) if _number(c) == external_id]
        if changes:
            entries.append({**entry, "changes": changes})
    return msgspec.json.encode({**document, "entry": entries})


def parse(body: bytes) -> list[CallbackEvent]:
    """All events of a callback, in its order; raises ValueError if it is not JSON of an object."""
    events: list[CallbackEvent] = []
    for number, name, value in _changes(body):
        if name != "messages":
            events.append(OtherEvent(number, name, value))
            continue
        events.extend(_status(number, status) for status in _objects(value.get("statuses")))
        events.extend(
            InboundEvent(
                external_id=number,
                sender=plain(message.get("from") or "", LONGEST_ID),
                at=_time(message.get("timestamp")),
                payload=message,
            )
            for message in _objects(value.get("messages"))
        )
        events.extend(
            OtherEvent(number, "channel_error", error) for error in _objects(value.get("errors"))
        )
    return events


def _status(number: str, status: Mapping[str, Any]) -> StatusEvent:
    errors = list(_objects(status.get("errors")))
    reference = status.get("biz_opaque_callback_data")
    return StatusEvent(
        external_id=number,
        provider_id=plain(status.get("id") or "", LONGEST_ID),
        status=plain(status.get("status") or ""),
        at=_time(status.get("timestamp")),
        reference=reference if isinstance(reference, str) else None,
        recipient=str(status["recipient_id"]) if status.get("recipient_id") else None,
        fault=payloads.fault(errors[0]) if errors else None,
    )


def _time(value: object) -> datetime:
    """Unix time in seconds or milliseconds, a string or a number; the epoch if unreadable."""
    try:
        seconds = float(str(value))
        if seconds >= MILLISECONDS_FROM:
            seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _changes(body: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(phone_number_id, field, value) of each change."""
    for entry in _objects(_decode(body).get("entry")):
        for change in _objects(entry.get("changes")):
            value = change.get("value")
            if isinstance(value, dict):
                yield _number(change), str(change.get("field", "")), value


def _number(change: Mapping[str, Any]) -> str:
    value = change.get("value")
    metadata = value.get("metadata") if isinstance(value, dict) else None
    number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
    return str(number) if number else ""


def _decode(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)  # its DecodeError is a ValueError
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("a callback is a JSON object")  # noqa: TRY004 - all faults are ValueErrors
    return document


def _objects(items: object) -> Iterator[dict[str, Any]]:
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))
