"""What the states are called on pages; translated where they are shown."""

from collections.abc import Mapping
from typing import Final

from recado.domain.deliveries import DeliveryState
from recado.domain.retry import ErrorClass
from recado.domain.runs import RunState
from recado.platform.i18n import mark

CAMPAIGN: Final[Mapping[str, str]] = {
    RunState.DRAFT.value: mark("Draft"),
    RunState.SCHEDULED.value: mark("Scheduled"),
    RunState.PREPARING.value: mark("Preparing"),
    RunState.RUNNING.value: mark("Running"),
    RunState.PAUSED.value: mark("Paused"),
    RunState.COMPLETED.value: mark("Completed"),
    RunState.CANCELLED.value: mark("Cancelled"),
    RunState.FAILED.value: mark("Failed"),
}

DELIVERY: Final[Mapping[str, str]] = {
    DeliveryState.PENDING.value: mark("Waiting"),
    DeliveryState.SENDING.value: mark("Sending"),
    DeliveryState.SENT.value: mark("Sent"),
    DeliveryState.DELIVERED.value: mark("Delivered"),
    DeliveryState.READ.value: mark("Read"),
    DeliveryState.FAILED.value: mark("Failed"),
    DeliveryState.UNKNOWN.value: mark("Unknown"),
    DeliveryState.SUPPRESSED.value: mark("Suppressed"),
    DeliveryState.CANCELLED.value: mark("Cancelled"),
    DeliveryState.EXPIRED.value: mark("Expired"),
}

PAUSED: Final[Mapping[str, str]] = {
    "by_person": mark("Paused by a person. Resume it whenever you like: nobody is left out."),
    "template_paused": mark(
        "Paused because the provider has paused its template. It goes on by itself once the "
        "template may be sent again."
    ),
    "template_paused_until": mark(
        "Paused because the provider has paused its template, until {moment}. It goes on by itself "
        "then."
    ),
    "template_stopped": mark(
        "Paused because its template may not be sent at present. It goes on by itself once the "
        "provider allows it again."
    ),
    "other": mark("Paused. Resume it whenever you like: nobody is left out."),
}
"""Why nothing leaves, by the reason's code; ``other`` stands for those without words."""

CHANNEL_STOPPED: Final = mark(
    "The channel {name} stands still: {reason}. Mend this at the provider, then check the channel."
)
CHANNEL_WAITS: Final = mark("The channel {name} stands still. {advice}")
CAMPAIGN_STOPPED: Final = mark(
    "Paused because the provider refuses its messages: {reason}. Mend this, then resume it."
)

WAITING: Final = mark(
    "It is outside the hours of this campaign. Messages go on leaving at {moment}."
)

HELD: Final = mark(
    "The provider holds {held} of the sent messages back until it has judged their template, which "
    "takes an hour or so."
)

REASONS: Final[Mapping[str, str]] = {
    "opted_out": mark("Does not want messages"),
    "tag": mark("Has the tag {tag}"),
    "dead_number": mark("The number is not on WhatsApp"),
    "campaign_cancelled": mark("The campaign was cancelled"),
    "schedule_ended": mark("The campaign's time was over"),
    "contact_deleted": mark("The contact was deleted"),
    "duplicate": mark("The number belongs to another contact of this campaign"),
}
"""Why a delivery was never tried."""

ERRORS: Final[Mapping[str, str]] = {
    ErrorClass.AUTH.value: mark("The channel's credentials were refused"),
    ErrorClass.ACCOUNT.value: mark("The provider has blocked the account"),
    ErrorClass.ACCOUNT_QUALITY.value: mark("The provider holds the number back for its quality"),
    ErrorClass.REGISTRATION.value: mark("The number is not registered at the provider"),
    ErrorClass.TRANSIENT_UNSURE.value: mark("The provider failed midway: it may have been sent"),
    ErrorClass.NETWORK_UNSURE.value: mark("No answer came: it may have been sent"),
    ErrorClass.NETWORK_NOT_SENT.value: mark("The provider could not be reached"),
    ErrorClass.TRANSIENT_CHANNEL.value: mark("The provider was out of service"),
    ErrorClass.THROTTLE_CHANNEL.value: mark("The provider asked for a slower pace"),
    ErrorClass.THROTTLE_PAIR.value: mark("Too many messages to this contact in a short time"),
    ErrorClass.TEMPLATE.value: mark("The provider refused the template"),
    ErrorClass.TEMPLATE_PARAMS.value: mark("The template's parameters do not fit"),
    ErrorClass.MEDIA.value: mark("The provider could not use the file"),
    ErrorClass.REQUEST.value: mark("The provider refused the message"),
    ErrorClass.CONTACT_DATA.value: mark("The contact's data make no message that can be sent"),
    ErrorClass.CONTACT_DEAD.value: mark("The number has no WhatsApp"),
    ErrorClass.CONTACT_DEFER.value: mark("WhatsApp holds messages to this contact back for now"),
    ErrorClass.CONTACT_SKIP.value: mark("WhatsApp does not deliver this to the contact"),
    ErrorClass.COUNTRY_BLOCK.value: mark("WhatsApp does not deliver this to the country"),
    ErrorClass.OPT_OUT.value: mark("Does not want messages"),
    ErrorClass.WINDOW.value: mark("The contact has not written in the last 24 hours"),
    ErrorClass.UNKNOWN_CODE.value: mark("The provider refused it, for a reason not known"),
}
"""What an error means, by its class; the provider's code is shown beside it."""
