"""Who is behind a number's digits or a provider's own id of a person.

A contact is found by its number, folded as `phone_key` does it, else by what the provider calls it:
a LID or a BSUID, learned from what carried both. Who writes first and has a number becomes a
contact; who has none stays a conversation without one, until it is learned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from recado.domain import phones
from recado.domain.ids import ChannelId, ContactId
from recado.domain.phones import phone_key
from recado.platform import sql
from recado.platform.postgres import Transaction
from recado.providers.events import CallbackEvent, EchoEvent, FromPerson

SQL = sql.load(__package__, "people.sql")

LONGEST_NAME = 200
INBOX = "inbox"  # the source of contacts that are made here


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as an event names them: ``digits`` empty and ``user_id`` None where not told."""

    channel_id: ChannelId
    digits: str
    user_id: str | None
    name: str = ""

    @property
    def key(self) -> str | None:
        """What all forms of the number share."""
        return phone_key(self.digits) or None

    @property
    def alone(self) -> str:
        """How a conversation names them that has no contact."""
        return self.key or self.user_id or ""


def of(channel_id: ChannelId, event: CallbackEvent) -> Person | None:
    """Who an event is about; None if it does not tell."""
    if isinstance(event, EchoEvent):
        person = Person(channel_id, event.recipient, event.user_id)
    elif isinstance(event, FromPerson):
        person = Person(channel_id, event.sender, event.user_id, event.name[:LONGEST_NAME])
    else:
        return None
    return person if person.alone else None


async def alone(tx: Transaction) -> None:
    """Until this transaction ends nobody else learns who is who. To be held before contacts are."""
    await tx.run(SQL["alone_in_workspace"], workspace_id=tx.workspace_id)


async def contacts(tx: Transaction, found: Iterable[Person]) -> dict[Person, ContactId]:
    """Those who are contacts; these stay locked against deletion."""
    known = await look_up(tx, found)
    ids = sorted(set(known.values()))
    held = await tx.all(SQL["hold"], workspace_id=tx.workspace_id, ids=ids)
    there = {row["id"] for row in held}
    return {person: contact for person, contact in known.items() if contact in there}


async def look_up(tx: Transaction, found: Iterable[Person]) -> dict[Person, ContactId]:
    """The same without locking them, for who locks them otherwise."""
    people = list(dict.fromkeys(found))
    rows = await tx.all(
        SQL["contacts"],
        workspace_id=tx.workspace_id,
        channels=[one.channel_id for one in people],
        keys=[one.key for one in people],
        user_ids=[one.user_id for one in people],
    )
    return {people[row["place"] - 1]: ContactId(row["contact_id"]) for row in rows}


async def welcome(tx: Transaction, strangers: Iterable[Person]) -> bool:
    """Make contacts of people with numbers that could be written to; False if there were none.

    An opt-out of theirs then holds for whoever imports them later.
    """
    made: dict[str, Person] = {}
    for one in strangers:
        if one.key and _is_number(one.digits):
            made[one.key] = one if one.name else made.get(one.key, one)
    if made:
        order = sorted(made)
        await tx.run(
            SQL["welcome"],
            workspace_id=tx.workspace_id,
            keys=order,
            numbers=[made[key].digits for key in order],
            names=[made[key].name for key in order],
            source=INBOX,
        )
    return bool(made)


def _is_number(digits: str) -> bool:
    try:
        phones.parse(f"+{digits}")
    except phones.PhoneError:
        return False
    return True


async def learn(
    tx: Transaction, known: Mapping[tuple[ChannelId, str], tuple[ContactId, datetime]]
) -> list[ContactId]:
    """Keep what providers call contacts; of one id the latest word holds.

    Returns those of whom that is news.

    Args:
        tx: Inside the workspace.
        known: Channel and the provider's id → the contact, and when that was said.
    """
    if not known:
        return []
    order = sorted(known.items())
    rows = await tx.all(
        SQL["learn"],
        workspace_id=tx.workspace_id,
        channels=[channel for (channel, _), _ in order],
        user_ids=[user_id for (_, user_id), _ in order],
        contacts=[contact for _, (contact, _) in order],
        times=[at for _, (_, at) in order],
    )
    return [ContactId(row["contact_id"]) for row in rows]


async def adopt(tx: Transaction, known: Mapping[Person, ContactId]) -> None:
    """Give contacts the conversations that they had before anybody knew who they were."""
    names = [
        (person.channel_id, name, contact)
        for person, contact in known.items()
        for name in (person.key, person.user_id)
        if name
    ]
    if not names:
        return
    rows = await tx.all(
        SQL["alone"],
        workspace_id=tx.workspace_id,
        channels=[channel for channel, _, _ in names],
        names=[name for _, name, _ in names],
        contacts=[contact for _, _, contact in names],
    )
    for row in rows:  # each of them once in its life
        if await tx.run(SQL["adopt"], workspace_id=tx.workspace_id, **row):
            continue
        for step in _JOINING:
            await tx.run(SQL[step], workspace_id=tx.workspace_id, **row)


_JOINING: Sequence[str] = (
    "hold_alone",
    "join_messages",
    "join_changes",
    "join_conversations",
    "drop_alone",
)
