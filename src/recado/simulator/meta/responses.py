"""The bodies that the Cloud API answers with, and the ids in them."""

from __future__ import annotations

import base64

import msgspec

from recado.simulator.meta.codes import Refusal
from recado.simulator.wire import Answer, json_answer

OUTGOING = 0x11
INCOMING = 0x12

# Brazil's area codes up to 28 keep the ninth digit in WhatsApp's ids, those from 31 on lack it.
_FIRST_SHORT_AREA = 31


def whatsapp_id(number: str) -> str:
    """The id that WhatsApp knows a number (digits) by.

    A Brazilian mobile in an area code from 31 on loses its ninth digit when the digit behind it is
    7 or more, as accounts made before that digit was introduced never had it.
    """
    if (
        len(number) == 13  # noqa: PLR2004 - 55, two digits of area, nine of the mobile
        and number.startswith("55")
        and number[4] == "9"
        and int(number[2:4]) >= _FIRST_SHORT_AREA
        and number[5] in "789"
    ):
        return number[:4] + number[5:]
    return number


def message_id(wa_id: str, drawn: bytes, *, direction: int = OUTGOING) -> str:
    """A wamid built as Meta's are: the other side's id, the direction, and 18 hex digits."""
    who = wa_id.encode()
    unique = drawn[:9].hex().upper().encode()
    raw = b"\x1c\x18%c%s\x15\x02\x00%c\x18%c%s\x00" % (
        len(who),
        who,
        direction,
        len(unique),
        unique,
    )
    return "wamid." + base64.b64encode(raw).decode()


class _Contact(msgspec.Struct, omit_defaults=True):
    input: str
    wa_id: str | None = None
    user_id: str | None = None


class _Message(msgspec.Struct, omit_defaults=True):
    id: str
    message_status: str | None = None


class _Acceptance(msgspec.Struct):
    messaging_product: str
    contacts: list[_Contact]
    messages: list[_Message]


def accepted(*, to: str, wa_id: str, wamid: str, message_status: str | None = None) -> Answer:
    """The answer to a message that was taken on; ``message_status`` goes with templates."""
    # A business-scoped user id has letters: it is answered without a number.
    contact = _Contact(to, wa_id=wa_id) if wa_id.isdecimal() else _Contact(to, user_id=wa_id)
    return Answer(
        200,
        msgspec.json.encode(
            _Acceptance("whatsapp", [contact], [_Message(wamid, message_status)]),
        ),
    )


def success() -> Answer:
    """The answer of calls that return nothing else."""
    return json_answer({"success": True})


def error_body(refusal: Refusal, *, trace: str) -> dict[str, object]:
    """A refusal as the Graph API writes it."""
    error: dict[str, object] = {
        "message": refusal.message,
        "type": refusal.kind,
        "code": refusal.code,
    }
    if refusal.has_data:
        error["error_data"] = {"messaging_product": "whatsapp", "details": refusal.details}
    if refusal.subcode is not None:
        error["error_subcode"] = refusal.subcode
    error["fbtrace_id"] = trace
    return {"error": error}


def waiting(refusal: Refusal) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that say when to come back."""
    headers = []
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.regain_minutes is not None:
        used = {
            "type": "whatsapp",
            "call_count": 100,
            "total_cputime": 10,
            "total_time": 10,
            "estimated_time_to_regain_access": refusal.regain_minutes,
        }
        usage = msgspec.json.encode({"100000000000001": [used]})
        headers.append((b"x-business-use-case-usage", usage))
    return tuple(headers)


def trace_id(drawn: bytes) -> str:
    """The id under which Meta's support would find a request."""
    return "A" + base64.urlsafe_b64encode(drawn[:16]).decode().rstrip("=")
