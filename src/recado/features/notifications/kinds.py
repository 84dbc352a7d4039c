"""What there is to tell, how bad it is, and in which words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from recado.platform.i18n import Translator, mark

Severity = Literal["info", "warning", "error"]


class Kind(StrEnum):
    """Kinds of notifications."""

    CHANNEL_PAUSED = "channel_paused"
    CHANNEL_BACKING_OFF = "channel_backing_off"
    CHANNEL_DISCONNECTED = "channel_disconnected"
    CHANNEL_FAULT = "channel_fault"
    QUALITY_LOW = "quality_low"
    QUALITY_BETTER = "quality_better"
    TIER_RAISED = "tier_raised"
    TIER_LOWERED = "tier_lowered"
    ACCOUNT_STOPPED = "account_stopped"
    ACCOUNT_FREED = "account_freed"
    ACCOUNT_NEWS = "account_news"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_COMPLETED = "campaign_completed"
    CAMPAIGN_FAILED = "campaign_failed"
    CAMPAIGN_WAITS = "campaign_waits"
    CAMPAIGN_GOES_ON = "campaign_goes_on"
    TEMPLATE_STOPPED = "template_stopped"
    TEMPLATE_QUALITY = "template_quality"
    TEMPLATE_CATEGORY = "template_category"


@dataclass(frozen=True, slots=True)
class Wording:
    """How one kind is told; the sentence's ``{placeholders}`` are its params."""

    severity: Severity
    sentence: str


WORDINGS: Final[Mapping[Kind, Wording]] = {
    Kind.CHANNEL_PAUSED: Wording(
        "error",
        mark(
            "The channel '{channel}' is paused until somebody checks it, as its provider said: "
            "{reason}"
        ),
    ),
    Kind.CHANNEL_BACKING_OFF: Wording(
        "warning",
        mark(
            "The channel '{channel}' pauses after errors in a row and goes on by itself. "
            "The last one: {reason}"
        ),
    ),
    Kind.CHANNEL_DISCONNECTED: Wording(
        "error",
        mark(
            "The phone of the channel '{channel}' is disconnected, and nothing leaves through it. "
            "Connect it again: {reason}"
        ),
    ),
    Kind.CHANNEL_FAULT: Wording(
        "warning", mark("The provider reports a fault of the channel '{channel}': {reason}")
    ),
    Kind.QUALITY_LOW: Wording(
        "warning",
        mark(
            "The quality of the channel '{channel}' is low: people block or report it. "
            "Write less, and only to those who expect it."
        ),
    ),
    Kind.QUALITY_BETTER: Wording(
        "info", mark("The quality of the channel '{channel}' is no longer low.")
    ),
    Kind.TIER_RAISED: Wording(
        "info",
        mark(
            "The account of the channel '{channel}' may now begin conversations with {people} "
            "people in 24 hours; before, {before}."
        ),
    ),
    Kind.TIER_LOWERED: Wording(
        "warning",
        mark(
            "The account of the channel '{channel}' may begin conversations with only {people} "
            "people in 24 hours now; before, {before}."
        ),
    ),
    Kind.ACCOUNT_STOPPED: Wording(
        "error",
        mark(
            "The provider stopped the account of {channels}, and nothing leaves through them: "
            "{reason}"
        ),
    ),
    Kind.ACCOUNT_FREED: Wording(
        "info", mark("The account of {channels} may send again, and they go on.")
    ),
    Kind.ACCOUNT_NEWS: Wording(
        "warning", mark("The provider says of the account of the channel '{channel}': {reason}")
    ),
    Kind.CAMPAIGN_PAUSED: Wording(
        "error",
        mark(
            "The campaign '{campaign}' is paused, as its messages fail alike ({reason}). Correct "
            "this and resume it."
        ),
    ),
    Kind.CAMPAIGN_COMPLETED: Wording("info", mark("The campaign '{campaign}' is completed.")),
    Kind.CAMPAIGN_FAILED: Wording(
        "error", mark("The campaign '{campaign}' could not be prepared: {reason}")
    ),
    Kind.CAMPAIGN_WAITS: Wording(
        "error",
        mark(
            "The campaign '{campaign}' is paused, as its template '{template}' may not be sent at "
            "present ({status}). It goes on by itself when the provider allows it again."
        ),
    ),
    Kind.CAMPAIGN_GOES_ON: Wording(
        "info",
        mark("The campaign '{campaign}' goes on, as its template '{template}' may be sent again."),
    ),
    Kind.TEMPLATE_STOPPED: Wording(
        "warning",
        mark(
            "The template '{template}' ({language}) may not be sent at present: {status}. {reason}"
        ),
    ),
    Kind.TEMPLATE_QUALITY: Wording(
        "warning",
        mark(
            "People often block or report the template '{template}' ({language}): its quality is "
            "{quality}. If it stays so, the provider pauses it. Send it to fewer people or change "
            "it."
        ),
    ),
    Kind.TEMPLATE_CATEGORY: Wording(
        "warning",
        mark(
            "The template '{template}' ({language}) is charged as {category} from now on, no more "
            "as {before}. See what it costs."
        ),
    ),
}


# Those of the sentences; one that a notification lacks is left empty.
_PLACES: Final = (
    *("channel", "channels", "campaign", "reason", "people", "before"),
    *("template", "language", "status", "quality", "category"),
)


def told(kind: str, params: Mapping[str, object], translator: Translator) -> str:
    """A notification's sentence in a person's language."""
    words = dict.fromkeys(_PLACES, "") | dict(params)
    return translator.gettext(WORDINGS[Kind(kind)].sentence, **words).strip()
