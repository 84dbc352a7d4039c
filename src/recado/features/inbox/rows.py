"""What events say, as the tables keep it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from recado.features.inbox.people import Person
from recado.providers.events import (
    LONG_AGO,
    CallbackEvent,
    CallEvent,
    EchoEvent,
    EditEvent,
    FromPerson,
    InboundEvent,
    PersonChangedEvent,
    ProviderFault,
    ReactionEvent,
    ReceivedMedia,
    RevokeEvent,
)
from recado.providers.plain import LONGEST_ID, plain

LONGEST_TEXT = 65_536  # characters; WhatsApp's own limit
_LONG = frozenset({"text", "url"})
PHONE = "phone"  # the author of what a person typed on the number's own phone
# Of what our own phone did to messages there are no rows.
_NOT_SAID = frozenset({"reaction", "edit", "edited", "revoke", "protocol"})


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as it is stored."""

    direction: str
    kind: str
    text: str
    provider_id: str
    at: datetime
    media: Jsonb | None = None
    place: Jsonb | None = None
    choice: str | None = None
    reply_to: str | None = None
    error_code: str | None = None
    error_detail: str | None = None


@dataclass(slots=True)
class Change:
    """What was done to a message: the latest of each kind."""

    reaction: str | None = None
    reacted_at: datetime | None = None
    text: str | None = None
    edited_at: datetime | None = None
    revoked_at: datetime | None = None


def cleaned(event: CallbackEvent) -> CallbackEvent:
    """An event whose texts PostgreSQL takes, none of them longer than a message may be."""
    return replace(event, **_cleaned(event))


def _cleaned(given: CallbackEvent | ReceivedMedia | ProviderFault) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields(given):
        value = getattr(given, one.name)
        if isinstance(value, str) and not isinstance(value, StrEnum):
            found[one.name] = plain(value, LONGEST_TEXT if one.name in _LONG else LONGEST_ID)
        elif isinstance(value, ReceivedMedia | ProviderFault):
            found[one.name] = replace(value, **_cleaned(value))
    return found


def opens(event: CallbackEvent) -> bool:
    """Whether it opens the conversation: Meta: a call of theirs does as a message does."""
    return isinstance(event, InboundEvent) or (isinstance(event, CallEvent) and event.incoming)


def message_of(person: Person, event: CallbackEvent, now: datetime) -> MessageRow | None:
    """The message that an event is; None if it is none.

    What was written in the future, or at no time that is told, was written now.
    """
    at = now if event.at == LONG_AGO else min(event.at, now)
    if isinstance(event, InboundEvent):
        place = event.place and {"latitude": event.place[0], "longitude": event.place[1]}
        return MessageRow(
            direction="in",
            kind=event.kind or "unsupported",
            text=event.text,
            provider_id=_id(person, event, event.message_id),
            at=at,
            media=_media(event.media),
            place=Jsonb(place) if place else None,
            choice=event.choice,
            reply_to=event.reply_to,
            error_code=event.fault.code if event.fault else None,
            error_detail=event.fault.detail if event.fault else None,
        )
    if isinstance(event, CallEvent) and event.incoming:
        return MessageRow("in", "call", "", _id(person, event, event.message_id), at)
    if isinstance(event, PersonChangedEvent):
        new = event.new_sender or event.new_user_id or ""
        said = event.text or f"{event.kind} {new}".strip()
        return MessageRow("in", "system", said, _id(person, event, event.message_id), at)
    if isinstance(event, EchoEvent) and _typed(event):
        said, kind = event.text, event.kind
        return MessageRow("out", kind or "text", said, _id(person, event, event.provider_id), at)
    return None


def changes_of(
    events: Sequence[tuple[int, CallbackEvent]], now: datetime
) -> dict[tuple[int, str], Change]:
    """What was done to which message.

    Args:
        events: Each with its conversation.
        now: No change was made later.
    """
    found: dict[tuple[int, str], Change] = {}
    for conversation, event in sorted(events, key=lambda one: one[1].at):
        if not isinstance(event, ReactionEvent | EditEvent | RevokeEvent) or not event.of:
            continue
        change, at = found.setdefault((conversation, event.of), Change()), min(event.at, now)
        if isinstance(event, ReactionEvent):
            change.reaction, change.reacted_at = event.emoji, at
        elif isinstance(event, EditEvent):
            change.text, change.edited_at = event.text, at
        else:
            change.revoked_at = at
    return found


def begins(event: CallbackEvent) -> bool:
    """Whether an event belongs in a conversation, which begins with it if there is none."""
    if isinstance(event, EchoEvent):
        return _typed(event)
    changed = isinstance(event, ReactionEvent | EditEvent | RevokeEvent)
    return isinstance(event, FromPerson) and (changed or opens(event))


def _typed(event: EchoEvent) -> bool:
    """Whether a person typed it on the number's phone; the rest is sent by requests."""
    return event.by == PHONE and event.reference is None and event.kind not in _NOT_SAID


def _media(media: ReceivedMedia | None) -> Jsonb | None:
    if media is None:
        return None
    given = {
        "id": media.media_id,
        "mime": media.mime_type,
        "filename": media.filename,
        "url": media.url,
        "voice": media.voice,
    }
    return Jsonb({name: value for name, value in given.items() if value})


def _id(person: Person, event: CallbackEvent, given: str) -> str:
    """The provider's id; of what has none, one that is the same when it comes again."""
    if given:
        return given
    told = f"{person.alone}\n{event!r}".encode("utf-8", "replace")
    return f"~{hashlib.sha256(told).hexdigest()[:32]}"
