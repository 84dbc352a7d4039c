"""The instances of the simulated uazapi, their webhooks and what they tell of."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator import people
from recado.simulator.instances import Instance, checked_address, fields_of
from recado.simulator.link import Happening, State, picture
from recado.simulator.seeded import draw
from recado.simulator.uazapi.webhooks import EVENTS, Callback, Receipt, Receipts, Sender, Webhook
from recado.simulator.world import World

PROVIDER = "uazapi"
STATUSES: Mapping[State, str] = {
    "open": "connected",
    "connecting": "connecting",
    "close": "disconnected",
}
# What /message/find still finds, and /webhook/errors still lists.
KEPT = 1_000
ERRORS_KEPT = 100

_REASONS = {401: "logged out from another device"}


class Registration(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What ``POST /_sim/channels`` says about an instance."""

    token: str
    provider: str = PROVIDER
    name: str | None = None
    number: str | None = None
    callback_url: str | None = None
    events: list[str] | None = None
    exclude_messages: list[str] = []
    add_url_events: bool = False
    add_url_types_messages: bool = False
    state: State = "open"


class Hosted(Instance):
    """An instance of uazapi; its token is all that tells it from others."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        token: str,
        number: str | None = None,
        state: State = "open",
    ) -> None:
        super().__init__(world, name, number=number, state=state)
        self.token = token
        self.webhooks: list[Webhook] = []
        self.messages: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.errors: deque[dict[str, Any]] = deque(maxlen=ERRORS_KEPT)
        self.admin_field = ""
        self.lost_at = 0.0
        self._hooks_made = 0

    def apply(self, said: Registration) -> None:
        """Take over what was registered, again or anew; a lost connection is restored.

        Where no address is given, the webhooks that were set by uazapi's own call stay.
        """
        self.name = said.name or self.name
        self.number = said.number or self.number
        self.link.set(said.state)
        if said.callback_url is not None:
            hook = Webhook(
                self.hook_id(),
                said.callback_url,
                events=tuple(said.events or EVENTS),
                exclude_messages=tuple(said.exclude_messages),
                add_url_events=said.add_url_events,
                add_url_types_messages=said.add_url_types_messages,
            )
            self.webhooks = [hook]

    @property
    def owner(self) -> str:
        """The account's digits."""
        return people.account(self.number)

    @property
    def jid(self) -> str:
        """The account's WhatsApp id."""
        return self.owner + people.USER

    @property
    def sender(self) -> Sender:
        """Who its events come from."""
        return Sender(self.name, self.owner, self.token)

    def forget(self) -> None:
        """Forget the messages too."""
        super().forget()
        self.messages.clear()
        self.errors.clear()

    def hook_id(self) -> str:
        """An id for a new webhook."""
        self._hooks_made += 1
        return "r" + draw(0, "hook", self.name, self._hooks_made).hex()[:14]

    def shown(self) -> dict[str, object]:
        """The instance as its calls answer with it."""
        link = self.link
        return {
            "id": "r" + self.id.replace("-", "")[:14],
            "token": self.token,
            "status": STATUSES[link.state],
            "paircode": link.pairing_code or "",
            "qrcode": picture(link.code) if link.code else "",
            "name": self.name,
            "profileName": "Loja" if link.is_open else "",
            "profilePicUrl": "",
            "isBusiness": False,
            "plataform": "",
            "systemName": "uazapiGO",
            "owner": self.owner if link.is_open else "",
            "adminField01": self.admin_field,
            **_lost(self),
        }

    def connected(self) -> dict[str, object]:
        """The short answer to how the connection is."""
        is_open = self.link.is_open
        return {
            "connected": is_open,
            "loggedIn": is_open,
            "jid": self.jid if is_open else None,
        }

    def tell_message(self, message: Mapping[str, Any], *, delay: float = 0.0) -> bool:
        """Have a message event delivered to the webhooks that want it; whether any does."""
        body: dict[str, object] | None = None
        for hook in self.webhooks:
            if not hook.wants("messages") or hook.leaves_out(message):
                continue
            if body is None:
                about = {"chatSource": "updated", "chat": _chat(message), "message": message}
                body = {**self.sender.envelope("messages"), **about}
            url = hook.address("messages", message["messageType"])
            self.world.outbox.schedule(Callback(url, body, self._failed), None, delay=delay)
        return body is not None

    def tell_receipt(self, jid: str, state: str, receipt: Receipt, *, delay: float) -> None:
        """Have a receipt delivered to the webhooks that want them."""
        for hook in self.webhooks:
            if hook.wants("messages_update"):
                url = hook.address("messages_update")
                route = Receipts(url, self.sender, state, jid, self._failed)
                self.world.outbox.schedule(route, receipt, delay=delay)

    def told(self, happening: Happening) -> None:
        """Tell of the connection."""
        if self.link.reason != 200:  # noqa: PLR2004 - connected
            self.lost_at = self.world.clock.now()
        about: dict[str, object] = {"name": self.name, "status": STATUSES[self.link.state]}
        if happening == "code":
            about |= {
                "qrcode": picture(self.link.code or ""),
                "paircode": self.link.pairing_code or "",
            }
        body = {**self.sender.envelope("connection"), "instance": about}
        if happening in ("close", "logged_out", "refused"):
            about |= _lost(self)
            body["type"] = "LoggedOut" if happening == "logged_out" else "Disconnected"
        for hook in self.webhooks:
            if hook.wants("connection"):
                callback = Callback(hook.address("connection"), body, self._failed)
                self.world.outbox.schedule(callback, None, delay=0.0)

    def listed(self) -> dict[str, object]:
        """The instance as ``GET /_sim/channels`` shows it, without secrets."""
        return {
            "provider": PROVIDER,
            "channel": self.name,
            "number": self.number,
            "state": self.link.state,
            "callback_url": self.webhooks[0].url if self.webhooks else None,
        }

    def _failed(self, url: str, status: int) -> None:
        error = f"HTTP {status}" if status else "no answer"
        at = int(self.world.clock.now() * 1000)
        self.errors.append({"url": url, "error": error, "status": status, "timestamp": at})


def _lost(instance: Hosted) -> dict[str, str]:
    """When and why the connection was lost, empty where it never was."""
    if not instance.lost_at:
        return {"lastDisconnect": "", "lastDisconnectReason": ""}
    at = datetime.fromtimestamp(instance.lost_at, UTC)
    code = instance.link.reason
    return {
        "lastDisconnect": f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "lastDisconnectReason": f"{code}: {_REASONS.get(code, 'connection lost')}",
    }


def read_registration(fields: object) -> Registration:
    """What ``POST /_sim/channels`` says.

    Raises:
        InvalidInput: A field is missing, unknown or wrong.

    """
    said = fields_of(Registration, fields, "channel")
    checked_address(said.callback_url)
    if not said.token:
        raise InvalidInput("Give the instance's token.")
    return said


def _chat(message: Mapping[str, Any]) -> dict[str, object]:
    chatid = message["chatid"]
    name = "" if message["fromMe"] else message["senderName"]
    return {
        "id": "r" + draw(0, "chat", chatid).hex()[:14],
        "name": name,
        "owner": message["owner"],
        "phone": f"+{people.digits(chatid)}" if chatid.endswith(people.USER) else "",
        "wa_chatid": chatid,
        "wa_chatlid": message["chatlid"],
        "wa_contactName": "",
        "wa_fastid": f"{message['owner']}:{people.digits(chatid)}",
        "wa_isGroup": message["isGroup"],
        "wa_lastMessageSender": message["sender"],
        "wa_lastMessageTextVote": message["text"],
        "wa_lastMessageType": message["messageType"],
        "wa_lastMsgTimestamp": message["messageTimestamp"],
        "wa_name": name,
        "wa_unreadCount": 0 if message["fromMe"] else 1,
        "lead_name": "",
        "lead_tags": [],
    }
