"""What a failed attempt means: for its delivery, its contact, its campaign and its channel.

Providers' codes are classed by the adapters, HTTP's status is not asked. A class says whether the
message surely did not leave (then it may be sent again), may have left (then only a callback, a
person or the workspace's explicit choice goes on), or never will.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from recado.domain.deliveries import DeliveryEvent, DeliveryState, next_state


class ErrorClass(StrEnum):
    """Kinds of failure, by what is to be done."""

    # Not sent.
    NETWORK_NOT_SENT = "network_not_sent"
    THROTTLE_CHANNEL = "throttle_channel"
    THROTTLE_PAIR = "throttle_pair"
    TRANSIENT_CHANNEL = "transient_channel"
    # Perhaps sent.
    NETWORK_UNSURE = "network_unsure"
    TRANSIENT_UNSURE = "transient_unsure"
    # Nothing goes through this channel until somebody mends it.
    AUTH = "auth"
    ACCOUNT = "account"
    ACCOUNT_QUALITY = "account_quality"
    REGISTRATION = "registration"
    # The same for every contact of the campaign.
    TEMPLATE = "template"
    TEMPLATE_PARAMS = "template_params"
    MEDIA = "media"
    # This message is wrong, and perhaps all of the campaign's are.
    REQUEST = "request"
    CONTACT_DATA = "contact_data"
    UNKNOWN_CODE = "unknown_code"
    # This contact will not get it.
    CONTACT_DEAD = "contact_dead"
    CONTACT_DEFER = "contact_defer"
    CONTACT_SKIP = "contact_skip"
    COUNTRY_BLOCK = "country_block"
    OPT_OUT = "opt_out"
    WINDOW = "window"
    # Of received messages; a send that gets it is none we know.
    INBOUND_ONLY = "inbound_only"


class Verdict(StrEnum):
    """What is to be done about an error."""

    RETRY_LATER = "retry_later"
    HOLD_CHANNEL = "hold_channel"
    """As retry_later; and nothing else leaves through the channel until then."""
    PAUSE_CHANNEL = "pause_channel"
    """Until a person has mended it; the delivery waits."""
    PAUSE_CAMPAIGN = "pause_campaign"
    """Until a person has mended it; the delivery waits, if it surely was not sent."""
    FAIL = "fail"
    UNKNOWN = "unknown"


class ContactEffect(StrEnum):
    """What an error tells about the contact."""

    DEAD = "dead"
    """Probably not on WhatsApp."""
    DEFERRED = "deferred"
    """No marketing for `CONTACT_DEFERRAL`: earlier tries make Meta extend the block."""
    OPTED_OUT = "opted_out"
    """Wants no marketing from this business."""


MOST_ATTEMPTS: Final = 5
MOST_UNSURE_ATTEMPTS: Final = 3
"""Where resending was chosen: each try may be one message more for the contact."""
MOST_PER_WINDOW: Final = 10
WINDOW: Final = timedelta(minutes=5)
CONTACT_DEFERRAL: Final = timedelta(hours=24)
"""Meta, 131049: try again after 24 hours at the earliest."""

_FIRST_DELAY: Final = 2.0
_GROWTH: Final = 4.0
_LONGEST_DELAY: Final = 300.0
_FIRST_HOLD: Final = 60.0
"""Meta, 131057: a throughput upgrade takes about a minute."""
_HOLD_GROWTH: Final = 2.0
_PAIR_BASE: Final = 4.0
"""Meta, 131056: try again after 4^n seconds."""
_LONGEST_RETRY_AFTER: Final = 86_400.0
_JITTER: Final = 0.5
# An attempt is on record a moment before it leaves.
_MARGIN: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a class of errors means.

    Attributes:
        verdict: What is to be done.
        maybe_sent: The message may have left: sent again only where resending was chosen.
        most_attempts: How many tries there are, the first included.
        contact: What it tells about the contact.
        suspects_campaign: A row of these in one campaign means that all of it is wrong.
    """

    verdict: Verdict
    maybe_sent: bool = False
    most_attempts: int = MOST_ATTEMPTS
    contact: ContactEffect | None = None
    suspects_campaign: bool = False


_FAIL: Final = Rule(Verdict.FAIL)
_SUSPICIOUS: Final = Rule(Verdict.FAIL, suspects_campaign=True)
_MEND_CHANNEL: Final = Rule(Verdict.PAUSE_CHANNEL)
_MEND_CAMPAIGN: Final = Rule(Verdict.PAUSE_CAMPAIGN)
_UNSURE: Final = Rule(Verdict.UNKNOWN, maybe_sent=True, most_attempts=MOST_UNSURE_ATTEMPTS)

RULES: Final[Mapping[ErrorClass, Rule]] = {
    ErrorClass.NETWORK_NOT_SENT: Rule(Verdict.RETRY_LATER),
    ErrorClass.THROTTLE_CHANNEL: Rule(Verdict.HOLD_CHANNEL),
    ErrorClass.THROTTLE_PAIR: Rule(Verdict.RETRY_LATER),
    ErrorClass.TRANSIENT_CHANNEL: Rule(Verdict.HOLD_CHANNEL),
    ErrorClass.NETWORK_UNSURE: _UNSURE,
    ErrorClass.TRANSIENT_UNSURE: _UNSURE,
    ErrorClass.AUTH: _MEND_CHANNEL,
    ErrorClass.ACCOUNT: _MEND_CHANNEL,
    ErrorClass.ACCOUNT_QUALITY: _MEND_CHANNEL,
    ErrorClass.REGISTRATION: _MEND_CHANNEL,
    ErrorClass.TEMPLATE: _MEND_CAMPAIGN,
    ErrorClass.TEMPLATE_PARAMS: _MEND_CAMPAIGN,
    ErrorClass.MEDIA: Rule(
        Verdict.PAUSE_CAMPAIGN, maybe_sent=True, most_attempts=MOST_UNSURE_ATTEMPTS
    ),
    ErrorClass.REQUEST: _SUSPICIOUS,
    ErrorClass.CONTACT_DATA: _SUSPICIOUS,
    ErrorClass.UNKNOWN_CODE: _SUSPICIOUS,
    ErrorClass.CONTACT_DEAD: Rule(Verdict.FAIL, contact=ContactEffect.DEAD),
    ErrorClass.CONTACT_DEFER: Rule(Verdict.FAIL, contact=ContactEffect.DEFERRED),
    ErrorClass.CONTACT_SKIP: _FAIL,
    ErrorClass.COUNTRY_BLOCK: _FAIL,
    ErrorClass.OPT_OUT: Rule(Verdict.FAIL, contact=ContactEffect.OPTED_OUT),
    ErrorClass.WINDOW: _FAIL,
    ErrorClass.INBOUND_ONLY: _SUSPICIOUS,
}
"""Also for failures that a callback reports: the delivery is `failed` then, whatever the verdict
says about it, but what it says about contact, campaign and channel holds."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a delivery, and of what is around it, after a failed attempt.

    Attributes:
        verdict: What is to be done.
        event: What happens to the part that was being sent.
        status: Where that leads: `pending`, `failed` or `unknown`.
        due_at: When it may be tried again, if it is pending.
        hold_channel_until: Nothing may leave through the channel before.
        contact: What it tells about the contact.
        suspects_campaign: A row of these in one campaign means that all of it is wrong.
    """

    verdict: Verdict
    event: DeliveryEvent
    status: DeliveryState
    due_at: datetime | None = None
    hold_channel_until: datetime | None = None
    contact: ContactEffect | None = None
    suspects_campaign: bool = False

    @property
    def counts(self) -> bool:
        """Whether the try is one of those allowed; what channel or campaign caused is not."""
        return self.verdict in _COUNTED


_COUNTED: Final = frozenset({Verdict.RETRY_LATER, Verdict.FAIL, Verdict.UNKNOWN})


def decide(
    error_class: ErrorClass,
    *,
    attempts: int,
    now: datetime,
    jitter: float,
    retry_after: float | None = None,
    recent: Sequence[datetime] = (),
    resend_unsure: bool = False,
) -> Decision:
    """Decide on a delivery after a failed attempt.

    Args:
        error_class: Of the answer, or of its absence.
        attempts: How many attempts this part has had, the failed one included; at least 1.
        now: The time of the answer.
        jitter: A random number in [0, 1), so that what failed together is not tried together.
        retry_after: Seconds that the provider asked to wait.
        recent: Times of the delivery's attempts of the last `WINDOW`, the failed one included.
        resend_unsure: The workspace chose to send again what may have been sent.

    Raises:
        ValueError: There has been no attempt.
    """
    if attempts < 1:
        raise ValueError("a decision needs an attempt")
    rule = RULES[error_class]
    wait = _wait(error_class, attempts, jitter, retry_after)
    verdict = rule.verdict
    hold_until = now + timedelta(seconds=wait) if verdict is Verdict.HOLD_CHANNEL else None
    if rule.maybe_sent and resend_unsure and attempts < rule.most_attempts:
        event, verdict = DeliveryEvent.REFUSED_RETRY, Verdict.RETRY_LATER
    elif verdict is Verdict.UNKNOWN:
        event = DeliveryEvent.OUTCOME_UNKNOWN
    elif verdict is Verdict.FAIL or rule.maybe_sent:
        event = DeliveryEvent.REFUSED_FINAL
    elif attempts >= rule.most_attempts:
        event = DeliveryEvent.REFUSED_FINAL
        verdict = Verdict.FAIL if verdict is Verdict.RETRY_LATER else verdict
    else:
        event = DeliveryEvent.REFUSED_RETRY
    status = next_state(DeliveryState.SENDING, event)
    return Decision(
        verdict=verdict,
        event=event,
        status=status,
        due_at=_due(now, wait, recent) if status is DeliveryState.PENDING else None,
        hold_channel_until=hold_until,
        contact=rule.contact,
        suspects_campaign=rule.suspects_campaign,
    )


def _wait(
    error_class: ErrorClass, attempts: int, jitter: float, retry_after: float | None
) -> float:
    """Seconds until the next try; never less than the provider asks for."""
    done = min(attempts, MOST_ATTEMPTS)
    if error_class is ErrorClass.THROTTLE_PAIR:
        wait = _PAIR_BASE**done
    elif error_class is ErrorClass.TRANSIENT_CHANNEL:
        wait = _FIRST_HOLD * _HOLD_GROWTH ** (done - 1)
    else:
        wait = _FIRST_DELAY * _GROWTH ** (done - 1)
    wait = min(wait, _LONGEST_DELAY) if error_class is not ErrorClass.THROTTLE_PAIR else wait
    asked = min(retry_after, _LONGEST_RETRY_AFTER) if retry_after and retry_after > 0 else 0.0
    return max(wait, asked) * (1 + _JITTER * jitter)


def _due(now: datetime, wait: float, recent: Sequence[datetime]) -> datetime:
    due = now + timedelta(seconds=wait)
    if len(recent) < MOST_PER_WINDOW:
        return due
    return max(due, sorted(recent)[-MOST_PER_WINDOW] + WINDOW + _MARGIN)
