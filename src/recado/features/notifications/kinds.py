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
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_COMPLETED = "campaign_completed"
    CAMPAIGN_FAILED = "campaign_failed"


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
    Kind.CAMPAIGN_PAUSED: Wording(
        "error",
        mark(
            "The campaign '{campaign}' is paused, as its messages fail alike: {reason} "
            "Correct it and resume."
        ),
    ),
    Kind.CAMPAIGN_COMPLETED: Wording("info", mark("The campaign '{campaign}' is completed.")),
    Kind.CAMPAIGN_FAILED: Wording(
        "error", mark("The campaign '{campaign}' could not be prepared: {reason}")
    ),
}


def told(kind: str, params: Mapping[str, object], translator: Translator) -> str:
    """A notification's sentence in a person's language."""
    words = {"channel": "", "campaign": "", "reason": ""} | dict(params)
    return translator.gettext(WORDINGS[Kind(kind)].sentence, **words)
