"""A message that somebody sent, out of uazapi's shape."""

from collections.abc import Mapping
from typing import Any

from recado.providers.events import (
    CallbackEvent,
    EditEvent,
    InboundEvent,
    OtherEvent,
    ReactionEvent,
    ReceivedMedia,
)
from recado.providers.reading import point, prose, under, word
from recado.providers.uazapi.payloads import bare
from recado.providers.whatsapp import ABOUT_ANOTHER, KINDS, MEDIA, person

_TEXTS = ("text", "caption", "selectedDisplayText", "title", "displayName", "name")


def true(value: object) -> bool:
    """Whether it says so, be it a truth value or a word."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def received(message: Mapping[str, Any], whose: Mapping[str, Any]) -> CallbackEvent | None:
    """The event of one message; None where nobody can be told to have sent it.

    Args:
        message: As uazapi has it.
        whose: What every event has.
    """
    digits, user_id = person(
        *(message.get(key) for key in ("sender_pn", "chatid", "sender", "sender_lid", "chatlid"))
    )
    if not digits and not user_id:
        return None
    who = {
        "sender": digits,
        "user_id": user_id,
        "name": word(message.get("senderName")),
        "message_id": bare(message.get("messageid") or message.get("id")),
        **whose,
    }
    kind, content = kind_of(message), _content(message)
    if kind == "reaction":
        of = bare(message.get("reaction") or under(content, "key").get("ID"))
        return ReactionEvent(of=of, emoji=word(text_of(message)), **who)
    if of := bare(message.get("edited")):
        return EditEvent(of=of, text=text_of(message), **who)
    if kind in ABOUT_ANOTHER:
        return OtherEvent(kind=kind or "empty", payload=message, **whose)
    return InboundEvent(
        kind=kind,
        text=text_of(message),
        choice=_choice(message),
        reply_to=bare(message.get("quoted")) or None,
        media=_medium(kind, message, content),
        place=point(content.get("degreesLatitude"), content.get("degreesLongitude")),
        payload=message,
        **who,
    )


def kind_of(message: Mapping[str, Any]) -> str:
    """What kind of message it is, in our words; empty where that is not told."""
    name = word(message.get("messageType"))
    name = name[:1].lower() + name[1:]
    return KINDS.get(name, name)


def text_of(message: Mapping[str, Any]) -> str:
    """What a person would read in a message; empty where there are no words in it."""
    content = message.get("content")
    found = prose(message.get("text")) or prose(message.get("vote")) or prose(content)
    if found or kind_of(message) == "location":
        return found
    node = _content(message)
    found = next((text for key in _TEXTS if (text := prose(node.get(key)))), "")
    tapped = under(node, "Response").get("SelectedDisplayText")
    return found or prose(tapped) or (_choice(message) or "")


def _content(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that WhatsApp's own message is; a plain text may stand in its place."""
    return under(message, "content")


def _choice(message: Mapping[str, Any]) -> str | None:
    """What stands behind a button or line that was tapped."""
    return word(message.get("buttonOrListid")) or None


def _medium(
    kind: str, message: Mapping[str, Any], content: Mapping[str, Any]
) -> ReceivedMedia | None:
    if kind not in MEDIA:
        return None
    return ReceivedMedia(
        media_id=bare(message.get("messageid") or message.get("id")),
        mime_type=word(content.get("mimetype")),
        filename=word(content.get("fileName")),
        voice=message.get("mediaType") == "ptt" or content.get("PTT") is True,
        url=prose(message.get("fileURL") or content.get("URL")),
    )
