"""What uazapi's refusals mean: a status and a sentence, and newer servers WhatsApp's own code.

As the vendor's OpenAPI description words them, in copies of it, and as users of it have seen them.
"""

from collections.abc import Mapping
from typing import Any

from recado.domain.retry import ErrorClass
from recado.providers.calls import TOO_MANY
from recado.providers.events import ProviderFault
from recado.providers.exchange import HttpAnswer
from recado.providers.plain import plain
from recado.providers.reading import retry_after, word

NOT_ON_WHATSAPP = "not_on_whatsapp"
NO_SESSION = "no_active_session"
NO_NEW_CHATS = "463"
FAILED_LATER = "error"

_REQUEST_FAULTS = range(400, 500)
_BY_WORDS: tuple[tuple[str, str, ErrorClass], ...] = (
    ("not on whatsapp", NOT_ON_WHATSAPP, ErrorClass.CONTACT_DEAD),
    ("no active session", NO_SESSION, ErrorClass.REGISTRATION),
    ("not connected", "not_connected", ErrorClass.TRANSIENT_CHANNEL),
    ("invalid token", "invalid_token", ErrorClass.AUTH),
    ("missing token", "missing_token", ErrorClass.AUTH),
    ("rate limit", "rate_limit", ErrorClass.THROTTLE_CHANNEL),
    ("missing number", "missing_number_or_text", ErrorClass.REQUEST),
    ("failed to send", "failed_to_send", ErrorClass.TRANSIENT_UNSURE),
)
_BY_STATUS: Mapping[int, ErrorClass] = {
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    404: ErrorClass.ACCOUNT,  # no such instance, or no such path at this address
    408: ErrorClass.TRANSIENT_UNSURE,
    413: ErrorClass.MEDIA,
    415: ErrorClass.MEDIA,
    TOO_MANY: ErrorClass.THROTTLE_CHANNEL,
}


def of_answer(document: Mapping[str, Any], answer: HttpAnswer) -> ProviderFault:
    """The fault that an answer speaks of."""
    return fault(document, answer.status, retry_after(answer.headers))


def fault(error: object, status: int = 0, wait: float | None = None) -> ProviderFault:
    """A fault from the body of a refusal.

    Args:
        error: The body's object.
        status: HTTP's, where it is known.
        wait: Seconds that the answer asks to wait.
    """
    if not isinstance(error, Mapping):
        return ProviderFault("unreadable", ErrorClass.UNKNOWN_CODE, plain(error))
    detail = plain(error.get("error") or error.get("message") or "")
    if word(error.get("provider_code")) == NO_NEW_CHATS:
        # WhatsApp lets this account begin no more conversations for now.
        return ProviderFault(NO_NEW_CHATS, ErrorClass.ACCOUNT_QUALITY, detail, wait)
    words = detail.lower()
    for said, code, error_class in _BY_WORDS:
        if said in words:
            return ProviderFault(code, error_class, detail, wait)
    refused = status in _REQUEST_FAULTS
    otherwise = ErrorClass.REQUEST if refused else ErrorClass.TRANSIENT_UNSURE
    code = f"http_{status}" if status else "unreadable"
    return ProviderFault(code, _BY_STATUS.get(status, otherwise), detail, wait)


def failed_later() -> ProviderFault:
    """Of a message that was taken and failed: uazapi says no more than that."""
    return ProviderFault(FAILED_LATER, ErrorClass.UNKNOWN_CODE, "WhatsApp did not take the message")
