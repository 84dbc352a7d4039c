"""Callbacks of Meta: verified, divided among those whom they concern, and handed on to be read."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from recado.providers import reading
from recado.providers.base import CallbackEvent, Config
from recado.providers.events import LONG_AGO
from recado.providers.meta import events
from recado.providers.meta.events import Change
from recado.providers.plain import plain
from recado.providers.reading import objects

_SIGNATURE = "x-hub-signature-256"


class MetaCallbacks:
    """What an adapter does about callbacks in Meta's shape."""

    def verify(self, config: Config, headers: Mapping[str, str], body: bytes) -> bool:
        return verify(str(config["app_secret"]), headers, body)

    def handshake(self, config: Config, query: Mapping[str, str]) -> str | None:
        return handshake(str(config["verify_token"]), query)

    def external_ids(self, body: bytes) -> set[str]:
        return external_ids(body)

    def account_ids(self, body: bytes) -> set[str]:
        return account_ids(body)

    def only(self, body: bytes, external_id: str, account_id: str | None = None) -> bytes:
        return only(body, external_id, account_id)

    def parse(self, body: bytes, *, arrived: datetime) -> list[CallbackEvent]:
        return parse(body, arrived)


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
    given = query.get("hub.verify_token", "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, verify_token.encode()):
        return None
    return query.get("hub.challenge", "")


def external_ids(body: bytes) -> set[str]:
    """The phone_number_ids that a callback speaks of."""
    try:
        return {change.number for change in _changes(reading.document(body)) if change.number}
    except ValueError:
        return set()


def account_ids(body: bytes) -> set[str]:
    """The business accounts that a callback speaks of as a whole."""
    try:
        found = {c.account for c in _changes(reading.document(body)) if not c.number and c.account}
    except ValueError:
        return set()
    return found


def only(body: bytes, external_id: str, account_id: str | None = None) -> bytes:
    """The same callback with the changes of one number alone, for that number's workspace.

    ``account_id``: and with those of this business account that name no number.
    """
    document = reading.document(body)
    entries = []
    for entry in objects(document.get("entry")):
        of_account = account_id is not None and _identifier(entry.get("id")) == account_id
        changes = [
            change
            for change in objects(entry.get("changes"))
            if (number := _number(change)) == external_id or (of_account and not number)
        ]
        if changes:
            entries.append({**entry, "changes": changes})
    return msgspec.json.encode({**document, "entry": entries})


def parse(body: bytes, arrived: datetime = LONG_AGO) -> list[CallbackEvent]:
    """All events of a callback, in its order; raises ValueError if it is not JSON of an object."""
    return [
        event
        for change in _changes(reading.document(body))
        for event in events.read(change, arrived=arrived)
    ]


def _changes(document: Mapping[str, Any]) -> Iterator[Change]:
    for entry in objects(document.get("entry")):
        for change in objects(entry.get("changes")):
            value = change.get("value")
            if isinstance(value, dict):
                yield Change(
                    account=_identifier(entry.get("id")),
                    number=_number(change),
                    field=plain(change.get("field") or ""),
                    value=value,
                    time=entry.get("time"),
                )


def _number(change: Mapping[str, Any]) -> str:
    value = change.get("value")
    metadata = value.get("metadata") if isinstance(value, dict) else None
    return _identifier(metadata.get("phone_number_id")) if isinstance(metadata, dict) else ""


def _identifier(value: object) -> str:
    """As it is, however odd: what is cut or mended might become the name of somebody else."""
    return str(value) if isinstance(value, str | int) and value else ""
