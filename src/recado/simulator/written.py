"""What ``POST /_sim/inbound`` says for providers that drive a WhatsApp account."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator import people

_MIMES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "document": "application/pdf",
    "audio": "audio/ogg; codecs=opus",
    "sticker": "image/webp",
}


class Button(msgspec.Struct, forbid_unknown_fields=True):
    """A tap: on a template's button, a plain one (``plain``), or a row of a list (``list``)."""

    id: str
    text: str
    plain: bool = False
    list: bool = False


class Medium(msgspec.Struct, forbid_unknown_fields=True):
    """A file that somebody sent; ``voice`` for an audio that was spoken."""

    type: Literal["image", "video", "document", "audio", "sticker"]
    caption: str | None = None
    file_name: str | None = None
    mime_type: str | None = None
    url: str | None = None
    voice: bool = False

    @property
    def mime(self) -> str:
        """Its type, that of most files of this kind where none is given."""
        return self.mime_type or _MIMES[self.type]


class Written(msgspec.Struct, forbid_unknown_fields=True, rename={"sender": "from"}, kw_only=True):
    """A message from a contact, or with ``from_me`` one typed on the account's own telephone.

    One of ``text``, ``button``, ``media``, or ``message`` as the provider writes it.
    """

    channel: str
    sender: str
    provider: str
    name: str | None = None
    text: str | None = None
    button: Button | None = None
    media: Medium | None = None
    message: dict[str, Any] | None = None
    quoted: str | None = None
    group: str | None = None
    from_me: bool = False


def sender_of(written: Written) -> str:
    """The digits of the account that writes.

    Raises:
        InvalidInput: It is no number.

    """
    number = written.sender.lstrip("+")
    if not (number.isascii() and number.isdecimal()):
        raise InvalidInput("Give the sender's number ('from') as digits.")
    return people.account(number)


def one_content(written: Written) -> str | Button | Medium | dict[str, Any]:
    """What the message holds.

    Raises:
        InvalidInput: There is nothing, or more than one thing.

    """
    contents = (written.text, written.button, written.media, written.message)
    given = [content for content in contents if content is not None]
    if len(given) != 1:
        raise InvalidInput("Give exactly one of 'text', 'button', 'media' and 'message'.")
    return given[0]
