"""The callbacks that Meta sends: their updates, their bytes and their signature."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from recado.simulator.meta.codes import ERROR_PAGE, Code

_NON_ASCII = re.compile(r"[^\x00-\x7f]")


class Metadata(msgspec.Struct, frozen=True):
    """The business number that an update is about."""

    display_phone_number: str
    phone_number_id: str


class Update(msgspec.Struct, frozen=True):
    """One status, or one received message with its sender, of a number of a WABA.

    Or ``change``, which stands beside these in an entry of its own ``at`` some time.
    """

    waba_id: str
    metadata: Metadata
    status: object | None = None
    message: object | None = None
    contact: object | None = None
    change: Mapping[str, object] | None = None
    at: int | None = None


class MetaRoute(NamedTuple):
    """The address of an app and the secret that its callbacks are signed with."""

    url: str
    app_secret: str | None

    def pack(self, updates: Sequence[Update]) -> tuple[bytes, Mapping[str, str]]:
        """The signed body and the headers of one callback."""
        body = escaped(msgspec.json.encode(envelope(updates)))
        headers = {"Content-Type": "application/json", "User-Agent": "facebookexternalua"}
        if self.app_secret:
            headers["X-Hub-Signature-256"] = signature(self.app_secret, body)
        return body, headers


def envelope(updates: Sequence[Update]) -> dict[str, object]:
    """The updates in one body: an entry a WABA, a change for its numbers' messages and statuses."""
    entries: dict[str, dict[str, dict[str, list[object]]]] = {}
    metadata: dict[str, Metadata] = {}
    others = [
        {"id": u.waba_id, **({} if u.at is None else {"time": u.at}), "changes": [u.change]}
        for u in updates
        if u.change is not None
    ]
    for update in updates:
        if update.change is not None:
            continue
        number = update.metadata.phone_number_id
        metadata[number] = update.metadata
        value = entries.setdefault(update.waba_id, {}).setdefault(number, {})
        for name, node in (
            ("contacts", update.contact),
            ("messages", update.message),
            ("statuses", update.status),
        ):
            if node is not None:
                value.setdefault(name, []).append(node)
    return {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": waba_id,
                "changes": [
                    {
                        "value": {
                            "messaging_product": "whatsapp",
                            "metadata": metadata[number],
                            **value,
                        },
                        "field": "messages",
                    }
                    for number, value in numbers.items()
                ],
            }
            for waba_id, numbers in entries.items()
        ]
        + others,
    }


def escaped(body: bytes) -> bytes:
    r"""JSON with everything beyond ASCII written as ``\uXXXX``, as Meta sends and signs it."""
    if body.isascii():
        return body
    return _NON_ASCII.sub(_escape, body.decode()).encode()


def signature(app_secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256 for exactly these bytes."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


class Pricing(msgspec.Struct, frozen=True):
    """What a message costs: per message since July 2025 (PMP)."""

    billable: bool
    type: str
    category: str
    pricing_model: str = "PMP"


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a message; ``timestamp`` is unix seconds as text."""

    id: str
    status: str
    timestamp: str
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    pricing: Pricing | None = None
    errors: list[dict[str, object]] | None = None


def callback_error(code: int | str, line: Code, details: str | None) -> dict[str, object]:
    """An error as callbacks carry it."""
    return {
        "code": code,
        "title": line.title,
        "message": line.title,
        "error_data": {"details": details or line.details or line.title},
        "href": ERROR_PAGE,
    }


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
