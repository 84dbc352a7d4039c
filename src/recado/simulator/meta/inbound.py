"""What happens by itself at Meta: contacts who write, and news of a number or its account."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator.instances import fields_of
from recado.simulator.meta.channels import Number, Numbers
from recado.simulator.meta.media import MediaStore
from recado.simulator.meta.responses import INCOMING, message_id, whatsapp_id
from recado.simulator.meta.webhooks import Update
from recado.simulator.seeded import draw
from recado.simulator.world import World
from recado.simulator.written import Button, Medium, Written, one_content

# Business-scoped user ids begin with the contact's country; enough of them for a demonstration.
_COUNTRIES = {"55": "BR", "351": "PT", "1": "US"}
_NOWHERE = "ZZ"
_MIMES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "document": "application/pdf",
    "audio": "audio/ogg; codecs=opus",
    "sticker": "image/webp",
}


class _Written(Written):
    """``message`` is one as the Cloud API writes it.

    ``hidden``: the contact goes by a user name, and the number is not told.
    """

    provider: str = "meta"
    hidden: bool = False


class _News(msgspec.Struct, forbid_unknown_fields=True):
    """A change as a callback has it; what names a number is filled in where the field has it."""

    channel: str
    field: str
    value: dict[str, Any]
    provider: str = "meta"


class Inbound:
    """Makes contacts write to the registered numbers, and Meta tell of them."""

    def __init__(self, world: World, numbers: Numbers, media: MediaStore) -> None:
        self._world = world
        self._numbers = numbers
        self._media = media
        self._count = 0

    def reset(self) -> None:
        """Start counting anew, so that ids repeat."""
        self._count = 0

    def write(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have a contact write; returns the message's id and whether an address gets it.

        Raises:
            InvalidInput: The number is not registered, or the message makes no sense.

        """
        written = fields_of(_Written, fields, "message")
        number = self._number(written.channel)
        digits = written.sender.lstrip("+")
        if not (digits.isascii() and digits.isdecimal()):
            raise InvalidInput("Give the sender's number ('from') as digits.")
        if written.from_me:
            raise InvalidInput("A number of the Cloud API hangs on no telephone: leave 'from_me'.")
        wa_id = whatsapp_id(digits)
        scoped = _scoped_id(wa_id)
        at = self._world.clock.now()
        self._count += 1
        drawn = draw(self._world.settings.seed, "inbound", written.channel, wa_id, self._count)
        wamid = message_id(wa_id, self._world.own(drawn), direction=INCOMING)
        quoted = {"from": number.metadata.display_phone_number, "id": written.quoted}
        message = {
            **({} if written.hidden else {"from": wa_id}),
            "from_user_id": scoped,
            "id": wamid,
            "timestamp": str(int(at)),
            **({"group_id": written.group} if written.group else {}),
            **({"context": quoted} if written.quoted else {}),
            **self._content(written, number),
        }
        number.written(wa_id, at)
        number.written(scoped, at)
        contact = _contact(written, wa_id, scoped)
        told = self._tell(Update(number.waba_id, number.metadata, message=message, contact=contact))
        return {"id": wamid, "from": wa_id, "from_user_id": scoped, "called_back": told}

    def tell(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have Meta tell of a template, a number's quality, an account, somebody's wishes.

        Raises:
            InvalidInput: The number is not registered, or this is no change.

        """
        news = fields_of(_News, fields, "event")
        number = self._number(news.channel)
        value = news.value
        if news.field in _OF_NUMBERS:
            value = {"messaging_product": "whatsapp", "metadata": number.metadata, **value}
        if news.field == "message_template_status_update":
            self._judge(number.waba_id, value)
        at = int(self._world.clock.now())
        update = Update(
            number.waba_id,
            number.metadata,
            change={"field": news.field, "value": value},
            at=None if news.field in _OF_NUMBERS else at,
        )
        return {"called_back": self._tell(update)}

    def _judge(self, waba_id: str, value: Mapping[str, object]) -> None:
        event = str(value.get("event"))
        if event in _STATUSES:
            name, language = (value.get(f"message_template_{key}") for key in ("name", "language"))
            self._numbers.judge(waba_id, str(name), str(language), event)

    def _number(self, channel: str) -> Number:
        number = self._numbers.find(channel)
        if number is None or not number.registered:
            raise InvalidInput(
                "The channel {channel} is not registered: POST it to /_sim/channels first.",
                channel=channel,
            )
        return number

    def _tell(self, update: Update) -> bool:
        route = self._number(update.metadata.phone_number_id).route
        if route is not None:
            self._world.outbox.schedule(route, update, delay=0)
        return route is not None

    def _content(self, written: Written, number: Number) -> dict[str, Any]:
        content = one_content(written)
        if isinstance(content, str):
            return {"type": "text", "text": {"body": content}}
        if isinstance(content, Button):
            return _tapped(content)
        if isinstance(content, Medium):
            return self._medium(content, number)
        if not isinstance(content.get("type"), str):
            raise InvalidInput("The message needs a 'type', such as button, interactive or image.")
        return content

    def _medium(self, medium: Medium, number: Number) -> dict[str, Any]:
        mime_type = medium.mime_type or _MIMES[medium.type]
        content = f"a simulated {medium.type}".encode()
        node: dict[str, object] = {
            "id": self._media.add(number.metadata.phone_number_id, mime_type, content),
            "mime_type": mime_type,
            "sha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
        }
        given = {"caption": medium.caption, "filename": medium.file_name, "url": medium.url}
        node |= {name: value for name, value in given.items() if value is not None}
        if medium.type == "audio":
            node["voice"] = medium.voice
        if medium.type == "sticker":
            node["animated"] = False
        return {"type": medium.type, medium.type: node}


# Statuses of a template that Meta tells of by their names; what else happens to one changes none.
_STATUSES = frozenset({"APPROVED", "PAUSED", "DISABLED", "REJECTED"})

# Fields whose value names the number that it is about; the others come with a time instead.
_OF_NUMBERS = frozenset({"messages", "user_preferences", "calls", "smb_message_echoes", "history"})


def _tapped(button: Button) -> dict[str, Any]:
    if not button.plain and not button.list:
        return {"type": "button", "button": {"payload": button.id, "text": button.text}}
    kind = "list_reply" if button.list else "button_reply"
    reply = {"id": button.id, "title": button.text}
    return {"type": "interactive", "interactive": {"type": kind, kind: reply}}


def _contact(written: _Written, wa_id: str, scoped: str) -> dict[str, Any]:
    if written.hidden:
        profile = {"name": written.name or "", "username": f"pessoa.{scoped[3:9]}"}
        return {"profile": profile, "user_id": scoped}
    return {"profile": {"name": written.name or wa_id}, "wa_id": wa_id, "user_id": scoped}


def _scoped_id(wa_id: str) -> str:
    country = next((c for code, c in _COUNTRIES.items() if wa_id.startswith(code)), _NOWHERE)
    return f"{country}.{int.from_bytes(draw(0, 'person', wa_id)[:6], 'big')}"
