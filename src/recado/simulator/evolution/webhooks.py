"""The callbacks that Evolution sends: which it sends, their bytes and their headers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

EVENTS = (
    "APPLICATION_STARTUP",
    "CALL",
    "CHATS_DELETE",
    "CHATS_SET",
    "CHATS_UPDATE",
    "CHATS_UPSERT",
    "CONNECTION_UPDATE",
    "CONTACTS_SET",
    "CONTACTS_UPDATE",
    "CONTACTS_UPSERT",
    "GROUP_PARTICIPANTS_UPDATE",
    "GROUP_UPDATE",
    "GROUPS_UPSERT",
    "INSTANCE_CREATE",
    "INSTANCE_DELETE",
    "LABELS_ASSOCIATION",
    "LABELS_EDIT",
    "LOGOUT_INSTANCE",
    "MESSAGES_DELETE",
    "MESSAGES_EDITED",
    "MESSAGES_SET",
    "MESSAGES_UPDATE",
    "MESSAGES_UPSERT",
    "PRESENCE_UPDATE",
    "QRCODE_UPDATED",
    "REMOVE_INSTANCE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "STATUS_INSTANCE",
    "TYPEBOT_CHANGE_STATUS",
    "TYPEBOT_START",
)

# Evolution stamps its callbacks with its local time, and marks it as UTC.
_LOCAL = timedelta(hours=-3)
_GIVEN_UP = frozenset({400, 401, 403, 404, 422})
_TOKEN_SECONDS = 600


class Webhook(msgspec.Struct, frozen=True):
    """Where an instance's events go, and which."""

    url: str
    enabled: bool = True
    events: tuple[str, ...] = EVENTS
    by_events: bool = False
    base64: bool = False
    headers: Mapping[str, str] = {}
    set_at: float = 0.0

    def wants(self, event: str) -> bool:
        """Whether it is told of an event, written with dots."""
        return self.enabled and event.replace(".", "_").upper() in self.events

    def stored(self, instance_id: str) -> dict[str, object]:
        """The webhook as Evolution keeps it."""
        at = stamp(datetime.fromtimestamp(self.set_at, UTC))
        return {
            "id": f"cm{hashlib.sha256(instance_id.encode()).hexdigest()[:23]}",
            "url": self.url,
            "headers": dict(self.headers),
            "enabled": self.enabled,
            "events": list(self.events),
            "webhookByEvents": self.by_events,
            "webhookBase64": self.base64,
            "createdAt": at,
            "updatedAt": at,
            "instanceId": instance_id,
        }


class Callback(msgspec.Struct, eq=False):
    """One event on its way: a route of its own, as Evolution puts no two into a request."""

    webhook: Webhook
    event: str
    instance: str
    sender: str
    data: Any

    @property
    def url(self) -> str:
        """The webhook's address, with the event behind it where that was asked for."""
        if not self.webhook.by_events:
            return self.webhook.url
        return f"{self.webhook.url}/{self.event.replace('.', '-')}"

    def pack(self, _: Sequence[None]) -> tuple[bytes, Mapping[str, str]]:
        """The body and headers."""
        body = {
            "event": self.event,
            "instance": self.instance,
            "data": self.data,
            "destination": self.webhook.url,
            "date_time": stamp(datetime.now(UTC) + _LOCAL),
            "sender": self.sender,
            "server_url": "http://evolution:8080",
            "apikey": None,
        }
        return msgspec.json.encode(body), _headers(self.webhook.headers)

    def taken(self, status: int) -> bool | None:
        """Any 2xx is enough; what says that the request is wrong is not repeated."""
        if 200 <= status < 300:  # noqa: PLR2004 - the class of success
            return True
        return False if status in _GIVEN_UP else None


def json_web_token(secret: str, now: int) -> str:
    """The token that Evolution makes where a webhook has a ``jwt_key``: HS256, ten minutes."""
    claims = {"iat": now, "exp": now + _TOKEN_SECONDS, "app": "evolution", "action": "webhook"}
    parts = [_segment({"alg": "HS256", "typ": "JWT"}), _segment(claims)]
    signed = ".".join(parts)
    mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_encoded(mac)}"


def _headers(own: Mapping[str, str]) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "axios/1.7.9", **own}
    secret = headers.pop("jwt_key", None)
    if secret is not None:
        headers["Authorization"] = f"Bearer {json_web_token(secret, int(time.time()))}"
    return headers


def _segment(value: Mapping[str, object]) -> str:
    return _encoded(msgspec.json.encode(value))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def stamp(at: datetime) -> str:
    """A time as JavaScript writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
