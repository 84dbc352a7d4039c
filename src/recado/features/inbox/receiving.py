"""What people did, as callbacks tell it.

The same events may come again, and late: nothing here may be done twice, and the order is that of
their own times.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from redis.exceptions import RedisError

from recado.domain.ids import ChannelId, ContactId, WorkspaceId
from recado.features.contacts import consent
from recado.features.dispatch.transactions import short
from recado.features.gates import service as gates
from recado.features.inbox import feed, people, rows
from recado.features.inbox.people import Person
from recado.features.inbox.rows import MessageRow
from recado.features.limits import limiter
from recado.platform import clock, sql
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.events import CallbackEvent, ConsentEvent, PersonChangedEvent

SQL = sql.load(__package__, "receiving.sql")

Told = tuple[Person, CallbackEvent]


@dataclass(slots=True)
class _Place:
    """One conversation, and what a batch of events has brought to it."""

    person: Person
    contact: ContactId | None
    first_at: datetime
    opened_at: datetime | None = None
    name: str = ""
    messages: list[MessageRow] = field(default_factory=list)
    events: list[CallbackEvent] = field(default_factory=list)
    id: int = 0


async def take_in(
    runtime: Runtime, workspace_id: WorkspaceId, events: Sequence[tuple[ChannelId, CallbackEvent]]
) -> None:
    """Keep what people did, each with the channel that it came through."""
    told = [
        (person, event)
        for channel, given in events
        if (person := people.of(channel, event := rows.cleaned(given))) is not None
    ]
    if not told:
        return
    async with short(runtime.db, workspace_id) as tx:
        # One batch at a time: who is who must not change in the middle of it.
        await people.alone(tx)
        moved, recognised = await _take_in(tx, told, clock.now())
    if recognised:
        async with short(runtime.db, workspace_id) as tx:
            out = await consent.heed(tx, recognised)
        await gates.close_contacts(runtime.redis, workspace_id, out, "opted_out")
    await feed.publish(runtime.redis, workspace_id, moved)
    counts = Counter(person.channel_id for person, event in told if rows.opens(event))
    if counts:
        # With Redis away nothing leaves either, so there is no limit to count against.
        with suppress(RedisError, OSError):
            await limiter.count_inbound(runtime.redis, workspace_id, counts)


async def _take_in(
    tx: Transaction, told: Sequence[Told], now: datetime
) -> tuple[list[int], list[ContactId]]:
    """Returns the conversations in which there is news, and whom providers have a new name for."""
    known = await people.contacts(tx, [person for person, _ in told])
    strangers = [
        person
        for person, event in told
        if person not in known and (rows.opens(event) or isinstance(event, ConsentEvent))
    ]
    if strangers and await people.welcome(tx, strangers):
        known = await people.contacts(tx, [person for person, _ in told])
    called = _called(told, known)
    recognised = await people.learn(tx, called)
    for person, _ in told:
        if person not in known and person.user_id and (person.channel_id, person.user_id) in called:
            known[person] = called[person.channel_id, person.user_id][0]
    await people.adopt(tx, known)
    places = _places(told, known, now)
    if not places:
        return [], recognised
    await _begin(tx, places)
    return await _write(tx, places, now), recognised


def _called(
    told: Sequence[Told], known: Mapping[Person, ContactId]
) -> dict[tuple[ChannelId, str], tuple[ContactId, datetime]]:
    """What providers call those who are known, by the latest of these events.

    Who has changed their number or their id is called by the new one from then on.
    """
    found: dict[tuple[ChannelId, str], tuple[ContactId, datetime]] = {}
    for person, event in sorted(told, key=lambda one: one[1].at):
        contact = known.get(person)
        if contact is None:
            continue
        new = event.new_user_id if isinstance(event, PersonChangedEvent) else None
        for user_id in (person.user_id, new):
            if user_id:
                found[person.channel_id, user_id] = (contact, event.at)
    return found


def _places(told: Sequence[Told], known: Mapping[Person, ContactId], now: datetime) -> list[_Place]:
    """The conversations that these events belong in, in one order for everybody."""
    found: dict[tuple[ChannelId, object], _Place] = {}
    for person, event in sorted(told, key=lambda one: one[1].at):
        contact = known.get(person)
        changed = isinstance(event, PersonChangedEvent) and contact is not None
        if not rows.begins(event) and not changed:
            continue
        at = min(event.at, now)
        place = found.setdefault(
            (person.channel_id, contact or person.alone), _Place(person, contact, at)
        )
        if rows.opens(event):
            place.opened_at, place.person = at, person
        place.name = person.name or place.name
        place.events.append(event)
        if message := rows.message_of(person, event, now):
            place.messages.append(message)
    return sorted(
        found.values(),
        key=lambda one: (one.person.channel_id, one.contact or 0, one.person.alone),
    )


async def _begin(tx: Transaction, places: Sequence[_Place]) -> None:
    """See that there is a conversation for each, and which it is."""
    who = {
        "workspace_id": tx.workspace_id,
        "channels": [one.person.channel_id for one in places],
        "contacts": [one.contact for one in places],
        "people": [None if one.contact else one.person.alone for one in places],
    }
    found = await tx.all(SQL["conversations"], **who)
    if len(found) < len(places):
        await tx.run(SQL["begin"], times=[one.first_at for one in places], **who)
        found = await tx.all(SQL["conversations"], **who)
    for row in found:
        places[row["place"] - 1].id = row["id"]


async def _write(tx: Transaction, places: Sequence[_Place], now: datetime) -> list[int]:
    said = [(place, message) for place in places for message in place.messages]
    fresh: Counter[int] = Counter()
    if said:
        added = await tx.all(
            SQL["add"],
            workspace_id=tx.workspace_id,
            conversations=[place.id for place, _ in said],
            channels=[place.person.channel_id for place, _ in said],
            directions=[one.direction for _, one in said],
            kinds=[one.kind for _, one in said],
            texts=[one.text for _, one in said],
            media=[one.media for _, one in said],
            spots=[one.place for _, one in said],
            choices=[one.choice for _, one in said],
            replies=[one.reply_to for _, one in said],
            provider_ids=[one.provider_id for _, one in said],
            times=[one.at for _, one in said],
            codes=[one.error_code for _, one in said],
            details=[one.error_detail for _, one in said],
            author=rows.PHONE,
        )
        fresh.update(row["conversation_id"] for row in added if row["unread"])
    changes = rows.changes_of(
        [(place.id, event) for place in places for event in place.events], now
    )
    if changes:
        order = sorted(changes.items())
        await tx.run(
            SQL["change"],
            workspace_id=tx.workspace_id,
            conversations=[conversation for (conversation, _), _ in order],
            provider_ids=[of for (_, of), _ in order],
            reactions=[one.reaction for _, one in order],
            reacted=[one.reacted_at for _, one in order],
            texts=[one.text for _, one in order],
            edited=[one.edited_at for _, one in order],
            revoked=[one.revoked_at for _, one in order],
        )
    await tx.run(
        SQL["move"],
        workspace_id=tx.workspace_id,
        ids=[one.id for one in places],
        opened=[one.opened_at for one in places],
        said=[max((m.at for m in one.messages), default=None) for one in places],
        fresh=[fresh[one.id] for one in places],
        names=[one.name for one in places],
        addresses=[one.person.digits or None for one in places],
    )
    return [one.id for one in places]
