"""Wishes in what callbacks tell, put on record for a whole batch at once.

The same callbacks may come again, and late: a wish is known by the event that told of it, and what
holds is decided by the events' own times.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from recado.domain.ids import ChannelId, ContactId, Reference, WorkspaceId
from recado.domain.optout import Rules, Wish
from recado.domain.phones import phone_key
from recado.domain.retry import ErrorClass
from recado.features.contacts import consent
from recado.features.contacts.consent import Said, Source
from recado.features.dispatch.transactions import short
from recado.features.gates import service as gates
from recado.features.inbox import people
from recado.features.inbox.people import Person
from recado.features.wishes import confirming, settings
from recado.features.wishes.queries import SQL
from recado.platform import clock
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.events import (
    LONG_AGO,
    CallbackEvent,
    ConsentEvent,
    EditEvent,
    FromPerson,
    InboundEvent,
    StatusEvent,
)

MARKETING = "marketing_messages"  # Meta: the only category that people can stop
_TELLING = (InboundEvent, EditEvent, ConsentEvent)
_AT_THE_PROVIDER: Mapping[str, Wish] = {"stop": Wish.OUT, "resume": Wish.IN}


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A wish of somebody who may be no contact yet."""

    person: Person
    event: FromPerson
    source: Source
    wish: Wish
    word: str

    def by(self, contact: ContactId | None) -> Said:
        event, channel = self.event, self.person.channel_id
        name = event.message_id or f"{self.person.alone}:{event.at.isoformat()}"
        return Said(
            contact_id=contact,
            person=self.person.alone,
            wish=self.wish,
            source=self.source,
            at=event.at if event.at > LONG_AGO else clock.now(),
            word=self.word or None,
            channel_id=channel,
            message_id=event.message_id or None,
            event_id=f"{self.wish}:{channel}:{name}",
        )


async def hear(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    events: Sequence[tuple[ChannelId, CallbackEvent]],
    reports: Sequence[tuple[ChannelId, StatusEvent]],
) -> None:
    """Put the wishes in some events on record; after this returns nothing leaves that must not.

    The inbox has taken these events in already, so that people are known by all their names.

    Args:
        runtime: Of this process.
        workspace_id: Of the channels.
        events: What people did, each with the channel that it came through.
        reports: States of messages, of which some failed because the person wants none.
    """
    refused = [one for one in reports if _is_refused(one[1])]
    written = [one for one in events if isinstance(one[1], _TELLING)]
    if not refused and not written:
        return
    async with short(runtime.db, workspace_id) as tx:
        saved = await settings.saved(tx) if written else {}
        spoken = list(_spoken(written, Rules.of(saved))) if written else []
        said = [
            *(await _of_people(tx, spoken) if spoken else ()),
            *(await _of_reports(tx, refused) if refused else ()),
        ]
        if not said:
            return
        # Shut out before it is on record, so that nothing leaves between the two. Where it turns
        # out not to hold, whoever meets the gate asks PostgreSQL, and opens it again.
        out = [one.contact_id for one in said if one.wish is Wish.OUT and one.contact_id]
        await gates.close_contacts(runtime.redis, workspace_id, out, "opted_out")
        outcome = await consent.record(tx, said, now=clock.now())
        answered = [turn.change_id for turn in outcome.turned if turn.change_id is not None]
        await confirming.defer(runtime, tx, saved, answered)
        # Whoever was out before is shut out again: what a crash cut short may be just that.
        tx.after_commit(
            lambda: gates.close_contacts(runtime.redis, workspace_id, outcome.out, "opted_out")
        )


def _is_refused(event: StatusEvent) -> bool:
    return event.fault is not None and event.fault.error_class is ErrorClass.OPT_OUT


def _spoken(written: Sequence[tuple[ChannelId, CallbackEvent]], rules: Rules) -> Iterator[_Spoken]:
    for channel, event in written:
        person = people.of(channel, event)
        if person is None or (isinstance(event, EditEvent) and event.ours):
            continue
        if isinstance(event, InboundEvent | EditEvent):
            choice = event.choice if isinstance(event, InboundEvent) else None
            heard = rules.hear(event.text, choice)
            if heard is not None:
                yield _Spoken(person, event, Source(heard.source), heard.wish, heard.word)
        elif isinstance(event, ConsentEvent) and event.category in {MARKETING, ""}:
            wish = _AT_THE_PROVIDER.get(event.wish)
            if wish is not None:
                yield _Spoken(person, event, Source.PROVIDER_PREFERENCE, wish, event.detail[:100])


async def _of_people(tx: Transaction, spoken: Sequence[_Spoken]) -> list[Said]:
    """Strangers with a number are contacts since they wrote; of others it is kept who they are."""
    who = {one.person for one in spoken}
    known = await people.look_up(tx, who)
    if len(known) < len(who):
        # Their wishes are taken up when they are recognised; not between this look and the record.
        await people.alone(tx)
        known = await people.look_up(tx, who)
    return [one.by(known.get(one.person)) for one in spoken]


async def _of_reports(
    tx: Transaction, refused: Sequence[tuple[ChannelId, StatusEvent]]
) -> list[Said]:
    references = [Reference.parse(event.reference or "") for _, event in refused]
    rows = await tx.all(
        SQL["recipients"],
        channels=[channel for channel, _ in refused],
        deliveries=[known.delivery_id if known else None for known in references],
        parts=[known.part if known else None for known in references],
        numbers=[known.attempt if known else None for known in references],
        provider_ids=[event.provider_id or None for _, event in refused],
        keys=[phone_key(event.recipient or "") for _, event in refused],
    )
    found = ((ContactId(row["contact_id"]), *refused[row["place"] - 1]) for row in rows)
    return [
        Said(
            contact_id=contact,
            wish=Wish.OUT,
            source=Source.PROVIDER_ERROR,
            at=event.at if event.at > LONG_AGO else clock.now(),
            word=event.fault.code if event.fault else None,
            channel_id=channel,
            message_id=event.provider_id or None,
            event_id=f"error:{channel}:{event.provider_id or event.reference}",
        )
        for contact, channel, event in found
    ]
