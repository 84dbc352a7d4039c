"""How Evolution refuses: one envelope, with messages of many forms inside."""

from __future__ import annotations

from http import HTTPStatus

from recado.simulator.faults import Fault
from recado.simulator.passage import DEFAULT_RETRY_AFTER
from recado.simulator.wire import Answer, json_answer

CLOSED = "Connection Closed"

# Fault rules may speak in Meta's codes, as those are the same for all providers.
_UNAUTHORIZED = (0, 190, 401)
_MISSING = (131026,)
_TOO_MANY = (4, 429, 80007, 130429, 131056)
_WRONG_REQUEST = (100, 131008, 131009)


class Refusal(Exception):
    """A request that Evolution refuses.

    Args:
        status: The HTTP status, which stands in the body too.
        message: What ``response.message`` holds: a text, or a list of texts, lists or objects.
        name: What the journal counts it under; the status where it is left out.

    """

    def __init__(
        self, status: int, message: object, *, name: str = "", retry_after: int | None = None
    ) -> None:
        self.status = status
        self.message = message
        self.name = name or str(status)
        self.retry_after = retry_after
        super().__init__(str(message))

    def answer(self) -> Answer:
        """The refusal as it leaves."""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if self.retry_after is not None:
            headers = ((b"retry-after", b"%d" % self.retry_after),)
        body = {
            "status": self.status,
            "error": HTTPStatus(self.status).phrase,
            "response": {"message": self.message},
        }
        return json_answer(body, status=self.status, headers=headers)


def bad_request(message: object, *, name: str = "") -> Refusal:
    """What most refusals are: 400, the message in a list."""
    return Refusal(400, [message], name=name)


def unauthorized() -> Refusal:
    """A key that is missing or wrong."""
    return Refusal(401, "Unauthorized")


def no_instance(name: str) -> Refusal:
    """An instance that does not exist."""
    return Refusal(404, [f'The "{name}" instance does not exist'])


def not_connected(name: str) -> Refusal:
    """An instance that must be connected for this."""
    return bad_request(f'The "{name}" instance is not connected')


def not_on_whatsapp(jid: str, number: str) -> Refusal:
    """A recipient without WhatsApp."""
    missing = {"jid": jid, "exists": False, "number": number}
    return bad_request(missing, name="not_on_whatsapp")


def closed() -> Refusal:
    """The connection was found closed by the check of the number: nothing was sent."""
    return Refusal(500, CLOSED, name="connection_closed")


def failed_as_200(message: str) -> Answer:
    """A failure that Evolution answers with 200, as connecting and restarting do."""
    return json_answer({"error": True, "message": message})


def by_fault(fault: Fault, *, jid: str, number: str) -> Refusal:
    """What a fault is answered with.

    Its ``code`` is an HTTP status, or one of Meta's for what Evolution knows too: no WhatsApp,
    no authorisation, too much, a fault of the request. Anything else is a 500.
    """
    code = 500 if fault.code is None else fault.code
    if fault.kind == "disconnect":
        refusal = closed()
    elif fault.kind == "rate_limited" or code in _TOO_MANY:
        wait = DEFAULT_RETRY_AFTER if fault.retry_after is None else fault.retry_after
        refusal = Refusal(429, [fault.details or "Too Many Requests"], retry_after=wait)
    elif code in _MISSING:
        refusal = not_on_whatsapp(jid, number)
    elif code in _UNAUTHORIZED:
        refusal = unauthorized()
    elif code in _WRONG_REQUEST:
        words = fault.details or 'instance requires property "text"'
        refusal = bad_request([words], name="schema")
    elif code == HTTPStatus.BAD_REQUEST:
        refusal = bad_request(fault.details or f"Error: {CLOSED}")
    else:
        status = code if code in range(400, 600) else 500
        refusal = Refusal(status, fault.details or "Internal Server Error")
    if fault.http is not None and fault.http >= HTTPStatus.BAD_REQUEST:
        refusal.status = fault.http
    return refusal
