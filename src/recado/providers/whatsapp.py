"""WhatsApp's own ids and names, which providers that drive an account of it pass on.

People are ``…@s.whatsapp.net``, or ``…@lid`` where their number is hidden; groups are ``…@g.us``.
"""

import re
from collections.abc import Mapping

from recado.providers.plain import LONGEST_ID, plain

KINDS: Mapping[str, str] = {
    "conversation": "text",
    "extendedTextMessage": "text",
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
    "templateButtonReplyMessage": "button",
    "buttonsResponseMessage": "button",
    "listResponseMessage": "interactive",
    "interactiveResponseMessage": "interactive",
    "locationMessage": "location",
    "liveLocationMessage": "location",
    "contactMessage": "contacts",
    "contactsArrayMessage": "contacts",
    "reactionMessage": "reaction",
    "protocolMessage": "protocol",
}
"""What its kinds of messages are called here; others go by its own names."""

MEDIA = frozenset({"image", "video", "audio", "document", "sticker"})
ABOUT_ANOTHER = frozenset({"reaction", "protocol", ""})
"""Kinds that are no message of their own."""

GONE_FOR_GOOD = frozenset({"401", "402", "403", "406", ""})
"""Reasons after which a connection stays closed until a person connects it again: logged out,
forbidden, and two that WhatsApp does not explain. After all others it is tried again."""

_SERVER = "@s.whatsapp.net"
# Behind the number may stand which of the person's devices it was.
_NUMBER = re.compile(r"([0-9]{5,20})([.:_][0-9]{1,9})*(@s\.whatsapp\.net|@c\.us)?", re.ASCII)
_HIDDEN = re.compile(r"([0-9]{1,40})([.:_][0-9]{1,9})*@lid", re.ASCII)
_OF_MANY = ("@g.us", "@broadcast", "@newsletter")


def person(*ids: object) -> tuple[str, str | None]:
    """The digits and the LID among the ids of one person, either perhaps missing."""
    digits, hidden = "", None
    for one in ids:
        if not isinstance(one, str):
            continue
        if found := _NUMBER.fullmatch(one):
            digits = digits or found[1]
        elif found := _HIDDEN.fullmatch(one):
            hidden = hidden or f"{found[1]}@lid"
    return digits, hidden


def is_of_many(jid: object) -> bool:
    """Whether a chat is a group's, or is told to everybody."""
    return isinstance(jid, str) and jid.endswith(_OF_MANY)


def of(person: str) -> str:
    """The id of a person given by digits; a LID stays as it is."""
    return plain(person, LONGEST_ID) if "@" in person else f"{person}{_SERVER}"
