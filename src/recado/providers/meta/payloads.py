"""Bodies to Meta's Cloud API, and what its answers to sends say.

Limits are those of Meta's pages on messages as of 2026-09-11.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from recado.domain.retry import ErrorClass
from recado.providers.content import (
    Buttons,
    ButtonValue,
    Choices,
    Content,
    CurrencyValue,
    DateValue,
    HeaderValue,
    Media,
    Place,
    Template,
    Text,
    TextValue,
    Value,
)
from recado.providers.events import ProviderFault
from recado.providers.exchange import Accepted, HttpAnswer, Message, Outcome, Refused, Unsure
from recado.providers.meta.errors import fault, is_metas, retry_after
from recado.providers.plain import LONGEST_ID, plain
from recado.providers.reading import decoded

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
MOST_BUTTONS = 3
MOST_ROWS = 10
MOST_SECTIONS = 10
_LONGEST = {
    "interactive body": 1024,
    "header": 60,
    "footer": 60,
    "button title": 20,
    "button id": 256,
    "list button": 20,
    "section title": 24,
    "row id": 200,
    "row title": 24,
    "row description": 72,
}
_CAPTIONED = frozenset({"image", "video", "document"})
_FINE = range(200, 300)
HTTP_TOO_MANY = 429
TEMPLATE_PAUSED = "132015"
HTTP_SERVER_ERROR = 500
_UNSURE = frozenset({ErrorClass.TRANSIENT_UNSURE, ErrorClass.NETWORK_UNSURE})
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}", re.ASCII)
# Meta refuses line breaks, tabs and more than four spaces in a row inside a parameter (132008).
_GAP = re.compile(r"\s*[^\S ]\s*| {5,}")


def request_body(message: Message) -> bytes:
    """The body of a send, with our reference echoed in every status of the message."""
    kind, node = _content(message.content)
    return msgspec.json.encode(
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_recipient(message.to),
            "type": kind,
            kind: node,
            **({"context": {"message_id": message.reply_to}} if message.reply_to else {}),
            "biz_opaque_callback_data": message.reference,
        }
    )


def read_mark(message_id: str) -> bytes:
    """The body that marks a received message as read."""
    return msgspec.json.encode(
        {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
    )


def is_user_id(name: str) -> bool:
    """Whether this is Meta's own id of a person, and no number."""
    return _USER_ID.fullmatch(name) is not None


def _recipient(to: str) -> dict[str, str]:
    return {"recipient" if is_user_id(to) else "to": to}


def _content(content: Content) -> tuple[str, dict[str, Any]]:
    """The type of a message and the node under that name."""
    if isinstance(content, Text):
        return "text", {"body": content.body, "preview_url": content.preview}
    if isinstance(content, Template):
        return "template", _template(content)
    if isinstance(content, Media):
        kind = "audio" if content.kind == "voice" else content.kind
        return kind, _medium(content)
    return "interactive", _interactive(content)


def _medium(medium: Media) -> dict[str, Any]:
    node: dict[str, Any] = {"id": medium.media_id} if medium.media_id else {"link": medium.link}
    if medium.caption:
        node["caption"] = medium.caption
    if medium.filename:
        node["filename"] = medium.filename
    if medium.kind == "voice":
        node["voice"] = True
    return node


def _template(template: Template) -> dict[str, Any]:
    components: list[dict[str, Any]] = []
    if template.header is not None:
        components.append({"type": "header", "parameters": [_parameter(template.header)]})
    if template.body:
        components.append({"type": "body", "parameters": [_parameter(v) for v in template.body]})
    components += [_button(button) for button in template.buttons]
    node: dict[str, Any] = {"name": template.name, "language": {"code": template.language}}
    return {**node, "components": components} if components else node


def _parameter(value: HeaderValue) -> dict[str, Any]:
    if isinstance(value, Media):
        return {"type": value.kind, value.kind: _medium(value)}
    if isinstance(value, Place):
        return {"type": "location", "location": _place(value)}
    named = {} if value.name is None else {"parameter_name": value.name}
    if isinstance(value, CurrencyValue):
        amount = {
            "fallback_value": value.fallback,
            "code": value.code,
            "amount_1000": value.amount_1000,
        }
        return {"type": "currency", **named, "currency": amount}
    if isinstance(value, DateValue):
        return {"type": "date_time", **named, "date_time": {"fallback_value": value.fallback}}
    return {"type": "text", **named, "text": _one_line(value.text)}


def _place(place: Place) -> dict[str, Any]:
    words = {"name": place.name, "address": place.address}
    given = {key: text for key, text in words.items() if text}
    return {"latitude": place.latitude, "longitude": place.longitude, **given}


_BUTTON_PARAMETER: dict[str, Callable[[str], dict[str, str]]] = {
    "url": lambda value: {"type": "text", "text": _one_line(value)},
    "quick_reply": lambda value: {"type": "payload", "payload": value},
    "copy_code": lambda value: {"type": "coupon_code", "coupon_code": value},
}


def _button(button: ButtonValue) -> dict[str, Any]:
    return {
        "type": "button",
        "sub_type": button.kind,
        "index": str(button.index),
        "parameters": [_BUTTON_PARAMETER[button.kind](button.value)],
    }


def _one_line(text: str) -> str:
    return _GAP.sub(" ", text)


def _interactive(content: Buttons | Choices) -> dict[str, Any]:
    node: dict[str, Any] = {"body": {"text": content.body}}
    if isinstance(content.header, Media):
        medium = content.header
        node["header"] = {"type": medium.kind, medium.kind: _medium(medium)}
    elif content.header:
        node["header"] = {"type": "text", "text": content.header}
    if content.footer:
        node["footer"] = {"text": content.footer}
    if isinstance(content, Buttons):
        buttons = [
            {"type": "reply", "reply": {"id": button.id, "title": button.title}}
            for button in content.buttons
        ]
        return {"type": "button", **node, "action": {"buttons": buttons}}
    sections = [
        {
            **({"title": section.title} if section.title else {}),
            "rows": [
                {
                    "id": row.id,
                    "title": row.title,
                    **({"description": row.description} if row.description else {}),
                }
                for row in section.rows
            ],
        }
        for section in content.sections
    ]
    return {"type": "list", **node, "action": {"button": content.button, "sections": sections}}


def complaint(content: Content) -> str | None:
    """What Meta would refuse this for, whoever it is sent to; None if there is nothing."""
    if isinstance(content, Text):
        return _too_long("text", content.body, LONGEST_TEXT) or _empty("text", content.body)
    if isinstance(content, Media):
        return _complaint_of_medium(content)
    if isinstance(content, Template):
        return _complaint_of_template(content)
    header = content.header
    found = (
        _named("interactive body", content.body)
        or _empty("body", content.body)
        or (_named("header", header) if isinstance(header, str) else _complaint_of_medium(header))
        or _named("footer", content.footer)
    )
    if isinstance(content, Buttons):
        return found or _complaint_of_buttons(content)
    return found or _complaint_of_choices(content)


def _complaint_of_medium(medium: Media | None) -> str | None:
    if medium is None:
        return None
    if medium.caption and medium.kind not in _CAPTIONED:
        return f"a medium of the kind {medium.kind} has no caption"
    if medium.filename and medium.kind != "document":
        return f"a medium of the kind {medium.kind} has no file name"
    return _too_long("caption", medium.caption, LONGEST_CAPTION)


def _complaint_of_template(template: Template) -> str | None:
    header = template.header
    values: list[Value] = list(template.body)
    if isinstance(header, Media):
        if header.kind not in _CAPTIONED:
            return f"the header of a template cannot be of the kind {header.kind}"
        if header.caption:
            return "the header of a template has no caption"
    elif header is not None and not isinstance(header, Place):
        values.append(header)
    for value in values:
        text = value.text if isinstance(value, TextValue) else value.fallback
        if not text.strip():
            return f"the value of {value.name or 'a variable'} is empty"
    if any(not button.value.strip() for button in template.buttons):
        return "the value of a button is empty"
    return None


def _complaint_of_buttons(content: Buttons) -> str | None:
    if not 1 <= len(content.buttons) <= MOST_BUTTONS:
        return f"there must be 1 to {MOST_BUTTONS} buttons"
    if len({button.title for button in content.buttons}) < len(content.buttons):
        return "the titles of buttons must differ"
    if len({button.id for button in content.buttons}) < len(content.buttons):
        return "the ids of buttons must differ"
    return next(
        (
            found
            for button in content.buttons
            if (found := _required("button title", button.title))
            or (found := _required("button id", button.id))
        ),
        None,
    )


def _complaint_of_choices(content: Choices) -> str | None:
    rows = [row for section in content.sections for row in section.rows]
    if not 1 <= len(content.sections) <= MOST_SECTIONS or not 1 <= len(rows) <= MOST_ROWS:
        return f"there must be 1 to {MOST_SECTIONS} sections with 1 to {MOST_ROWS} rows in all"
    if not all(section.rows for section in content.sections):
        return "a section has no rows"
    if len(content.sections) > 1 and not all(section.title for section in content.sections):
        return "where there are several sections, each needs a title"
    if len({row.id for row in rows}) < len(rows):
        return "the ids of rows must differ"
    checks = [_required("list button", content.button)]
    checks += [_named("section title", section.title) for section in content.sections]
    checks += [_required("row id", row.id) or _required("row title", row.title) for row in rows]
    checks += [_named("row description", row.description) for row in rows]
    return next(filter(None, checks), None)


def _required(name: str, text: str) -> str | None:
    return _empty(name, text) or _named(name, text)


def _named(name: str, text: str) -> str | None:
    return _too_long(name, text, _LONGEST[name])


def _empty(name: str, text: str) -> str | None:
    return None if text.strip() else f"the {name} is empty"


def _too_long(name: str, text: str, most: int) -> str | None:
    return None if len(text) <= most else f"the {name} has more than {most} characters"


def outcome(answer: HttpAnswer) -> Outcome:
    """What an answer to a send says. An ``error`` of Meta's counts whatever the status says."""
    document = decoded(answer.body) or {}
    error = document.get("error")
    if is_metas(error):
        found = fault(error, answer)
        return Unsure(found) if found.error_class in _UNSURE else Refused(found)
    if not error and answer.status in _FINE and (taken := _taken(document)):
        return taken
    if answer.status == HTTP_TOO_MANY:
        return Refused(
            ProviderFault(
                "http_429", ErrorClass.THROTTLE_CHANNEL, "HTTP 429", retry_after(answer.headers)
            )
        )
    if error and answer.status < HTTP_SERVER_ERROR:
        return Refused(fault(error, answer))
    return Unsure(
        ProviderFault(
            f"http_{answer.status}",
            ErrorClass.NETWORK_UNSURE,
            f"HTTP {answer.status} without a readable answer",
        )
    )


def _taken(document: dict[str, Any]) -> Outcome | None:
    message, contact = _first(document.get("messages")), _first(document.get("contacts"))
    identifier = _text(message.get("id"))
    if identifier is None:
        return None
    if message.get("message_status") == "paused":
        # It has an id and is not sent, as its template is paused: what Meta else says by a code.
        return Refused(ProviderFault(TEMPLATE_PAUSED, ErrorClass.TEMPLATE, "Template is paused"))
    return Accepted(
        identifier,
        _text(contact.get("wa_id")),
        _text(contact.get("user_id")),
        held=message.get("message_status") == "held_for_quality_assessment",
    )


def _text(value: object) -> str | None:
    return plain(value, LONGEST_ID) if isinstance(value, str) and value else None


def _first(items: object) -> dict[str, Any]:
    if isinstance(items, list) and items and isinstance(items[0], dict):
        return items[0]
    return {}
