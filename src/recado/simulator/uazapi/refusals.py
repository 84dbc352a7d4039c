"""How uazapi refuses: a status and one sentence."""

from __future__ import annotations

from http import HTTPStatus

from recado.simulator.faults import Fault
from recado.simulator.passage import DEFAULT_RETRY_AFTER
from recado.simulator.wire import Answer, json_answer

NOT_CONNECTED = "WhatsApp client is not connected"
FAILED = "Failed to send message"
# WhatsApp's answer to an account that begins too many conversations.
NO_NEW_CHATS = 463

# Fault rules may speak in Meta's codes, as those are the same for all providers.
_UNAUTHORIZED = (0, 190, 401)
_MISSING = (131026,)
_TOO_MANY = (4, 429, 80007, 130429, 131056)
_BAD_REQUEST = (100, 400, 131008, 131009)


class Refusal(Exception):
    """A request that uazapi refuses.

    Args:
        status: The HTTP status.
        error: The sentence.
        name: What the journal counts it under; the status where it is left out.
        more: Further keys of the body.

    """

    def __init__(
        self,
        status: int,
        error: str,
        *,
        name: str = "",
        retry_after: int | None = None,
        more: dict[str, object] | None = None,
    ) -> None:
        self.status = status
        self.error = error
        self.name = name or str(status)
        self.retry_after = retry_after
        self.more = more or {}
        super().__init__(error)

    def answer(self) -> Answer:
        """The refusal as it leaves."""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if self.retry_after is not None:
            headers = ((b"retry-after", b"%d" % self.retry_after),)
        body = {"error": self.error, **self.more}
        return json_answer(body, status=self.status, headers=headers)


def not_on_whatsapp(jid: str) -> Refusal:
    """A recipient without WhatsApp."""
    return Refusal(500, missing_words(jid), name="not_on_whatsapp")


def missing_words(jid: str) -> str:
    """What uazapi says of a number without WhatsApp."""
    return f"the number {jid} is not on WhatsApp"


def not_connected() -> Refusal:
    """The connection is down for the moment."""
    return Refusal(500, NOT_CONNECTED, name="connection_closed")


def no_session() -> Refusal:
    """No telephone is linked."""
    return Refusal(401, "No active session", name="connection_closed")


def by_fault(fault: Fault, *, jid: str) -> Refusal:
    """What a fault is answered with.

    Its ``code`` is an HTTP status, 463, or one of Meta's for what uazapi knows too: no WhatsApp, no
    authorisation, too much, a fault of the request. Anything else is a 500.
    """
    code = 500 if fault.code is None else fault.code
    if fault.kind == "disconnect":
        refusal = not_connected()
    elif fault.kind == "rate_limited" or code in _TOO_MANY:
        wait = DEFAULT_RETRY_AFTER if fault.retry_after is None else fault.retry_after
        refusal = Refusal(429, fault.details or "Rate limit exceeded", retry_after=wait)
    elif code in _MISSING:
        refusal = not_on_whatsapp(jid)
    elif code in _UNAUTHORIZED:
        refusal = Refusal(401, fault.details or "Invalid token")
    elif code in _BAD_REQUEST:
        refusal = Refusal(400, fault.details or "Missing number or text")
    elif code == NO_NEW_CHATS:
        more: dict[str, object] = {"error_source": "whatsapp_server", "provider_code": code}
        refusal = Refusal(500, fault.details or FAILED, name=str(code), more=more)
    else:
        status = code if code in range(400, 600) else 500
        refusal = Refusal(status, fault.details or FAILED)
    if fault.http is not None and fault.http >= HTTPStatus.BAD_REQUEST:
        refusal.status = fault.http
    return refusal
