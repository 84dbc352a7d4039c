"""A message that somebody sent, out of Meta's shape."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from recado.providers.events import (
    CallbackEvent,
    EditEvent,
    InboundEvent,
    OtherEvent,
    PersonChangedEvent,
    ReactionEvent,
    ReceivedMedia,
    RevokeEvent,
)
from recado.providers.meta.errors import fault
from recado.providers.reading import point, prose, under, word

_DIGITS = re.compile(r"\+?([0-9]{5,20})", re.ASCII)
_MEDIA = ("image", "video", "audio", "document", "sticker")
# Meta: no words of a person's; to be passed over.
_NOT_WRITTEN = frozenset({"request_welcome", "ephemeral", "unknown"})


def person(number: object, user_id: object) -> tuple[str, str | None]:
    """Digits and Meta's id of a person, either perhaps missing.

    Meta's id has been seen in the place of the number, for those who have taken a user name.
    """
    given = word(number)
    known = word(user_id) or None
    if found := _DIGITS.fullmatch(given):
        return found[1], known
    return "", known or given or None


def received(
    message: Mapping[str, Any], contacts: Sequence[Mapping[str, Any]], whose: Mapping[str, Any]
) -> CallbackEvent:
    """The event of one message.

    Args:
        message: As Meta has it.
        contacts: Those that came beside it.
        whose: What every event has.
    """
    digits, user_id = person(message.get("from"), message.get("from_user_id"))
    contact = _contact(contacts, digits, user_id)
    if not digits:
        digits = person(contact.get("wa_id"), None)[0]
    user_id = user_id or word(contact.get("user_id")) or None
    kind = word(message.get("type"))
    errors = message.get("errors")
    if (not digits and not user_id) or (kind in _NOT_WRITTEN and not errors):
        return OtherEvent(kind=kind or "message", payload=message, **whose)
    profile = under(contact, "profile")
    who = {
        "sender": digits,
        "user_id": user_id,
        "name": word(profile.get("name") or profile.get("username")),
        "message_id": word(message.get("id")),
        **whose,
    }
    return _special(kind, message, who) or _written(kind, message, who)


def _special(kind: str, message: Mapping[str, Any], who: Mapping[str, Any]) -> CallbackEvent | None:
    """What is no message of its own, but is about another one or about the person."""
    node = under(message, kind)
    if kind == "reaction":
        return ReactionEvent(of=word(node.get("message_id")), emoji=word(node.get("emoji")), **who)
    if kind == "edit":
        edited = under(node, "message")
        return EditEvent(of=word(node.get("original_message_id")), text=text_of(edited), **who)
    if kind == "revoke":
        return RevokeEvent(of=word(node.get("original_message_id")), **who)
    if kind == "system":
        new = node.get("wa_id") or node.get("new_wa_id")
        return PersonChangedEvent(
            kind=word(node.get("type")),
            new_sender=person(new, None)[0] or None,
            new_user_id=word(node.get("user_id") or node.get("new_user_id")) or None,
            text=word(node.get("body")),
            **who,
        )
    return None


def _written(kind: str, message: Mapping[str, Any], who: Mapping[str, Any]) -> InboundEvent:
    context = under(message, "context")
    errors = message.get("errors")
    error = errors[0] if isinstance(errors, list) and errors else None
    return InboundEvent(
        kind=kind,
        text=text_of(message),
        choice=_choice(message),
        reply_to=word(context.get("id")) or None,
        media=_medium(message),
        place=_place(message),
        fault=None if error is None else fault(error),
        payload=message,
        **who,
    )


def text_of(message: Mapping[str, Any]) -> str:
    """What a person would read in a message; empty where there are no words in it."""
    kind = word(message.get("type"))
    node = under(message, kind)
    if kind == "interactive":
        node = _answer(node)
    keys = {
        "text": ("body",),
        "button": ("text", "payload"),
        "interactive": ("title", "body"),
        "location": (),
        "order": ("text",),
    }.get(kind, ("caption",))
    return next((text for key in keys if (text := prose(node.get(key)))), "")


def _choice(message: Mapping[str, Any]) -> str | None:
    """What stands behind a button or line that was tapped."""
    button = under(message, "button").get("payload")
    answer = _answer(under(message, "interactive")).get("id")
    return word(button if button is not None else answer) or None


def _answer(interactive: Mapping[str, Any]) -> Mapping[str, Any]:
    return under(interactive, word(interactive.get("type")))


def _medium(message: Mapping[str, Any]) -> ReceivedMedia | None:
    kind = word(message.get("type"))
    node = under(message, kind) if kind in _MEDIA else {}
    if not node:
        return None
    return ReceivedMedia(
        media_id=word(node.get("id")),
        mime_type=word(node.get("mime_type")),
        filename=word(node.get("filename")),
        voice=node.get("voice") is True,
        url=prose(node.get("url")),
    )


def _place(message: Mapping[str, Any]) -> tuple[float, float] | None:
    node = under(message, "location")
    return point(node.get("latitude"), node.get("longitude"))


def _contact(
    contacts: Sequence[Mapping[str, Any]], digits: str, user_id: str | None
) -> Mapping[str, Any]:
    """The one of the contacts who wrote; where there is one alone, it is that one."""
    for contact in contacts:
        if digits and word(contact.get("wa_id")) == digits:
            return contact
        if user_id and contact.get("user_id") == user_id:
            return contact
    named = {word(contact.get("wa_id")) for contact in contacts} - {""}
    return contacts[0] if len(contacts) == 1 and (not digits or not named) else {}
