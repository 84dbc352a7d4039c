"""What Evolution's refusals mean.

It has no codes: a status, and in ``response.message`` a text, or a list of texts, lists and
objects. As its source words them in 2.3.6 and 2.3.7.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from recado.domain.retry import ErrorClass
from recado.providers.calls import TOO_MANY
from recado.providers.events import ProviderFault
from recado.providers.exchange import HttpAnswer
from recado.providers.plain import plain
from recado.providers.reading import retry_after, under

NOT_ON_WHATSAPP = "not_on_whatsapp"
CONNECTION_CLOSED = "connection_closed"
NOT_CONNECTED = "not_connected"
FAILED_LATER = "error"

_REQUEST_FAULTS = range(400, 500)
_TIMED_OUT = 408
_SERVER_ERROR = 500
# What a connection that has just gone looks like, and what it left behind in Evolution's memory.
_CLOSED = ("connection closed", "cannot read properties of", "connection lost")
_BY_STATUS: Mapping[int, ErrorClass] = {
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    404: ErrorClass.ACCOUNT,  # no such instance, or no such path at this address
    _TIMED_OUT: ErrorClass.TRANSIENT_UNSURE,
    TOO_MANY: ErrorClass.THROTTLE_CHANNEL,
}


def of_answer(document: Mapping[str, Any], answer: HttpAnswer) -> ProviderFault:
    """The fault that an answer speaks of."""
    return fault(document, answer.status, retry_after(answer.headers))


def fault(error: object, status: int = 0, wait: float | None = None) -> ProviderFault:
    """A fault from the body of a refusal.

    Args:
        error: The body's object.
        status: HTTP's; the body may have it too, which counts where this is none.
        wait: Seconds that the answer asks to wait.
    """
    if not isinstance(error, Mapping):
        return ProviderFault("unreadable", ErrorClass.UNKNOWN_CODE, plain(error))
    told = error.get("status")
    status = status or (told if isinstance(told, int) else 0)
    leaves = list(_leaves(under(error, "response").get("message") or error.get("message")))
    missing = next((one for one in leaves if _is_missing(one)), None)
    if isinstance(missing, Mapping):
        detail = f"{plain(missing.get('number') or missing.get('jid') or '')} is not on WhatsApp"
        return ProviderFault(NOT_ON_WHATSAPP, ErrorClass.CONTACT_DEAD, plain(detail))
    detail = plain("; ".join(plain(one) for one in leaves) or error.get("error") or "")
    code, error_class = _class_of(detail.lower(), status)
    return ProviderFault(code, error_class, detail, wait)


def failed_later() -> ProviderFault:
    """Of a message that was taken and failed: Evolution says no more than that."""
    return ProviderFault(FAILED_LATER, ErrorClass.UNKNOWN_CODE, "WhatsApp did not take the message")


def _class_of(words: str, status: int) -> tuple[str, ErrorClass]:
    if "is not connected" in words:
        return NOT_CONNECTED, ErrorClass.REGISTRATION
    if any(closed in words for closed in _CLOSED):
        # A 500 comes of the check of the number, before the message; all else may come after it.
        sure = status == _SERVER_ERROR
        error_class = ErrorClass.TRANSIENT_CHANNEL if sure else ErrorClass.TRANSIENT_UNSURE
        return CONNECTION_CLOSED, error_class
    code = f"http_{status}" if status else "unreadable"
    if status in _BY_STATUS:
        return code, _BY_STATUS[status]
    refused = status in _REQUEST_FAULTS
    return code, ErrorClass.REQUEST if refused else ErrorClass.TRANSIENT_UNSURE


def _leaves(message: object, depth: int = 0) -> Iterator[object]:
    """The texts and objects of a message, however they are nested."""
    if isinstance(message, list):
        if depth < 5:  # noqa: PLR2004 - it has been seen two deep
            for one in message:
                yield from _leaves(one, depth + 1)
    elif message is not None:
        yield message


def _is_missing(leaf: object) -> bool:
    return isinstance(leaf, Mapping) and leaf.get("exists") is False
