"""Bodies to and from Meta's Cloud API, and the classes of its error codes."""

from collections.abc import Mapping
from typing import Any

import msgspec

from recado.domain.retry import ErrorClass
from recado.providers.base import Accepted, HttpAnswer, Message, Outcome, ProviderFault, Refused
from recado.providers.base import Unsure as UnsureOutcome
from recado.providers.plain import LONGEST_ID, plain

_FINE = range(200, 300)
HTTP_TOO_MANY = 429
HTTP_SERVER_ERROR = 500

# Code → class, from Meta's list of error codes as of 2026-09-11 and the practice of its clients.
# Never by HTTP status: Meta changes those, and says not to build on them.
_CODES: Mapping[ErrorClass, tuple[int, ...]] = {
    ErrorClass.AUTH: (0, 3, 10, 104, 190, 131005, *range(200, 300)),
    ErrorClass.ACCOUNT: (33, 368, 131031, 131037, 131042, 131044, 131064, 134011),
    ErrorClass.ACCOUNT_QUALITY: (131048,),
    ErrorClass.REGISTRATION: (
        *(131045, 133000, 133005, 133006, 133008),
        *(133009, 133010, 133015, 133016),
    ),
    ErrorClass.TRANSIENT_UNSURE: (1, 2, 131000, 131016, 133004),
    ErrorClass.TRANSIENT_CHANNEL: (131057,),
    ErrorClass.THROTTLE_CHANNEL: (4, 17, 613, 80007, 80008, 130429),
    ErrorClass.THROTTLE_PAIR: (131056,),
    ErrorClass.REQUEST: (
        *(100, 131008, 131009, 131030, 131051),
        *(131055, 131062, 135000, 137000),
    ),
    ErrorClass.TEMPLATE: (
        *(131063, 132001, 132007, 132015, 132016, 132068),
        *(132069, 134100, 134101, 134102),
    ),
    ErrorClass.TEMPLATE_PARAMS: (132000, 132012, 132018),
    ErrorClass.CONTACT_DATA: (132005, 132008),
    ErrorClass.CONTACT_SKIP: (130403, 130472, 131021),
    ErrorClass.CONTACT_DEAD: (131026,),
    ErrorClass.CONTACT_DEFER: (131049,),
    ErrorClass.COUNTRY_BLOCK: (130497,),
    ErrorClass.WINDOW: (131047,),
    ErrorClass.OPT_OUT: (131050,),
    ErrorClass.MEDIA: (131053,),
    ErrorClass.INBOUND_ONLY: (131052, 131060),
}
_CLASS_OF = {code: error_class for error_class, codes in _CODES.items() for code in codes}
# Meta: an object that does not exist or that the token may not see.
_INVALID, _NO_SUCH_OBJECT = 100, 33
_NO_CODE = -1
_UNSURE = frozenset({ErrorClass.TRANSIENT_UNSURE, ErrorClass.NETWORK_UNSURE})


def request_body(message: Message) -> bytes:
    """The body of a send, with our reference echoed in every status of the message."""
    return msgspec.json.encode(
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.to,
            "type": "text",
            "text": {"body": message.content.body, "preview_url": False},
            "biz_opaque_callback_data": message.reference,
        }
    )


def outcome(answer: HttpAnswer) -> Outcome:
    """What an answer to a send says. An ``error`` of Meta's counts whatever the status says."""
    document = _document(answer.body) or {}
    error = document.get("error")
    if _is_metas(error):
        found = fault(error, answer)
        return UnsureOutcome(found) if found.error_class in _UNSURE else Refused(found)
    identifier = _first(document.get("messages")).get("id")
    if not error and answer.status in _FINE and isinstance(identifier, str) and identifier:
        wa_id = _first(document.get("contacts")).get("wa_id")
        known = plain(wa_id, LONGEST_ID) if isinstance(wa_id, str) and wa_id else None
        return Accepted(plain(identifier, LONGEST_ID), known)
    if answer.status == HTTP_TOO_MANY:
        return Refused(
            ProviderFault(
                "http_429", ErrorClass.THROTTLE_CHANNEL, "HTTP 429", retry_after(answer.headers)
            )
        )
    if error and answer.status < HTTP_SERVER_ERROR:
        return Refused(fault(error, answer))
    return UnsureOutcome(
        ProviderFault(
            f"http_{answer.status}",
            ErrorClass.NETWORK_UNSURE,
            f"HTTP {answer.status} without a readable answer",
        )
    )


def fault(error: object, answer: HttpAnswer | None = None) -> ProviderFault:
    """A fault from an ``error`` object, of an answer or of a callback."""
    if not isinstance(error, Mapping):
        return ProviderFault("unreadable", ErrorClass.UNKNOWN_CODE, plain(error))
    code = _number(error.get("code"))
    error_class = _CLASS_OF.get(code, ErrorClass.UNKNOWN_CODE)
    if code == _INVALID and _number(error.get("error_subcode")) == _NO_SUCH_OBJECT:
        error_class = ErrorClass.ACCOUNT
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, Mapping) else data
    text = plain(details or error.get("message") or error.get("title") or "")
    return ProviderFault(
        plain(code), error_class, text, retry_after(answer.headers) if answer else None
    )


def _is_metas(error: object) -> bool:
    """Whether it is Meta that speaks: servers on the way put words of their own under ``error``."""
    return isinstance(error, Mapping) and _number(error.get("code")) != _NO_CODE


def _number(value: object) -> int:
    """A code, which Meta has been seen to write as a string too."""
    if isinstance(value, str) and len(value) < 20:  # noqa: PLR2004 - digits of a code, and to spare
        try:
            return int(value)
        except ValueError:
            return _NO_CODE
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _NO_CODE


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from Retry-After or from Meta's usage header (minutes)."""
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    usage = _document(headers.get("x-business-use-case-usage", "").encode())
    minutes = [
        float(entry["estimated_time_to_regain_access"])
        for entries in (usage or {}).values()
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("estimated_time_to_regain_access"), int | float)
    ]
    return max(minutes) * 60 if minutes and max(minutes) > 0 else None


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _first(items: object) -> dict[str, Any]:
    if isinstance(items, list) and items and isinstance(items[0], dict):
        return items[0]
    return {}
