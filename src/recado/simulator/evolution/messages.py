"""Reading a request to send: what it asks for, or why it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from recado.simulator.evolution.refusals import bad_request
from recado.simulator.evolution.schema import Field, Node, check
from recado.simulator.passage import DELAY_MOST_MS

MEDIA = ("image", "document", "video", "audio")
# WhatsApp shows three buttons at most.
BUTTONS_MOST = 3

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_GROUP = 4
_COMMON: Mapping[str, Field] = {
    "number": Field("string", "Invalid format"),
    "delay": Field("integer", "Enter a value in milliseconds"),
    "quoted": Field("object"),
}
_MIMES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "document": "application/pdf",
    "audio": "audio/mpeg",
}


class Outgoing(NamedTuple):
    """A message as asked for: ``message`` and ``message_type`` as answers and events hold it."""

    kind: str
    number: str
    text: str
    message: Node
    message_type: str
    delay_ms: int = 0
    context: Node | None = None


def _text(body: Node) -> Outgoing:
    check(body, {**_COMMON, "text": Field("string")}, ("number", "text"))
    text = body["text"]
    if not text.strip():
        raise bad_request("Text is required")
    return Outgoing("text", body["number"], text, {"conversation": text}, "conversation")


def _media(body: Node) -> Outgoing:
    strings = ("mimetype", "media", "fileName", "caption")
    fields = {
        **_COMMON,
        "mediatype": Field("string", among=MEDIA),
        **{name: Field("string") for name in strings},
    }
    check(body, fields, ("number", "mediatype"))
    kind, media = body["mediatype"], body.get("media", "")
    if _is_base64(media) and kind == "document" and not body.get("fileName"):
        raise bad_request("For base64 the file name must be informed.")
    if not _is_address(media) and not _is_base64(media):
        raise bad_request("Owned media must be a url or base64")
    caption = body.get("caption", "")
    node = {
        "url": "https://mmg.whatsapp.net/simulated.enc",
        "mimetype": body.get("mimetype") or _MIMES[kind],
        **({"caption": caption} if caption else {}),
        **({"fileName": body["fileName"]} if body.get("fileName") else {}),
    }
    if kind == "audio":
        node["ptt"] = False
    name = f"{kind}Message"
    return Outgoing(kind, body["number"], caption, {name: node}, name)


def _voice(body: Node) -> Outgoing:
    check(body, {**_COMMON, "audio": Field("string")}, ("number",))
    audio = body.get("audio", "")
    if not _is_address(audio) and not _is_base64(audio):
        raise bad_request("Owned media must be a url, base64, or valid file with buffer")
    node = {
        "url": "https://mmg.whatsapp.net/simulated.enc",
        "mimetype": "audio/ogg; codecs=opus",
        "ptt": True,
    }
    return Outgoing("voice", body["number"], "", {"audioMessage": node}, "audioMessage")


def _buttons(body: Node) -> Outgoing:
    strings = ("title", "description", "footer")
    fields = {
        **_COMMON,
        **{name: Field("string") for name in strings},
        "buttons": Field("array"),
    }
    check(body, fields, ("number",))
    buttons = body.get("buttons") or []
    among = ("reply", "copy", "url", "call", "pix")
    for place, button in enumerate(buttons):
        held = button if isinstance(button, dict) else {}
        check(held, {"type": Field("string", among=among)}, ("type",), f"buttons[{place}]")
    if not buttons:
        raise bad_request("At least one button is required")
    replies = sum(button["type"] == "reply" for button in buttons)
    if replies > BUTTONS_MOST:
        raise bad_request("Maximum of 3 reply buttons allowed")
    if replies and replies < len(buttons):
        raise bad_request("Reply buttons cannot be mixed with other button types")
    text = "\n".join(body[name] for name in strings[:2] if body.get(name))
    native = {"body": {"text": text}, "nativeFlowMessage": {"buttons": buttons}}
    message = {"viewOnceMessage": {"message": {"interactiveMessage": native}}}
    return Outgoing("buttons", body["number"], text, message, "viewOnceMessage")


def _list(body: Node) -> Outgoing:
    strings = ("title", "description", "footerText", "buttonText")
    fields = {
        **_COMMON,
        **{name: Field("string") for name in strings},
        "sections": Field("array"),
    }
    check(body, fields, ("number", "title", "footerText", "buttonText", "sections"))
    if not body["sections"]:
        raise bad_request(["sections does not meet minimum length of 1"], name="schema")
    node = {name: body[name] for name in (*strings, "sections") if name in body}
    text = "\n".join(body[name] for name in strings[:2] if body.get(name))
    return Outgoing("list", body["number"], text, {"listMessage": node}, "listMessage")


_READERS: Mapping[str, Callable[[Node], Outgoing]] = {
    "sendText": _text,
    "sendMedia": _media,
    "sendWhatsAppAudio": _voice,
    "sendButtons": _buttons,
    "sendList": _list,
}
CALLS = frozenset(_READERS)


def read(call: str, body: Node) -> Outgoing:
    """Take a request to send apart; ``call`` is one of ``CALLS``.

    Raises:
        Refusal: 400 for what does not fit the schema or cannot be sent.

    """
    outgoing = _READERS[call](body)
    delay, quoted = body.get("delay"), body.get("quoted")
    if not delay and not quoted:
        return outgoing
    delay_ms = min(max(int(delay or 0), 0), DELAY_MOST_MS)
    return outgoing._replace(delay_ms=delay_ms, context=_context(quoted))


def _context(quoted: Node | None) -> Node | None:
    key = quoted.get("key") if quoted else None
    if not isinstance(key, dict) or not key.get("id"):
        return None
    return {"stanzaId": key["id"], "quotedMessage": (quoted or {}).get("message")}


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _is_base64(value: str) -> bool:
    return bool(value) and len(value) % _GROUP == 0 and bool(_BASE64.fullmatch(value))
