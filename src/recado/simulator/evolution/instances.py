"""The instances of the simulated Evolution, their keys and what they tell of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator import people
from recado.simulator.evolution.webhooks import EVENTS, Callback, Webhook, stamp
from recado.simulator.instances import Instance, checked_address, fields_of
from recado.simulator.link import Happening, State, picture
from recado.simulator.seeded import draw
from recado.simulator.world import World

PROVIDER = "evolution"
V236 = "2.3.6"
BAILEYS = "WHATSAPP-BAILEYS"


class Registration(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What ``POST /_sim/channels`` says about an instance."""

    instance: str
    api_key: str
    provider: str = PROVIDER
    number: str | None = None
    callback_url: str | None = None
    headers: dict[str, str] = {}
    events: list[str] | None = None
    by_events: bool = False
    state: State = "open"
    version: Literal["2.3.6", "2.3.7"] | None = None


class Evolved(Instance):
    """An instance of Evolution; ``token`` is its own key, empty where any key will do."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        token: str = "",
        number: str | None = None,
        state: State = "open",
    ) -> None:
        super().__init__(world, name, number=number, state=state)
        self.token = token
        self.creator = ""
        self.webhook: Webhook | None = None
        self.settings: dict[str, object] = {}
        self.own_version: str | None = None

    def apply(self, said: Registration) -> None:
        """Take over what was registered, again or anew; a lost connection is restored.

        Where no address is given, the webhook that was set by Evolution's own call stays.
        """
        self.token = said.api_key
        self.number = said.number or self.number
        self.own_version = said.version
        self.link.set(said.state)
        if said.callback_url is not None:
            self.webhook = Webhook(
                said.callback_url,
                events=tuple(said.events or EVENTS),
                by_events=said.by_events,
                headers=said.headers,
                set_at=self.world.clock.now(),
            )

    @property
    def version(self) -> str:
        """The version of Evolution that this instance behaves as."""
        return self.own_version or self.world.settings.evolution_version

    @property
    def jid(self) -> str:
        """The account's WhatsApp id."""
        return people.account(self.number) + people.USER

    @property
    def qrcode(self) -> dict[str, object]:
        """The code to scan, as connecting answers with it."""
        link = self.link
        return {
            "pairingCode": link.pairing_code,
            "code": link.code,
            "base64": picture(link.code) if link.code else None,
            "count": link.codes,
        }

    def accepts(self, key: str) -> bool:
        """Whether a key opens this instance: its own, the global one, its creator's."""
        everything = self.world.settings.evolution_key
        if key in (everything, self.token, self.creator):
            return bool(key)
        return not self.token and not everything

    def state(self) -> dict[str, object]:
        """The connection as ``connectionState`` answers."""
        return {"instance": {"instanceName": self.name, "state": self.link.state}}

    def call_back(self, event: str, data: Any, *, delay: float = 0.0) -> None:
        """Have an event delivered, if the webhook wants it."""
        webhook = self.webhook
        if webhook is None or not webhook.wants(event):
            return
        callback = Callback(webhook, event, self.name, self.jid, data)
        self.world.outbox.schedule(callback, None, delay=delay)

    def told(self, happening: Happening) -> None:
        """Tell of the connection by ``connection.update`` and what goes with it."""
        if happening == "code":
            code = {"instance": self.name, **self.qrcode}
            del code["count"]
            self.call_back("qrcode.updated", {"qrcode": code})
            return
        if happening == "refused":
            words = "QR code limit reached, please login again"
            self.call_back("qrcode.updated", {"message": words, "statusCode": 500})
        if happening in ("close", "logged_out"):
            self.call_back("status.instance", self._closed())
        about: dict[str, object] = {"instance": self.name}
        if happening in ("open", "refused"):
            is_open = happening == "open"
            about["wuid"] = self.jid if is_open else None
            about["profileName"] = "Loja" if is_open else None
            about["profilePictureUrl"] = None
        about["state"] = "refused" if happening == "refused" else self.link.state
        about["statusReason"] = self.link.reason
        self.call_back("connection.update", about)

    def listed(self) -> dict[str, object]:
        """The instance as ``GET /_sim/channels`` shows it, without secrets."""
        return {
            "provider": PROVIDER,
            "channel": self.name,
            "instance": self.name,
            "number": self.number,
            "version": self.version,
            "state": self.link.state,
            "callback_url": self.webhook.url if self.webhook else None,
        }

    def _closed(self) -> dict[str, object]:
        code = self.link.reason
        reason = {"error": {"data": {}, "isBoom": True, "output": {"statusCode": code}}}
        return {
            "instance": self.name,
            "status": "closed",
            "disconnectionAt": stamp(datetime.fromtimestamp(self.world.clock.now(), UTC)),
            "disconnectionReasonCode": code,
            "disconnectionObject": msgspec.json.encode(reason).decode(),
        }


def read_registration(fields: object) -> Registration:
    """What ``POST /_sim/channels`` says.

    Raises:
        InvalidInput: A field is missing, unknown or wrong.

    """
    said = fields_of(Registration, fields, "channel")
    checked_address(said.callback_url)
    if not said.instance or not said.api_key:
        raise InvalidInput("Give the instance's name and its api_key.")
    return said


def key_for(name: str, count: int) -> str:
    """The key that a created instance gets."""
    hexed = draw(0, "hash", name, count).hex().upper()
    return "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:32]))
