"""What adapters have in common in their calls: a request that is asked for its answer."""

from recado.domain.retry import ErrorClass
from recado.providers.base import CallFailed, Transport
from recado.providers.errors import GrantExpired, NotSent, TransportError
from recado.providers.events import ProviderFault
from recado.providers.exchange import HttpAnswer, HttpRequest, Outcome, Refused, Unsure


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
