"""The events in a change of a callback of Meta's, by its field.

Payloads follow Meta's reference of webhooks as of 2026-09-11. What is odd within them is passed
over, as a callback that cannot be applied would come again for seven days.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from recado.providers.events import (
    AccountEvent,
    CallbackEvent,
    CallEvent,
    CapabilityEvent,
    ConsentEvent,
    EchoEvent,
    ErrorEvent,
    NumberQualityEvent,
    OtherEvent,
    Restriction,
    StatusEvent,
    TemplateCategoryEvent,
    TemplateQualityEvent,
    TemplateStatusEvent,
)
from recado.providers.meta.errors import fault
from recado.providers.meta.inbound import person, received, text_of
from recado.providers.plain import LONGEST_ID
from recado.providers.reading import objects, time, under, word

# Meta, messaging limits: people outside of a customer service window in any 24 hours. It counts a
# portfolio's; what we know is the business account, of which most portfolios have one.
TIERS: Mapping[str, int] = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
}
UNLIMITED = frozenset({"-1", "TIER_UNLIMITED"})
_GROUP = "group"
_NOT_DIGITS = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a callback.

    Attributes:
        account: The business account it came for.
        number: The phone_number_id it names, or nothing.
        field: What it is about.
        value: What is new.
        time: When it was sent, where that is told: not for messages.
    """

    account: str
    number: str
    field: str
    value: Mapping[str, Any]
    time: object = None

    def whose(self, at: datetime) -> dict[str, Any]:
        """What every event has."""
        return {"external_id": self.number, "account_id": self.account, "at": at}


def read(change: Change, *, arrived: datetime) -> Iterable[CallbackEvent]:
    """The events in a change; one that we do not know is an OtherEvent of its field's name.

    Args:
        change: As it came.
        arrived: When it came, the time of what has none.
    """
    sent = time(change.time, arrived) if change.time else arrived
    reader = _READERS.get(change.field)
    events = list(reader(change, sent)) if reader else []
    if events or change.field == "messages":
        return events
    return [OtherEvent(kind=change.field, payload=change.value, **change.whose(sent))]


def _messages(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    value = change.value
    for status in objects(value.get("statuses")):
        yield _status(change, status, sent)
    contacts = list(objects(value.get("contacts")))
    for message in objects(value.get("messages")):
        whose = change.whose(time(message.get("timestamp"), sent))
        if message.get("group_id"):
            yield OtherEvent(kind=_GROUP, payload=message, **whose)
        else:
            yield received(message, contacts, whose)
    for error in objects(value.get("errors")):
        yield ErrorEvent(fault=fault(error), **change.whose(sent))


def _status(change: Change, status: Mapping[str, Any], sent: datetime) -> CallbackEvent:
    whose = change.whose(time(status.get("timestamp"), sent))
    if status.get("recipient_type") == _GROUP:
        return OtherEvent(kind=_GROUP, payload=status, **whose)
    errors = list(objects(status.get("errors")))
    reference = status.get("biz_opaque_callback_data")
    pricing = status.get("pricing")
    category = pricing.get("category") if isinstance(pricing, dict) else None
    digits, user_id = person(status.get("recipient_id"), status.get("recipient_user_id"))
    return StatusEvent(
        provider_id=word(status.get("id"), LONGEST_ID),
        status=word(status.get("status")).lower(),
        reference=reference if isinstance(reference, str) else None,
        recipient=digits or None,
        user_id=user_id,
        fault=fault(errors[0]) if errors else None,
        category=word(category) or None,
        **whose,
    )


def _echoes(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    """What a person wrote on the phone of a number that is used there too."""
    for message in objects(change.value.get("message_echoes")):
        digits, user_id = person(message.get("to"), message.get("to_user_id"))
        yield EchoEvent(
            by="phone",
            provider_id=word(message.get("id"), LONGEST_ID),
            recipient=digits,
            user_id=user_id,
            kind=word(message.get("type")),
            text=text_of(message),
            payload=message,
            **change.whose(time(message.get("timestamp"), sent)),
        )


def _calls(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    for call in objects(change.value.get("calls")):
        incoming = word(call.get("direction")).upper() != "BUSINESS_INITIATED"
        who = ("from", "from_user_id") if incoming else ("to", "to_user_id")
        digits, user_id = person(call.get(who[0]), call.get(who[1]))
        yield CallEvent(
            event=word(call.get("event")),
            incoming=incoming,
            sender=digits,
            user_id=user_id,
            message_id=word(call.get("id"), LONGEST_ID),
            **change.whose(time(call.get("timestamp"), sent)),
        )


def _preferences(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    given = change.value.get("user_preferences")
    for wish in objects([given] if isinstance(given, dict) else given):
        digits, user_id = person(wish.get("wa_id"), wish.get("user_id"))
        yield ConsentEvent(
            wish=word(wish.get("value")).lower(),
            category=word(wish.get("category")),
            detail=word(wish.get("detail")),
            sender=digits,
            user_id=user_id,
            **change.whose(time(wish.get("timestamp"), sent)),
        )


def _of_template(change: Change, sent: datetime) -> dict[str, Any]:
    value = change.value
    return {
        "template_id": word(value.get("message_template_id"), LONGEST_ID),
        "name": word(value.get("message_template_name"), LONGEST_ID),
        "language": word(value.get("message_template_language")).replace("-", "_"),
        **change.whose(sent),
    }


def _template_status(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    value = change.value
    other, rejection = under(value, "other_info"), under(value, "rejection_info")
    reason = word(value.get("reason"))
    yield TemplateStatusEvent(
        status=word(value.get("event")).upper(),
        reason="" if reason == "NONE" else reason,
        title=word(other.get("title")),
        detail=word(other.get("description") or rejection.get("reason")),
        category=word(value.get("message_template_category")),
        **_of_template(change, sent),
    )


def _template_quality(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    yield TemplateQualityEvent(
        before=word(change.value.get("previous_quality_score")).upper(),
        after=word(change.value.get("new_quality_score")).upper(),
        **_of_template(change, sent),
    )


def _template_category(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    yield TemplateCategoryEvent(
        before=word(change.value.get("previous_category")).upper(),
        after=word(change.value.get("new_category")).upper(),
        **_of_template(change, sent),
    )


def _number_quality(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    value = change.value
    limit = value.get("max_daily_conversations_per_business", value.get("current_limit"))
    yield NumberQualityEvent(
        display_number=_NOT_DIGITS.sub("", word(value.get("display_phone_number"))),
        event=word(value.get("event")).upper(),
        tier=word(limit).upper(),
        people=people(limit),
        **change.whose(sent),
    )


def _capability(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    value = change.value
    for key in (
        "max_daily_conversations_per_business",
        "max_daily_conversation_per_phone",  # up to v23.0
        "max_daily_conversations_per_phone",
    ):
        limit = value.get(key)
        if people(limit) is not None or word(limit).upper() in UNLIMITED:
            yield CapabilityEvent(
                people=people(limit),
                numbers=people(value.get("max_phone_numbers_per_business")),
                **change.whose(sent),
            )
            return


def people(limit: object) -> int | None:
    """How many people a limit means, given as a number or as a tier's name; None: any, or unknown.

    What is no number and no tier that we know says nothing: a new name must not stop anybody.
    """
    text = word(limit).upper()
    if text in TIERS:
        return TIERS[text]
    if not text.isascii() or not text.isdigit() or len(text) > len(str(2**31)):
        return None
    return int(text)


def _account(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    value = change.value
    ban, violation = under(value, "ban_info"), under(value, "violation_info")
    restrictions = tuple(
        Restriction(word(one.get("restriction_type")), _until(one.get("expiration")))
        for one in objects(value.get("restriction_info"))
    )
    yield AccountEvent(
        event=word(value.get("event")).upper(),
        restrictions=restrictions,
        ban=word(_first_of(ban.get("waba_ban_state"))).upper(),
        detail=word(violation.get("violation_type") or ban.get("waba_ban_date")),
        **change.whose(sent),
    )


def _alert(change: Change, sent: datetime) -> Iterator[CallbackEvent]:
    """Such as that a higher limit was asked for and is denied or deferred."""
    value = {**change.value, **under(change.value, "alert_info")}
    if value.get("alert_type"):
        yield AccountEvent(
            event=word(value["alert_type"]).upper(),
            detail=word(value.get("alert_description")),
            **change.whose(sent),
        )


def _until(value: object) -> datetime | None:
    never = datetime.fromtimestamp(0, UTC)
    until = time(value, never)
    return until if until > never else None


def _first_of(value: object) -> object:
    """Meta's pages show this state as a text and as a list of texts."""
    if isinstance(value, list):
        return value[0] if value else None
    return value


_READERS: Mapping[str, Callable[[Change, datetime], Iterator[CallbackEvent]]] = {
    "messages": _messages,
    "smb_message_echoes": _echoes,
    "calls": _calls,
    "user_preferences": _preferences,
    "message_template_status_update": _template_status,
    "message_template_quality_update": _template_quality,
    "template_category_update": _template_category,
    "phone_number_quality_update": _number_quality,
    "business_capability_update": _capability,
    "account_update": _account,
    "account_alerts": _alert,
}
