"""What goes into an adapter's calls and comes out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from recado.providers.content import Content, MediaKind
from recado.providers.events import ChannelStatus, ProviderFault


@dataclass(frozen=True, slots=True)
class Message:
    """One part, ready to go.

    Attributes:
        to: Digits with country code; or the provider's own id of the person, where there is no
            number (Meta: a BSUID, ``BR.…``; Evolution and uazapi: a LID, ``…@lid``).
        reference: Travels along, and comes back where the provider echoes it.
        content: What it says.
        reply_to: The provider's id of the message that it answers.
    """

    to: str
    reference: str
    content: Content
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message; whether it arrives is told by callbacks.

    Attributes:
        provider_id: Of the message.
        wa_id: The recipient as WhatsApp knows them: digits, for Brazil perhaps without the ninth.
        user_id: The provider's own id of the recipient.
        held: It waits for the provider's judgement of its template, for about an hour.
    """

    provider_id: str
    wa_id: str | None = None
    user_id: str | None = None
    held: bool = False


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
class Login:
    """What a person needs to connect a phone; ``status`` connected: nothing.

    Attributes:
        status: As it is now.
        image: A data: address of the picture to scan.
        code: The text in that picture.
        pairing_code: To be typed on the phone, where a number was given.
        seconds: How long these are good for; None: it is not told.
    """

    status: ChannelStatus
    image: str = ""
    code: str = ""
    pairing_code: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """Whether a number is on WhatsApp, and the ids it has there."""

    number: str
    exists: bool
    wa_id: str | None = None
    user_id: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class NumberInfo:
    """A channel's number as its provider knows it.

    Attributes:
        display_number: As the provider writes it.
        name: That people see.
        status: The provider's word.
        quality: GREEN, YELLOW, RED, UNKNOWN, or empty.
        throughput: The provider's word for how fast it may send; empty where it is not told.
        tier: The provider's word for how many people it may reach.
        people: That many in 24 hours outside of conversations; None: any, or not told.
    """

    display_number: str = ""
    name: str = ""
    status: str = ""
    quality: str = ""
    throughput: str = ""
    tier: str = ""
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be sent later, perhaps to many: ``mime_type`` without parameters."""

    kind: MediaKind
    mime_type: str
    content: bytes
    filename: str = ""


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """A template as the provider lists it, and what a send of it must fill in.

    Attributes:
        id: Of this name in this language.
        name, language: Name it in sends.
        status: In capitals; APPROVED may be sent.
        category: MARKETING, UTILITY, AUTHENTICATION.
        named: Whether its variables have names; else they are counted from 1.
        header: What its header takes: text, image, video, document, location; None: nothing.
        header_variables, variables: Those of a text header and of the body, in order, each once.
        buttons: Index and kind of those that take a value; see `content.ButtonValue`.
        replies: Index of those that may be given what comes back when they are tapped.
        quality: GREEN, YELLOW, RED, UNKNOWN, or empty.
        rejected_reason: Why it was refused; empty where it was not.
        body: Its text, with the variables in it.
        components: As the provider has them.
    """

    id: str
    name: str
    language: str
    status: str
    category: str = ""
    named: bool = False
    header: str | None = None
    header_variables: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    buttons: tuple[tuple[int, str], ...] = ()
    replies: tuple[int, ...] = ()
    quality: str = ""
    rejected_reason: str = ""
    body: str = ""
    components: Sequence[Mapping[str, Any]] = ()


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
