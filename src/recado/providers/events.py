"""What providers call back with, in no provider's words.

Every event says whose it is: ``external_id`` is the number as its provider names it (Meta:
phone_number_id; Evolution and uazapi: the instance), empty for what concerns a whole account, which
``account_id`` then names (Meta: the WhatsApp Business Account). Times are in UTC; where a provider
gives none (Evolution's updates of messages), it is the time of the callback's arrival.

People are named by ``sender`` or ``recipient``, digits with country code, and by ``user_id``, the
provider's own id of a person. Either may be empty, but never both: those who have taken a user name
come without a number (Meta: BSUID such as ``BR.1a2b``; Evolution and uazapi: a LID such as
``1234@lid``). Messages of groups are none of ours and become an `OtherEvent`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from recado.domain.retry import ErrorClass

ChannelStatus = Literal["connected", "connecting", "disconnected", "blocked"]
LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """What went wrong, by the provider's own code and by our class."""

    code: str
    error_class: ErrorClass
    detail: str = ""
    retry_after: float | None = None  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackEvent:
    """What all of them have."""

    external_id: str = ""
    account_id: str = ""
    at: datetime = LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvent(CallbackEvent):
    """A message moved on.

    Attributes:
        provider_id: The message's id. One event a message, also where a callback names several.
        status: The provider's word in lower case: sent, delivered, read, played, failed (adapters
            translate theirs to these); unknown words are passed through.
        reference: Ours, where the provider echoes it.
        recipient: Digits, perhaps without Brazil's ninth one; None where there are none.
        user_id: The provider's own id of the recipient.
        fault: Why it failed.
        category: What it is charged as (Meta): marketing, utility, service…
    """

    provider_id: str
    status: str
    reference: str | None = None
    recipient: str | None = None
    user_id: str | None = None
    fault: ProviderFault | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedMedia:
    """A file that somebody sent.

    Attributes:
        media_id: Under which the provider gives it out (Meta: for 7 days).
        mime_type: As the sender's phone says.
        filename: Of a document.
        voice: Whether it is a voice note.
        url: An address of it, which may need the channel's credentials and soon expires.
    """

    media_id: str = ""
    mime_type: str = ""
    filename: str = ""
    voice: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromPerson(CallbackEvent):
    """Somebody did something.

    Attributes:
        sender: Digits with country code, perhaps without Brazil's ninth one; empty if unknown.
        user_id: The provider's own id of the person.
        name: As the person calls themselves.
        message_id: The provider's id of what came; the same one again is the same message.
    """

    sender: str = ""
    user_id: str | None = None
    name: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundEvent(FromPerson):
    """Somebody wrote to the number.

    Attributes:
        kind: text, image, video, audio, document, sticker, button, interactive, location, contacts,
            order, unsupported… by the provider's word.
        text: What a person would read: body, caption, or the title of what was tapped.
        choice: The payload or id of the button or line that was tapped.
        reply_to: The provider's id of the message it answers.
        media: The file in it.
        place: Latitude and longitude.
        fault: Why it could not be shown, of ``unsupported``.
        payload: The message as the provider has it.
    """

    kind: str = ""
    text: str = ""
    choice: str | None = None
    reply_to: str | None = None
    media: ReceivedMedia | None = None
    place: tuple[float, float] | None = None
    fault: ProviderFault | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionEvent(FromPerson):
    """Somebody put an emoji on the message ``of``, or took it away (then it is empty)."""

    of: str
    emoji: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditEvent(FromPerson):
    """Somebody gave their message ``of`` another text; ``ours``: we did, on the phone, to them."""

    of: str
    text: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeEvent(FromPerson):
    """Somebody took their message ``of`` back; ``ours``: we did, on the phone, from them."""

    of: str
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(FromPerson):
    """Somebody called the number; like a message, that opens a conversation.

    ``event``: the provider's word, such as connect or terminate; ``incoming``: they called us.
    """

    event: str = ""
    incoming: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChangedEvent(FromPerson):
    """Somebody has another number or another id of the provider's now.

    Attributes:
        kind: user_changed_number, user_changed_user_id, customer_identity_changed…
        new_sender: The new number's digits.
        new_user_id: The new id.
        text: The notice as a person would read it.
    """

    kind: str
    new_sender: str | None = None
    new_user_id: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent(FromPerson):
    """Somebody told the provider whether they want ``category`` of us.

    ``wish``: stop or resume, or a word that we do not know. Resuming there takes back nothing that
    was said to us by word.
    """

    wish: str
    category: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoEvent(CallbackEvent):
    """A message left from our number, by the phone or by somebody's request.

    Attributes:
        by: ``phone``: a person typed it; ``api``: a request sent it, perhaps ours.
        provider_id: Its id.
        recipient: Digits; empty if unknown.
        reference: Ours, where the provider echoes it.
        kind, text, payload: As of an InboundEvent.
    """

    by: Literal["phone", "api"]
    provider_id: str
    recipient: str = ""
    user_id: str | None = None
    reference: str | None = None
    kind: str = ""
    text: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfTemplate(CallbackEvent):
    """``language`` as the API of sends writes it, pt_BR."""

    template_id: str = ""
    name: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateStatusEvent(_OfTemplate):
    """A template may, or may not, be sent any more.

    Attributes:
        status: In capitals: APPROVED, REJECTED, PAUSED, DISABLED… or a word we do not know.
        reason: Why; empty where there is none.
        title: Which pause it is: FIRST_PAUSE, SECOND_PAUSE, UNPAUSE…
        detail: In the provider's words.
        category: MARKETING, UTILITY, AUTHENTICATION.
    """

    status: str
    reason: str = ""
    title: str = ""
    detail: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateQualityEvent(_OfTemplate):
    """What people think of a template: GREEN, YELLOW, RED or UNKNOWN."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateCategoryEvent(_OfTemplate):
    """A template is charged as something else."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberQualityEvent(CallbackEvent):
    """The provider thinks otherwise of a number, or lets it reach more or fewer people.

    Attributes:
        display_number: Its digits: the only name it comes with.
        event: In capitals: FLAGGED, UNFLAGGED, UPGRADE, DOWNGRADE, THROUGHPUT_UPGRADE…
        tier: The new limit's name, empty where it is not told.
        people: That many in 24 hours outside of conversations; None: any, or not told.
    """

    display_number: str
    event: str
    tier: str = ""
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """What an account may not do; ``until`` None: no end was told."""

    kind: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent(CallbackEvent):
    """Something happened to an account.

    Attributes:
        event: In capitals: ACCOUNT_RESTRICTION, ACCOUNT_VIOLATION, DISABLED_UPDATE…
        restrictions: What it may not do any more.
        ban: DISABLE, SCHEDULE_FOR_DISABLE, REINSTATE, or empty.
        detail: Of what it is accused, or what the provider says beside.
    """

    event: str
    restrictions: tuple[Restriction, ...] = ()
    ban: str = ""
    detail: str = ""

    @property
    def stops_sending(self) -> bool:
        """Whether nothing that we begin may leave through any number of the account."""
        return self.ban == "DISABLE" or bool(self._stops)

    @property
    def stopped_until(self) -> datetime | None:
        """Of one that stops sending: when that ends; None: no end was told."""
        ends = [restriction.until for restriction in self._stops]
        if self.ban == "DISABLE" or None in ends:
            return None
        return max((end for end in ends if end), default=None)

    @property
    def reinstates(self) -> bool:
        """Whether the account may send again."""
        return self.ban == "REINSTATE"

    @property
    def _stops(self) -> list[Restriction]:
        return [
            one for one in self.restrictions if one.kind == "RESTRICTED_BIZ_INITIATED_MESSAGING"
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityEvent(CallbackEvent):
    """An account may reach so many people in 24 hours outside of conversations; None: any."""

    people: int | None
    numbers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent(CallbackEvent):
    """Something is wrong with a number, and not with one message of it."""

    fault: ProviderFault


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEvent(CallbackEvent):
    """A number that connects by itself has come or gone.

    Attributes:
        status: Whether messages can leave.
        reason: The provider's word or code.
        returns: Whether it connects again without a person.
        number: The digits of the number that is connected now.
    """

    status: ChannelStatus
    reason: str = ""
    returns: bool = False
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QrEvent(CallbackEvent):
    """There is a new picture to scan, and perhaps a code to type instead.

    Attributes:
        image: A data: address of the picture; empty where there are no more of them.
        code: The text in the picture.
        pairing_code: To be typed on the phone.
        detail: Why there is none.
    """

    image: str = ""
    code: str = ""
    pairing_code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent(CallbackEvent):
    """Anything else: kept with the callback and counted by ``kind``."""

    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
