"""A message out of the shape that WhatsApp's own library gives it, and Evolution with it."""

from collections.abc import Mapping
from typing import Any

from recado.providers.events import (
    CallbackEvent,
    EditEvent,
    InboundEvent,
    OtherEvent,
    ReactionEvent,
    ReceivedMedia,
    RevokeEvent,
)
from recado.providers.reading import point, prose, under, word
from recado.providers.whatsapp import ABOUT_ANOTHER, KINDS, MEDIA

# Another message lies inside of these, under ``message``.
_WRAPPERS = (
    *("ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"),
    *("documentWithCaptionMessage", "editedMessage"),
)
_DEEPEST = 6
_BESIDE = frozenset({"messageContextInfo", "senderKeyDistributionMessage"})
_TEXTS = ("text", "caption", "selectedDisplayText", "title", "name", "displayName", "description")
_TEXT_OF_KIND = {"location": (), "document": ("caption",), "protocol": ()}
_REVOKED = frozenset({"REVOKE", "0"})


def received(data: Mapping[str, Any], who: Mapping[str, Any]) -> CallbackEvent:
    """The event of one message.

    Args:
        data: As Evolution has it.
        who: What every event of a person has.
    """
    kind, node = kind_and_node(data)
    context = under(data, "contextInfo") or under(node, "contextInfo")
    if kind == "reaction":
        emoji = word(node.get("text"))
        return ReactionEvent(of=word(under(node, "key").get("id")), emoji=emoji, **who)
    if kind == "protocol" and (of := word(under(node, "key").get("id"))):
        text = edited_text(node)
        if text is not None:
            return EditEvent(of=of, text=text, **who)
        if word(node.get("type")) in _REVOKED:
            return RevokeEvent(of=of, **who)
    if kind in ABOUT_ANOTHER:
        return OtherEvent(
            kind=kind or "empty", payload=data, external_id=who["external_id"], at=who["at"]
        )
    return InboundEvent(
        kind=kind,
        text=text_of(kind, node),
        choice=_choice(node),
        reply_to=word(context.get("stanzaId")) or None,
        media=_medium(kind, node),
        place=point(node.get("degreesLatitude"), node.get("degreesLongitude")),
        payload=data,
        **who,
    )


def kind_and_node(data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What kind of message it is, in our words, and the node that has it; both may be empty.

    A plain text has no node: one is made for it.
    """
    name, found = _unwrapped(under(data, "message"), word(data.get("messageType")))
    if isinstance(found, str):
        found = {"text": found}
    return KINDS.get(name, name), found if isinstance(found, dict) else {}


def text_of(kind: str, node: Mapping[str, Any]) -> str:
    """What a person would read in a message; empty where there are no words in it."""
    keys = _TEXT_OF_KIND.get(kind, _TEXTS)
    found = next((text for key in keys if (text := prose(node.get(key)))), "")
    return found or prose(under(node, "body").get("text")) or (_choice(node) or "")


def edited_text(data: Mapping[str, Any]) -> str | None:
    """The new text in the notice of an edit, wherever it lies; None where there is none."""
    held = under(data, "editedMessage") or under(under(data, "message"), "editedMessage")
    held = under(held, "message") or held
    kind, node = kind_and_node({"message": held})
    if kind == "protocol":
        kind, node = kind_and_node({"message": under(node, "editedMessage")})
    return None if kind in ABOUT_ANOTHER else text_of(kind, node)


def _unwrapped(message: Mapping[str, Any], told: str) -> tuple[str, object]:
    for _ in range(_DEEPEST):
        wrapper = next((name for name in _WRAPPERS if under(message, name)), None)
        if wrapper is None:
            break
        message, told = under(message[wrapper], "message"), ""
    names = [name for name in message if name not in _BESIDE and message[name] is not None]
    if not names:
        return "", None
    name = told if told in names else names[0]
    return word(name), message[name]


def _choice(node: Mapping[str, Any]) -> str | None:
    """What stands behind a button or line that was tapped."""
    row = under(node, "singleSelectReply").get("selectedRowId")
    return word(node.get("selectedId") or node.get("selectedButtonId") or row) or None


def _medium(kind: str, node: Mapping[str, Any]) -> ReceivedMedia | None:
    if kind not in MEDIA:
        return None
    return ReceivedMedia(
        mime_type=word(node.get("mimetype")),
        filename=word(node.get("fileName")),
        voice=node.get("ptt") is True,
        url=prose(node.get("url")),
    )
