"""Contacts who write: what ``POST /_sim/inbound`` turns into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator.meta.channels import Numbers
from recado.simulator.meta.responses import INCOMING, message_id, whatsapp_id
from recado.simulator.meta.webhooks import Update
from recado.simulator.seeded import draw
from recado.simulator.world import World

# Business-scoped user ids begin with the contact's country; enough of them for a demonstration.
_COUNTRIES = {"55": "BR", "351": "PT", "1": "US"}


class Written(msgspec.Struct, forbid_unknown_fields=True, rename={"sender": "from"}):
    """A message from a contact: plain ``text``, or ``message`` as the Cloud API writes it."""

    channel: str
    sender: str
    provider: str = "meta"
    name: str | None = None
    text: str | None = None
    message: dict[str, Any] | None = None


class Inbound:
    """Makes contacts write to the registered numbers."""

    def __init__(self, world: World, numbers: Numbers) -> None:
        self._world = world
        self._numbers = numbers
        self._count = 0

    def reset(self) -> None:
        """Start counting anew, so that ids repeat."""
        self._count = 0

    def write(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have a contact write; returns the message's id and whether an address gets it.

        Raises:
            InvalidInput: The number is not registered, or the message makes no sense.

        """
        try:
            written = msgspec.convert(fields, Written)
        except msgspec.ValidationError as error:
            raise InvalidInput("The message is not valid: {reason}.", reason=error) from None
        number = self._numbers.find(written.channel)
        if number is None or not number.registered:
            raise InvalidInput(
                "The channel {channel} is not registered: POST it to /_sim/channels first.",
                channel=written.channel,
            )
        digits = written.sender.lstrip("+")
        if not (digits.isascii() and digits.isdecimal()):
            raise InvalidInput("Give the sender's number ('from') as digits.")
        wa_id = whatsapp_id(digits)
        at = self._world.clock.now()
        self._count += 1
        drawn = draw(self._world.settings.seed, "inbound", written.channel, wa_id, self._count)
        wamid = message_id(wa_id, drawn, direction=INCOMING)
        scoped = _scoped_id(wa_id)
        message = {
            "from": wa_id,
            **({"from_user_id": scoped} if scoped else {}),
            "id": wamid,
            "timestamp": str(int(at)),
            **_content(written),
        }
        contact = {
            "profile": {"name": written.name or wa_id},
            "wa_id": wa_id,
            **({"user_id": scoped} if scoped else {}),
        }
        number.written(wa_id, at)
        if number.route is not None:
            update = Update(number.waba_id, number.metadata, message=message, contact=contact)
            self._world.outbox.schedule(number.route, update, delay=0)
        return {"id": wamid, "from": wa_id, "called_back": number.route is not None}


def _content(written: Written) -> dict[str, Any]:
    if (written.text is None) == (written.message is None):
        raise InvalidInput("Give exactly one of 'text' and 'message'.")
    if written.message is None:
        return {"type": "text", "text": {"body": written.text}}
    kind = written.message.get("type")
    if not isinstance(kind, str):
        raise InvalidInput("The message needs a 'type', such as button, interactive or image.")
    return written.message


def _scoped_id(wa_id: str) -> str | None:
    for code, country in _COUNTRIES.items():
        if wa_id.startswith(code):
            return f"{country}.{int.from_bytes(draw(0, 'person', wa_id)[:6], 'big')}"
    return None
