"""Bodies to Evolution API v2, and what its answers say."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from recado.domain.retry import ErrorClass
from recado.providers import whatsapp
from recado.providers.base import CallFailed, Config
from recado.providers.content import Media, Text
from recado.providers.events import ChannelStatus, ProviderFault
from recado.providers.exchange import Accepted, Check, Login, Message, NumberCheck
from recado.providers.plain import plain
from recado.providers.reading import objects, picture, prose, under, word

NAME = "evolution"
SECRET_HEADER = "x-hook-secret"  # noqa: S105 - the header's name
EVENTS = (
    *("MESSAGES_UPSERT", "MESSAGES_UPDATE", "MESSAGES_DELETE", "MESSAGES_EDITED", "SEND_MESSAGE"),
    *("CONNECTION_UPDATE", "STATUS_INSTANCE", "QRCODE_UPDATED"),
)
STATES: Mapping[str, ChannelStatus] = {
    "open": "connected",
    "connecting": "connecting",
    "close": "disconnected",
    "closed": "disconnected",
    "refused": "disconnected",
}


def webhook(config: Config, callback_url: str) -> bytes:
    """Where to call back, with what, and with which header."""
    return msgspec.json.encode(
        {
            "webhook": {
                "enabled": True,
                "url": callback_url,
                "byEvents": False,
                "base64": False,
                "headers": {SECRET_HEADER: config["webhook_secret"]},
                "events": EVENTS,
            }
        }
    )


def send(message: Message) -> tuple[str, bytes]:
    """The call that sends this, and its body. There is no room in it for our reference."""
    content = message.content
    body: dict[str, Any] = {"number": message.to}
    if isinstance(content, Text):
        call = "sendText"
        body |= {"text": content.body, "linkPreview": content.preview}
    elif isinstance(content, Media) and content.kind == "voice":
        call = "sendWhatsAppAudio"
        body["audio"] = content.link
    elif isinstance(content, Media):
        call = "sendMedia"
        body |= {"mediatype": content.kind, "media": content.link}
        if content.caption:
            body["caption"] = content.caption
        if content.filename:
            body["fileName"] = content.filename
    else:
        raise TypeError(content)
    if message.reply_to:
        body["quoted"] = {"key": {"id": message.reply_to}}
    return call, msgspec.json.encode(body)


def read_mark(message_id: str, sender: str) -> bytes:
    """That a received message was read."""
    key = {"remoteJid": whatsapp.of(sender), "fromMe": False, "id": message_id}
    return msgspec.json.encode({"readMessages": [key]})


def taken(document: Mapping[str, Any]) -> Accepted | None:
    """The message in an answer to a send."""
    key = under(document, "key")
    identifier = word(key.get("id"))
    if not identifier:
        return None
    digits, user_id = whatsapp.person(key.get("remoteJid"), key.get("remoteJidAlt"))
    return Accepted(identifier, digits or None, user_id)


def check(document: object) -> Check:
    """The state of the connection."""
    state = word(under(document, "instance").get("state"))
    if state not in STATES:
        return Check("disconnected", f"Unreadable answer: {plain(document)}")
    return Check(STATES[state], state)


def login(document: object) -> Login:
    """What to scan or to type, or that nothing is to be done."""
    state = under(document, "instance").get("state")
    if state == "open":
        return Login("connected")
    code = document if isinstance(document, dict) else {}
    return Login(
        "connecting",
        image=picture(code.get("base64")),
        code=prose(code.get("code")),
        pairing_code=word(code.get("pairingCode")),
    )


def numbers(asked: Sequence[str]) -> bytes:
    """Which of these (digits) are on WhatsApp?"""
    return msgspec.json.encode({"numbers": asked})


def checks(document: object, numbers: Sequence[str]) -> list[NumberCheck]:
    """Which of the numbers are on WhatsApp, in their order.

    Raises:
        CallFailed: One of them is not in the answer.
    """
    found = {word(one.get("number")): one for one in objects(document)}
    return [_checked(number, found.get(number)) for number in numbers]


def _checked(number: str, answer: Mapping[str, Any] | None) -> NumberCheck:
    if answer is None or not isinstance(answer.get("exists"), bool):
        detail = f"The answer says nothing of {number}"
        raise CallFailed(NAME, ProviderFault("unreadable", ErrorClass.UNKNOWN_CODE, detail))
    if not answer["exists"]:
        return NumberCheck(number, exists=False)
    digits, user_id = whatsapp.person(answer.get("jid"), answer.get("lid"))
    name = word(answer.get("name"))
    return NumberCheck(number, exists=True, wa_id=digits or None, user_id=user_id, name=name)
