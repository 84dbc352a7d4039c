"""What adapters have in common in their calls: a request that is asked for its answer."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from recado.domain.retry import ErrorClass
from recado.providers.base import CallFailed, Capabilities, Transport
from recado.providers.content import Content, Media, Text
from recado.providers.errors import GrantExpired, NotSent, TransportError
from recado.providers.events import ProviderFault
from recado.providers.exchange import (
    Accepted,
    Check,
    HttpAnswer,
    HttpRequest,
    Outcome,
    Refused,
    Unsure,
)
from recado.providers.plain import plain
from recado.providers.reading import decoded

CHECK_TIMEOUT = 10.0  # seconds; a person waits for it
CALL_TIMEOUT = 30.0
FAULTY = 400  # and above: HTTP's own word that something is wrong
TOO_MANY = 429
_ELSEWHERE = range(300, 400)
_AT_FAULT = range(400, 500)
UNSURE = frozenset({ErrorClass.TRANSIENT_UNSURE, ErrorClass.NETWORK_UNSURE})
_UNREACHED = frozenset({ErrorClass.NETWORK_UNSURE, ErrorClass.NETWORK_NOT_SENT})
_CAPTIONED = frozenset({"image", "video", "document"})

Fault = Callable[[Mapping[str, Any], HttpAnswer], ProviderFault]
"""What an adapter makes of an answer in which its provider speaks of an error."""


def unanswered(error: TransportError) -> ProviderFault:
    """A request without an answer as a fault: not sent, or nobody knows."""
    if isinstance(error, GrantExpired):
        return ProviderFault("grant_expired", ErrorClass.NETWORK_NOT_SENT, str(error))
    if isinstance(error, NotSent):
        return ProviderFault("not_sent", ErrorClass.NETWORK_NOT_SENT, str(error))
    return ProviderFault("no_answer", ErrorClass.NETWORK_UNSURE, str(error))


async def handed_over(
    transport: Transport, request: HttpRequest, *, write_before: float | None, timeout: float
) -> HttpAnswer | Outcome:
    """The answer to a send, or what becomes of a send without one."""
    try:
        return await transport.send(request, write_before=write_before, timeout=timeout)
    except NotSent as error:
        return Refused(unanswered(error))
    except TransportError as error:
        return Unsure(unanswered(error))


async def ask(
    transport: Transport, request: HttpRequest, *, provider: str, timeout: float
) -> HttpAnswer:
    """The answer to anything but a send; raises CallFailed where there is none."""
    try:
        return await transport.send(request, timeout=timeout)
    except TransportError as error:
        raise CallFailed(provider, unanswered(error)) from error


def unsupported(content: str) -> Refused:
    """The outcome of a send for which a capability is missing."""
    return Refused(
        ProviderFault(
            "unsupported_by_provider",
            ErrorClass.REQUEST,
            f"Messages of the kind '{content}' cannot be sent through this provider.",
        )
    )


def not_valid(complaint: str) -> Refused:
    """The outcome of a send that the provider would refuse for what is in it."""
    return Refused(ProviderFault("invalid_content", ErrorClass.REQUEST, complaint))


def complaint(content: Content, capabilities: Capabilities) -> str | None:
    """Why nobody could be sent this text or file; None if there is no reason."""
    if isinstance(content, Text):
        if not content.body.strip():
            return "the text is empty"
        most, words = capabilities.longest_text, content.body
    elif isinstance(content, Media):
        if content.caption and content.kind not in _CAPTIONED:
            return f"a medium of the kind {content.kind} has no caption"
        if content.filename and content.kind != "document":
            return f"a medium of the kind {content.kind} has no file name"
        most, words = capabilities.longest_caption, content.caption
    else:
        return None
    return None if len(words) <= most else f"the text has more than {most} characters"


def outcome(
    answer: HttpAnswer, taken: Callable[[Mapping[str, Any]], Accepted | None], fault: Fault
) -> Outcome:
    """What an answer to a send says, of providers whose errors are words.

    A page of a server on the way tells nothing, unless its status says that the request is at
    fault: then that came no further.

    Args:
        answer: As it came.
        taken: Finds the message in an answer without an error.
        fault: Classes an answer with one.
    """
    document = decoded(answer.body)
    if document is None and answer.status in _AT_FAULT:
        document = {"message": f"HTTP {answer.status}"}
    if document is not None and (document.get("error") or answer.status >= FAULTY):
        found = fault(document, answer)
        return Unsure(found) if found.error_class in UNSURE else Refused(found)
    if document is not None and (accepted := taken(document)):
        return accepted
    if answer.status in _ELSEWHERE:
        return Refused(_moved(answer))
    detail = f"HTTP {answer.status} without a readable answer"
    return Unsure(ProviderFault(f"http_{answer.status}", ErrorClass.NETWORK_UNSURE, detail))


async def asked(transport: Transport, request: HttpRequest, *, provider: str, fault: Fault) -> Any:
    """The JSON that a provider answers to anything but a send.

    Raises:
        CallFailed: There is no answer, none that can be read, or one that speaks of an error.
    """
    timeout = CHECK_TIMEOUT if request.method == "GET" else CALL_TIMEOUT
    answer = await ask(transport, request, provider=provider, timeout=timeout)
    if answer.status in _ELSEWHERE:
        raise CallFailed(provider, _moved(answer))
    try:
        found = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError) as error:
        detail = f"Unreadable answer, HTTP {answer.status}"
        code = f"http_{answer.status}"
        unreadable = ProviderFault(code, ErrorClass.NETWORK_UNSURE, detail)
        raise CallFailed(provider, unreadable) from error
    said = found if isinstance(found, dict) else {}
    if said.get("error") or answer.status >= FAULTY:
        raise CallFailed(provider, fault(said, answer))
    return found


def _moved(answer: HttpAnswer) -> ProviderFault:
    """A redirect: it is not followed, as it would take the channel's credentials along."""
    detail = f"The server's address is another one: {answer.headers.get('location', '')}"
    return ProviderFault(f"http_{answer.status}", ErrorClass.ACCOUNT, plain(detail))


def gone(error: CallFailed) -> Check:
    """The state of a channel whose provider did not say what it is."""
    fault = error.fault
    prefix = "" if fault.error_class in _UNREACHED else f"{fault.code}: "
    return Check("disconnected", f"{prefix}{fault.detail}")
