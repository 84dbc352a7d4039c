"""The callbacks that uazapi sends: which it sends, where to, and their bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from recado.simulator import people
from recado.simulator.seeded import draw

BASE_URL = "https://simulated.uazapi.com"
EVENTS = (
    "connection",
    "history",
    "messages",
    "messages_update",
    "call",
    "contacts",
    "presence",
    "groups",
    "labels",
    "chats",
    "chat_labels",
    "blocks",
    "leads",
    "sender",
)

_HEADERS = {"Content-Type": "application/json", "User-Agent": "uazapiGO-Webhook/1.0"}


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """Where events go and which; without ``events`` none does."""

    id: str
    url: str
    enabled: bool = True
    events: tuple[str, ...] = ()
    exclude_messages: tuple[str, ...] = ()
    add_url_events: bool = False
    add_url_types_messages: bool = False

    def wants(self, event: str) -> bool:
        """Whether it is told of a kind of event."""
        return self.enabled and event in self.events

    def leaves_out(self, message: Mapping[str, Any]) -> bool:
        """Whether it does not want this message."""
        said = (
            "wasSentByApi" if message["wasSentByApi"] else "wasNotSentByApi",
            "fromMeYes" if message["fromMe"] else "fromMeNo",
            "isGroupYes" if message["isGroup"] else "isGroupNo",
        )
        return any(word in self.exclude_messages for word in said)

    def address(self, event: str, message_type: str = "") -> str:
        """The address of an event, with its names behind it where that was asked for."""
        url = self.url.rstrip("/") if self.add_url_events or self.add_url_types_messages else ""
        if not url:
            return self.url
        if self.add_url_events:
            url += f"/{event}"
        if self.add_url_types_messages and message_type:
            url += f"/{message_type}"
        return url


class Sender(msgspec.Struct, frozen=True):
    """The instance that an event comes from; its token travels with the event."""

    name: str
    owner: str
    token: str

    def envelope(self, event: str) -> dict[str, object]:
        """What every event begins with."""
        return {
            "BaseUrl": BASE_URL,
            "EventType": event,
            "instanceName": self.name,
            "owner": self.owner,
            "token": self.token,
        }


class Callback(msgspec.Struct, eq=False):
    """One message or change of the connection on its way: a request of its own."""

    url: str
    body: Mapping[str, Any]
    failed: Callable[[str, int], None]

    def pack(self, _: Sequence[None]) -> tuple[bytes, Mapping[str, str]]:
        """The body and headers."""
        return msgspec.json.encode(self.body), _HEADERS

    def taken(self, status: int) -> bool | None:
        """Any 2xx is enough."""
        return _taken(self.failed, self.url, status)


class Receipt(NamedTuple):
    """A message that arrived or was read, in unix seconds."""

    message_id: str
    at: int


class Receipts(NamedTuple):
    """The route of one chat's receipts: those that fall together share an event."""

    url: str
    sender: Sender
    state: str
    jid: str
    failed: Callable[[str, int], None]

    def pack(self, receipts: Sequence[Receipt]) -> tuple[bytes, Mapping[str, str]]:
        """The body and headers.

        Servers have been seen to write booleans and times as text, and as what they are.
        """
        plain = draw(0, "receipt", receipts[0].message_id)[0] % 4 == 0
        lid = people.lid(people.digits(self.jid))
        event = {
            "MessageIDs": [receipt.message_id for receipt in receipts],
            "Chat": self.jid,
            "Sender": lid,
            "sender_pn": self.jid,
            "sender_lid": lid,
            "IsFromMe": False if plain else "False",
            "IsGroup": False if plain else "False",
            "Timestamp": receipts[0].at if plain else str(receipts[0].at),
            "Type": self.state,
        }
        body = {
            **self.sender.envelope("messages_update"),
            "type": "ReadReceipt",
            "state": self.state,
            "event": event,
        }
        return msgspec.json.encode(body), _HEADERS

    def taken(self, status: int) -> bool | None:
        """Any 2xx is enough."""
        return _taken(self.failed, self.url, status)


def _taken(failed: Callable[[str, int], None], url: str, status: int) -> bool | None:
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return True
    failed(url, status)
    return None
