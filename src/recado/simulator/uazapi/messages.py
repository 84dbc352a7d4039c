"""Reading a request to send: what it asks for, or why it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from recado.simulator import people
from recado.simulator.passage import DELAY_MOST_MS
from recado.simulator.uazapi.refusals import Refusal

Node = dict[str, Any]

_MEDIA = {
    "image": "ImageMessage",
    "video": "VideoMessage",
    "document": "DocumentMessage",
    "audio": "AudioMessage",
    "myaudio": "AudioMessage",
    "ptt": "AudioMessage",
    "sticker": "StickerMessage",
}
_VOICE = ("myaudio", "ptt")
_MENUS = {
    "button": "ButtonsMessage",
    "list": "ListMessage",
    "poll": "PollCreationMessage",
    "carousel": "InteractiveMessage",
}
_PLACEHOLDER = re.compile(r"\{\{\s*(name|first_name|wa_name|wa_contactName|lead_\w+)\s*\}\}")

_decode = msgspec.json.Decoder().decode


class Outgoing(NamedTuple):
    """A message as asked for."""

    kind: str
    number: str
    text: str
    message_type: str
    media_type: str
    content: Any
    delay_ms: int
    track_id: str
    track_source: str
    quoted: str

    @property
    def is_voice(self) -> bool:
        """Whether the recipient listens to it rather than reads it."""
        return self.kind == "voice"


def read_object(body: bytes) -> Node:
    """A request's body.

    Raises:
        Refusal: 400 where it is no JSON object.

    """
    try:
        found = _decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal(400, "Invalid JSON body") from None
    if not isinstance(found, dict):
        raise Refusal(400, "Invalid JSON body")
    return found


def read(call: str, body: Node) -> Outgoing:
    """Take a request to send apart; ``call`` is one of ``CALLS``.

    Raises:
        Refusal: 400 for what is missing or wrong.

    """
    kind, text, message_type, media_type, content = _READERS[call](body)
    number = body.get("number")
    if isinstance(number, int) and not isinstance(number, bool):
        number = str(number)
    if not isinstance(number, str) or not number:
        raise Refusal(400, "Missing number or text")
    delay = body.get("delay")
    return Outgoing(
        kind,
        number,
        text,
        message_type,
        media_type,
        content,
        min(max(delay, 0), DELAY_MOST_MS) if isinstance(delay, int) else 0,
        _string(body, "track_id"),
        _string(body, "track_source"),
        _string(body, "replyid"),
    )


def expanded(text: str, wa_id: str) -> str:
    """The text with uazapi's own placeholders filled in from what it knows of the person."""
    if "{{" not in text:
        return text
    name = people.name(wa_id)
    known = {"first_name": name.split()[0]}
    return _PLACEHOLDER.sub(
        lambda found: "" if found[1].startswith("lead_") else known.get(found[1], name), text
    )


_Read = tuple[str, str, str, str, Any]


def _text(body: Node) -> _Read:
    text = _string(body, "text")
    if not text or not body.get("number"):
        raise Refusal(400, "Missing number or text")
    return "text", text, "ExtendedTextMessage", "", {"text": text}


def _media(body: Node) -> _Read:
    kind, file = _string(body, "type"), _string(body, "file")
    if not kind or not file:
        raise Refusal(400, "Missing number, type or file")
    if kind not in _MEDIA:
        raise Refusal(415, "Unsupported media type")
    text = _string(body, "text")
    content = {
        "URL": "https://mmg.whatsapp.net/simulated.enc",
        "mimetype": _string(body, "mimetype"),
        **({"caption": text} if text else {}),
        **({"fileName": _string(body, "docName")} if body.get("docName") else {}),
        **({"PTT": True} if kind in _VOICE else {}),
    }
    said = "voice" if kind in _VOICE else kind
    return said, text, _MEDIA[kind], "ptt" if kind in _VOICE else kind, content


def _menu(body: Node) -> _Read:
    kind, text, choices = _string(body, "type"), _string(body, "text"), body.get("choices")
    if kind not in _MENUS or not text or not isinstance(choices, list) or not choices:
        raise Refusal(400, "Missing number, type, text or choices")
    content = {"text": text, "footerText": _string(body, "footerText"), "choices": choices}
    return kind, text, _MENUS[kind], "", content


def _location(body: Node) -> _Read:
    if body.get("latitude") is None or body.get("longitude") is None:
        raise Refusal(400, "Missing number, latitude or longitude")
    content = {name: body.get(name) for name in ("latitude", "longitude", "name", "address")}
    return "location", _string(body, "name"), "LocationMessage", "location", content


def _contact(body: Node) -> _Read:
    name = _string(body, "fullName")
    if not name or not body.get("phoneNumber"):
        raise Refusal(400, "Missing number, fullName or phoneNumber")
    return "contact", name, "ContactMessage", "vcard", {"displayName": name}


def _reaction(body: Node) -> _Read:
    if not body.get("id"):
        raise Refusal(400, "Missing number or id")
    text = _string(body, "text")
    return "reaction", text, "ReactionMessage", "", {"text": text, "key": {"ID": body["id"]}}


_READERS: Mapping[str, Callable[[Node], _Read]] = {
    "send/text": _text,
    "send/media": _media,
    "send/menu": _menu,
    "send/location": _location,
    "send/contact": _contact,
    "message/react": _reaction,
}
CALLS = frozenset(_READERS)


def _string(body: Node, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""
