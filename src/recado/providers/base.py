"""The one interface of all providers, and the data that crosses it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from recado.domain.retry import ErrorClass

ChannelStatus = Literal["connected", "connecting", "disconnected", "blocked"]
Config = Mapping[str, Any]  # a channel's config, credentials included, as the adapter validated it


@dataclass(frozen=True, slots=True)
class Text:
    """A plain text bubble."""

    body: str


Content = Text  # templates and media join here


@dataclass(frozen=True, slots=True)
class Message:
    """One part, ready to go: ``to`` is digits with country code, ``reference`` travels along."""

    to: str
    reference: str
    content: Content


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """What went wrong, by the provider's own code and by our class."""

    code: str
    error_class: ErrorClass
    detail: str = ""
    retry_after: float | None = None  # seconds


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message; whether it arrives is told by callbacks."""

    provider_id: str
    wa_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider answered that it did not take it, or the request never left."""

    fault: ProviderFault


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may have been taken: no answer, or one that does not tell."""

    fault: ProviderFault


Outcome = Accepted | Refused | Unsure


@dataclass(frozen=True, slots=True)
class Check:
    """A channel's state as its provider tells it.

    Attributes:
        status: Whether messages can leave.
        detail: In the provider's words.
        portfolio: Whom the provider counts this number with, where it counts people.
        tier: How many people these may reach in 24 hours outside of conversations; None: any.
    """

    status: ChannelStatus
    detail: str = ""
    portfolio: str | None = None
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """A message moved on. ``status`` is the provider's word; unknown words are passed through."""

    external_id: str  # the number it belongs to, as the provider names it
    provider_id: str
    status: str
    at: datetime
    reference: str | None = None
    recipient: str | None = None
    fault: ProviderFault | None = None


@dataclass(frozen=True, slots=True)
class InboundEvent:
    """Somebody wrote to the number; ``sender`` is digits with country code."""

    external_id: str
    sender: str
    at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)  # the message as the provider has it


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """Anything that is not a status: kept with the callback, read by those who know it."""

    external_id: str
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


CallbackEvent = StatusEvent | InboundEvent | OtherEvent


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to a provider."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whatever it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """The narrow door to the network."""

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        """Send one request and read its answer.

        Args:
            request: What to send.
            write_before: On the monotonic clock; if the request could not be written by then,
                it is not written at all.
            timeout: Seconds for the whole exchange.

        Raises:
            NotSent: It provably never left.
            NoAnswer: It may have left, and no whole answer came.
        """
        ...


class Provider(Protocol):
    """What every adapter can do."""

    name: str
    public_config: frozenset[str]
    limits_pairs: bool  # whether the provider limits messages to one person by itself, as Meta does

    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Check a channel's config and fill in what the adapter makes up itself.

        Raises:
            InvalidInput: A key is missing or wrong; ``fields`` says which.
        """
        ...

    def reconfigure(self, config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
        """A channel's config with some of it given anew; the same errors as ``configure``."""
        ...

    def external_id(self, config: Config) -> str:
        """The number's id at the provider, unique across the installation."""
        ...

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        """Tell the provider where to call back, where that can be told by a request."""
        ...

    async def check(self, transport: Transport, config: Config) -> Check:
        """Ask the provider for the channel's state; faults become a status with a detail."""
        ...

    async def send(
        self,
        transport: Transport,
        config: Config,
        message: Message,
        *,
        write_before: float | None,
        timeout: float,
    ) -> Outcome:
        """Hand over one message; never raises for what the provider or the network does."""
        ...

    def verify(self, config: Config, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a callback was sent by someone who knows this channel's secret."""
        ...

    def handshake(self, config: Config, query: Mapping[str, str]) -> str | None:
        """The answer to a GET that verifies the address; None refuses."""
        ...

    def external_ids(self, body: bytes) -> set[str]:
        """Which numbers a callback speaks of; empty for an unreadable one."""
        ...

    def only(self, body: bytes, external_id: str) -> bytes:
        """The part of a callback that one number's workspace may see."""
        ...

    def parse(self, body: bytes) -> list[CallbackEvent]:
        """The events of a stored callback; raises ValueError for an unreadable one."""
        ...
