"""The one interface of all providers, and the data that crosses it.

Each provider is a folder with the same four files inside: adapter.py (the class that does what
`Provider` says), payloads.py (shapes of requests and answers), webhook.py (callbacks: verified,
divided, read), errors.py (its codes as our classes). content.py has what a message may say,
events.py what comes back. What an adapter cannot do stands in its `Capabilities`; asked for it all
the same, it raises `Unsupported`, which the class `Adapter` (adapter.py) does for it.

Two of them, Evolution and uazapi, drive an account of WhatsApp and connect a phone by themselves:
`login` asks for a picture or a code, `logout` ends the session, and both are told of by `QrEvent`
and `ConnectionEvent` too. People there may have a LID instead of a number. What adapters do alike
stands in config.py, calls.py, reading.py and whatsapp.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from recado.domain.errors import Conflict, Unavailable
from recado.platform.i18n import mark
from recado.providers.content import (
    Buttons,
    Choices,
    Content,
    Interactive,
    Media,
    MediaKind,
    Template,
    Text,
)
from recado.providers.events import (
    CallbackEvent,
    ChannelStatus,
    InboundEvent,
    OtherEvent,
    ProviderFault,
    StatusEvent,
)
from recado.providers.exchange import (
    Accepted,
    Check,
    HttpAnswer,
    HttpRequest,
    Login,
    Message,
    NumberCheck,
    NumberInfo,
    Outcome,
    Refused,
    TemplateInfo,
    Unsure,
    Upload,
)

__all__ = [
    "Accepted",
    "CallFailed",
    "CallbackEvent",
    "Capabilities",
    "ChannelStatus",
    "Check",
    "Config",
    "Content",
    "HttpAnswer",
    "HttpRequest",
    "InboundEvent",
    "Interactive",
    "Login",
    "Media",
    "Message",
    "NumberCheck",
    "NumberInfo",
    "OtherEvent",
    "Outcome",
    "Provider",
    "ProviderFault",
    "Refused",
    "StatusEvent",
    "TemplateInfo",
    "Text",
    "Transport",
    "Unsupported",
    "Unsure",
    "Upload",
    "lacking",
]

Config = Mapping[str, Any]  # a channel's config, credentials included, as the adapter validated it


_ABILITIES: Final[Mapping[str, str]] = {
    "login": mark("connecting a phone"),
    "logout": mark("logging a phone out"),
    "number_check": mark("checking numbers"),
    "number_info": mark("telling of the number"),
    "read_marks": mark("marking as read"),
    "template": mark("templates"),
    "uploads": mark("files that are handed over; give a link"),
    "buttons": mark("buttons"),
    "list": mark("lists to choose from"),
}


class Unsupported(Conflict):
    code = "unsupported_by_provider"
    sentence = "Channels of the provider '{provider}' cannot do this: {thing}. Use another channel."

    def __init__(self, *, provider: str, what: str) -> None:
        """``what``: the name of a capability, or of a kind of media."""
        super().__init__(provider=provider, thing=_ABILITIES.get(what, what))


class CallFailed(Unavailable):
    """A call other than a send that the provider refused or that brought no answer."""

    code = "provider_call_failed"
    sentence = "The provider '{provider}' did not do it: {detail} ({provider_code})."

    def __init__(self, provider: str, fault: ProviderFault) -> None:
        """``fault``: what went wrong; its class says whether asking again makes sense."""
        super().__init__(provider=provider, detail=fault.detail, provider_code=fault.code)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do.

    Attributes:
        text: Plain text; of at most ``longest_text`` characters.
        template: Templates, and the list of them.
        other_templates: And such as are not on that list.
        media: Kinds of media; captions of at most ``longest_caption`` characters.
        uploads: Media by the id of an upload, besides by link.
        interactive: ``buttons`` and ``list``.
        read_marks: Received messages can be marked as read.
        number_check: It can be asked which numbers are on WhatsApp.
        number_info: Quality, tier and throughput of the number can be asked for.
        limits_pairs: It limits messages to one person by itself, as Meta does.
        echoes_reference: Callbacks carry our reference, so that an unknown outcome heals.
        conversations_only: Only templates may begin a conversation; what else is sent must lie
            within 24 hours of the person's last message.
        connects_by_qr: A phone must scan or type a code first: `Provider.login`.
        longest_text, longest_caption: In characters.
    """

    text: bool = True
    template: bool = False
    other_templates: bool = False
    media: frozenset[MediaKind] = frozenset()
    uploads: bool = False
    interactive: frozenset[Literal["buttons", "list"]] = frozenset()
    read_marks: bool = False
    number_check: bool = False
    number_info: bool = False
    limits_pairs: bool = False
    echoes_reference: bool = False
    conversations_only: bool = False
    connects_by_qr: bool = False
    longest_text: int = 4096
    longest_caption: int = 1024


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


class Callbacks(Protocol):
    """What every adapter does about callbacks."""

    def verify(self, config: Config, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a callback was sent by someone who knows this channel's secret.

        ``headers``: by their names in lower case. Compared in constant time.
        """
        ...

    def handshake(self, config: Config, query: Mapping[str, str]) -> str | None:
        """The answer to a GET that verifies the address; None refuses."""
        ...

    def external_ids(self, body: bytes) -> set[str]:
        """Which numbers a callback speaks of, where one address serves several numbers.

        Empty for an unreadable one, and for providers with an address for each number.
        """
        ...

    def account_ids(self, body: bytes) -> set[str]:
        """Which accounts a callback speaks of without naming a number of theirs."""
        ...

    def only(self, body: bytes, external_id: str, account_id: str | None = None) -> bytes:
        """The part of a callback that one number's workspace may see.

        ``account_id``: with what concerns this account as a whole.
        """
        ...

    def without_secrets(self, body: bytes) -> bytes:
        """What may be kept of a genuine callback: all but what proves that it is genuine."""
        ...

    def parse(self, body: bytes, *, arrived: datetime) -> Sequence[CallbackEvent]:
        """The events of a stored callback in its order, each as often as it is in there.

        Args:
            body: As it came.
            arrived: When it came: the time of what has no time of its own.

        Raises:
            ValueError: It cannot be read. What is odd within one that can be read is passed over.
        """
        ...


class Sending(Protocol):
    """What goes out through an adapter. Calls but `send` raise CallFailed or Unsupported."""

    async def send(
        self,
        transport: Transport,
        config: Config,
        message: Message,
        *,
        write_before: float | None,
        timeout: float,
    ) -> Outcome:
        """Hand over one message; never raises for what the provider or the network does.

        A content for which there is no capability is refused too, as the request's fault.
        """
        ...

    async def mark_read(
        self, transport: Transport, config: Config, message_id: str, *, sender: str = ""
    ) -> None:
        """Show its sender that a received message was read; ``sender``: digits or user id."""
        ...

    async def check_numbers(
        self, transport: Transport, config: Config, numbers: Sequence[str]
    ) -> Sequence[NumberCheck]:
        """Ask which of these numbers (digits) are on WhatsApp; one answer each, in their order."""
        ...

    async def upload(self, transport: Transport, config: Config, upload: Upload) -> str:
        """Hand over a file; returns the id for `content.Media`.

        Raises:
            InvalidInput: The provider does not take such a file, or none of this size.
        """
        ...

    async def templates(self, transport: Transport, config: Config) -> Sequence[TemplateInfo]:
        """All templates of the channel's account."""
        ...

    def classify(self, error: object) -> ProviderFault:
        """What the provider says is wrong, of an answer or of a callback, in our terms."""
        ...


class Provider(Sending, Callbacks, Protocol):
    """What every adapter can do."""

    name: str
    public_config: frozenset[str]
    capabilities: Capabilities

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

    def account_id(self, config: Config) -> str | None:
        """The account that the number belongs to, where callbacks speak of accounts."""
        ...

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        """Tell the provider where to call back, where that can be told by a request."""
        ...

    async def check(self, transport: Transport, config: Config) -> Check:
        """Ask the provider for the channel's state; faults become a status with a detail."""
        ...

    async def login(
        self, transport: Transport, config: Config, *, phone: str | None = None
    ) -> Login:
        """Begin to connect a phone; ``phone``: digits, for a code to type instead of a picture.

        Raises:
            CallFailed, Unsupported: See there.
        """
        ...

    async def logout(self, transport: Transport, config: Config) -> None:
        """End the phone's session; raises CallFailed or Unsupported."""
        ...

    async def number_info(self, transport: Transport, config: Config) -> NumberInfo:
        """What the provider knows of the number; raises CallFailed or Unsupported."""
        ...


def lacking(capabilities: Capabilities, content: Content) -> str | None:
    """What a provider would need to send this and does not have; None if it has all."""
    if isinstance(content, Media):
        if content.kind not in capabilities.media:
            return content.kind
        return None if content.link is not None or capabilities.uploads else "uploads"
    if isinstance(content, Template):
        return None if capabilities.template else "template"
    if isinstance(content, Buttons | Choices):
        name: Literal["buttons", "list"] = "buttons" if isinstance(content, Buttons) else "list"
        return None if name in capabilities.interactive else name
    return None if capabilities.text else "text"
