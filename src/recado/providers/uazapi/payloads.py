"""Bodies to uazapi v2, and what its answers say."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from recado.domain.retry import ErrorClass
from recado.providers import whatsapp
from recado.providers.base import CallFailed
from recado.providers.content import Media, Text
from recado.providers.events import ChannelStatus, ProviderFault
from recado.providers.exchange import Accepted, Check, Login, Message, NumberCheck
from recado.providers.plain import plain
from recado.providers.reading import objects, picture, under, word
from recado.providers.uazapi import errors

NAME = "uazapi"
EVENTS = ("messages", "messages_update", "connection")
# Not "wasSentByApi": these tell of our own messages with our reference in them.
LEFT_OUT = ("isGroupYes",)
STATES: Mapping[str, ChannelStatus] = {
    "connected": "connected",
    "connecting": "connecting",
    "disconnected": "disconnected",
}
PICTURE_SECONDS = 120.0
CODE_SECONDS = 300.0
_OPENING = re.compile(r"\{(?=\{)")
_UNSEEN = "{\N{WORD JOINER}"


def webhook(callback_url: str) -> bytes:
    """Where to call back, and with what."""
    return msgspec.json.encode(
        {
            "enabled": True,
            "url": callback_url,
            "events": EVENTS,
            "excludeMessages": LEFT_OUT,
            "addUrlEvents": False,
            "addUrlTypesMessages": False,
        }
    )


def connection(phone: str | None) -> bytes:
    """Begin to connect a phone: with its number by a code to type, else by a picture."""
    return msgspec.json.encode({"phone": phone} if phone else {})


def send(message: Message) -> tuple[str, bytes]:
    """The call that sends this, and its body with our reference."""
    content = message.content
    body: dict[str, Any] = {"number": message.to, "track_id": message.reference}
    if isinstance(content, Text):
        call = "send/text"
        body |= {"text": as_written(content.body), "linkPreview": content.preview}
    elif isinstance(content, Media):
        call = "send/media"
        body |= {"type": "ptt" if content.kind == "voice" else content.kind, "file": content.link}
        if content.caption:
            body["text"] = as_written(content.caption)
        if content.filename:
            body["docName"] = content.filename
    else:
        raise TypeError(content)
    if message.reply_to:
        body["replyid"] = message.reply_to
    return call, msgspec.json.encode(body)


def as_written(text: str) -> str:
    """A text of which uazapi fills in nothing: between two braces goes something unseen."""
    return _OPENING.sub(_UNSEEN, text)


def bare(identifier: object) -> str:
    """A message's id without the account's digits, which stand before it here and there."""
    return word(identifier).rpartition(":")[2]


def taken(document: Mapping[str, Any]) -> Accepted | None:
    """The message in an answer to a send."""
    identifier = bare(document.get("messageid") or document.get("id"))
    if not identifier:
        return None
    digits, user_id = whatsapp.person(document.get("chatid"), document.get("chatlid"))
    return Accepted(identifier, digits or None, user_id)


def check(document: object) -> Check:
    """The state of the connection."""
    instance = under(document, "instance")
    status = STATES.get(word(instance.get("status")))
    if status is None:
        return Check("disconnected", f"Unreadable answer: {plain(document)}")
    if status == "connected":
        return Check(status, word(instance.get("status")))
    return Check(status, word(instance.get("lastDisconnectReason")) or status)


def login(document: object, *, by_code: bool) -> Login:
    """What to scan or to type, or that nothing is to be done."""
    instance = under(document, "instance")
    if instance.get("status") == "connected":
        return Login("connected")
    return Login(
        "connecting",
        image=picture(instance.get("qrcode")),
        pairing_code=word(instance.get("paircode")),
        seconds=CODE_SECONDS if by_code else PICTURE_SECONDS,
    )


def read_mark(message_id: str) -> bytes:
    """That a received message was read."""
    return msgspec.json.encode({"id": [message_id]})


def numbers(asked: Sequence[str]) -> bytes:
    """Which of these (digits) are on WhatsApp?"""
    return msgspec.json.encode({"numbers": asked})


def checks(document: object, numbers: Sequence[str]) -> list[NumberCheck]:
    """Which of the numbers are on WhatsApp, in their order.

    Raises:
        CallFailed: One of them is not in the answer.
    """
    found = {word(one.get("query")): one for one in objects(document)}
    return [_checked(number, found.get(number)) for number in numbers]


def _checked(number: str, answer: Mapping[str, Any] | None) -> NumberCheck:
    exists = answer.get("isInWhatsapp") if answer else None
    # Of what could not be looked up it says why, and false beside it.
    failed = answer and answer.get("error") and errors.fault(answer).code != errors.NOT_ON_WHATSAPP
    if answer is None or failed or not isinstance(exists, bool):
        detail = f"The answer says nothing of {number}"
        raise CallFailed(NAME, ProviderFault("unreadable", ErrorClass.UNKNOWN_CODE, detail))
    if not exists:
        return NumberCheck(number, exists=False)
    digits, user_id = whatsapp.person(answer.get("jid"), answer.get("lid"))
    name = word(answer.get("verifiedName"))
    return NumberCheck(number, exists=True, wa_id=digits or None, user_id=user_id, name=name)
