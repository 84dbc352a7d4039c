"""Reading a request to ``/{phone_number_id}/messages``: what it asks for, or why it is refused."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from recado.simulator.meta import checks, kinds
from recado.simulator.meta.checks import Node
from recado.simulator.meta.codes import Refusal
from recado.simulator.meta.responses import whatsapp_id

# Meta: 512 characters travel with a message and come back in each of its statuses.
REFERENCE_MOST = 512

_PUNCTUATION = re.compile(r"[+\s().-]")
_NUMBER = re.compile(r"[1-9]\d{6,14}")
_SCOPED_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,128}")

_decode = msgspec.json.Decoder().decode


class Outgoing(NamedTuple):
    """A message to a contact: ``to`` as digits, ``wa_id`` as WhatsApp knows it."""

    kind: str
    to: str
    wa_id: str
    input: str
    text: str
    reference: str | None
    body: Node


class ReadMark(NamedTuple):
    """A received message marked as read, perhaps with the typing sign."""

    message_id: str
    typing: bool


def read(body: bytes) -> Outgoing | ReadMark:
    """Take a request apart; a template is left to ``templates``, its text is empty here.

    Raises:
        Refusal: 100 for the form, 131008 for what is missing, 131009 for a wrong value, 131051
            for an unknown kind of message.

    """
    try:
        message = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal(100, "The request body is not valid JSON.") from None
    if not isinstance(message, dict):
        raise Refusal(100, "The request body must be a JSON object.")
    product = message.get("messaging_product")
    if product != "whatsapp":
        if product is None:
            raise Refusal(100, "The parameter messaging_product is required.")
        raise Refusal(100, "Param messaging_product must be one of {whatsapp}.")
    if "status" in message:
        return _read_mark(message)
    # One of Meta's own examples leaves the type out: it is what the message holds, else text.
    kind = message.get("type") or next(filter(message.__contains__, kinds.KINDS), "text")
    if not isinstance(kind, str):
        raise checks.malformed("type", "must be a string.")
    if message.get("recipient_type", "individual") != "individual":
        raise checks.malformed("recipient_type", "must be one of {individual}.")
    given, to, wa_id = _recipient(message)
    reference = message.get("biz_opaque_callback_data")
    if reference is not None:
        checks.text(message, "biz_opaque_callback_data", "", most=REFERENCE_MOST, least=0)
    if message.get("context") is not None:
        checks.text(checks.node(message, "context"), "message_id", "context", most=1024)
    text = "" if kind == "template" else kinds.read(kind, message)
    return Outgoing(kind, to, wa_id, given, text, reference, message)


def _recipient(message: Node) -> tuple[str, str, str]:
    to = message.get("to")
    if to is None:
        scoped = message.get("recipient")
        if scoped is None:
            raise checks.required("to")
        if not isinstance(scoped, str) or not _SCOPED_ID.fullmatch(scoped):
            raise checks.invalid("recipient", "it is not a business-scoped user id.")
        return scoped, scoped, scoped
    if isinstance(to, int) and not isinstance(to, bool):
        to = str(to)
    if not isinstance(to, str):
        raise checks.malformed("to", "must be a string.")
    digits = to if to.isdecimal() else _PUNCTUATION.sub("", to)
    if not _NUMBER.fullmatch(digits) or not digits.isascii():
        raise checks.invalid("to", "it is not a phone number with its country code.")
    return to, digits, whatsapp_id(digits)


def _read_mark(message: Node) -> ReadMark:
    if message["status"] != "read":
        raise checks.invalid("status", "it must be read.")
    message_id = checks.text(message, "message_id", "", most=1024)
    if not message_id.startswith("wamid."):
        raise checks.invalid("message_id", "it is not the id of a message.")
    typing = message.get("typing_indicator")
    if typing is not None:
        kind = checks.text(
            checks.node(message, "typing_indicator"), "type", "typing_indicator", most=64
        )
        if kind != "text":
            raise checks.invalid("typing_indicator['type']", "it must be text.")
    return ReadMark(message_id, typing is not None)
