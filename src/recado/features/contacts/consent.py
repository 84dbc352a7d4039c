"""Who wants no more messages. What waits for such a person is suppressed in the same transaction.

Every wish is kept with its source and its own time, and what holds follows from all of them, in
whatever order they were heard: `standing_opt_outs()` says how. A delivery that is being claimed at
this moment is out of reach from here: whoever claims must look at ``opted_out_at`` itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recado.domain.errors import NotFound
from recado.domain.ids import ChannelId, ContactId
from recado.domain.optout import Wish
from recado.platform import sql
from recado.platform.postgres import Transaction

SQL = sql.load(__package__)


class Source(StrEnum):
    """From where we have it what somebody wants."""

    KEYWORD = "keyword"
    BUTTON = "button"
    PROVIDER_PREFERENCE = "provider_preference"
    """Said to the provider, by a switch of its own; resuming there takes back only what it said."""
    PROVIDER_ERROR = "provider_error"
    """A message came back because of what was said there."""
    API = "api"
    USER = "user"


TO_US = frozenset({Source.KEYWORD, Source.BUTTON})
"""Said in a conversation, where it can be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A wish of one person.

    Attributes:
        contact_id: Whose it is; None of somebody who is no contact yet.
        person: The digits (folded) or the provider's own id: under it the wish of somebody is kept
            who is no contact, or no longer.
        wish: What it is.
        source: From where we have it.
        at: When it was said, by the clock of whoever told us; what lies ahead was said now.
        word: What was said, or the provider's code.
        channel_id: Through which channel it came.
        message_id: The provider's id of the message that said it, or that came back.
        said_by: Who did it here: ``user:1``, ``key:1``.
        event_id: The same one again is the same news.
    """

    contact_id: ContactId | None
    wish: Wish
    source: Source
    at: datetime
    person: str | None = None
    word: str | None = None
    channel_id: ChannelId | None = None
    message_id: str | None = None
    said_by: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Turned:
    """A contact that gets nothing more since now, or gets messages again.

    Attributes:
        contact_id: Who.
        wish: What holds now.
        change_id: The newest of the wishes just heard that was said to us and asked for that; None
            if there was none.
    """

    contact_id: ContactId
    wish: Wish
    change_id: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What some wishes came to.

    Attributes:
        out: Those contacts that want nothing now, whether or not they wanted anything before.
        turned: Those for whom something else holds than before.
        suppressed: How many waiting deliveries that suppressed.
    """

    out: Sequence[ContactId]
    turned: Sequence[Turned]
    suppressed: int


async def record(tx: Transaction, said: Sequence[Said], *, now: datetime) -> Outcome:
    """Keep what some people want, and have it hold; what is known already is passed over.

    A handful of statements for any number of them.
    """
    ids = sorted({one.contact_id for one in said if one.contact_id is not None})
    held = await tx.all(SQL["hold_contacts"], contacts=ids)
    kept = await tx.all(
        SQL["note_consent"],
        now=now,
        contacts=[one.contact_id for one in said],
        persons=[one.person for one in said],
        statuses=[one.wish.value for one in said],
        sources=[one.source.value for one in said],
        times=[one.at for one in said],
        words=[one.word for one in said],
        channels=[one.channel_id for one in said],
        messages=[one.message_id for one in said],
        callers=[one.said_by for one in said],
        events=[one.event_id for one in said],
    )
    decided = await tx.all(SQL["decide_consent"], contacts=ids, now=now)
    is_out = {row["id"]: row["was_out"] for row in held}
    is_out |= {row["id"]: row["is_out"] for row in decided}
    out = [ContactId(contact) for contact in sorted(is_out) if is_out[contact]]
    suppressed = 0
    if out:
        suppressed = await tx.run(
            SQL["settle_pending"], contacts=out, status="suppressed", reason="opted_out"
        )
    newest = {
        (row["contact_id"], row["status"]): row["id"] for row in kept if row["source"] in TO_US
    }
    return Outcome(
        out,
        [
            Turned(ContactId(row["id"]), wish, newest.get((row["id"], wish.value)))
            for row in held
            if is_out[row["id"]] != row["was_out"]
            for wish in (Wish.OUT if is_out[row["id"]] else Wish.IN,)
        ],
        suppressed,
    )


async def opt_out(
    tx: Transaction,
    contact_id: ContactId,
    *,
    source: Source,
    now: datetime,
    said_by: str | None = None,
) -> int:
    """Send a contact nothing more; says how many waiting deliveries that suppressed.

    The first opt-out stands: a repeated one changes neither its time nor its source.

    Raises:
        NotFound: The workspace has no such contact.
    """
    await hold(tx, contact_id)
    said = Said(contact_id=contact_id, wish=Wish.OUT, source=source, at=now, said_by=said_by)
    return (await record(tx, [said], now=now)).suppressed


async def opt_in(
    tx: Transaction,
    contact_id: ContactId,
    *,
    source: Source,
    now: datetime,
    said_by: str | None = None,
) -> None:
    """Take every opt-out back. What it had suppressed stays suppressed.

    Raises:
        NotFound: The workspace has no such contact.
    """
    await hold(tx, contact_id)
    said = Said(contact_id=contact_id, wish=Wish.IN, source=source, at=now, said_by=said_by)
    await record(tx, [said], now=now)


async def heed(tx: Transaction, contacts: Sequence[ContactId]) -> list[ContactId]:
    """Suppress what waits for those who turn out to have wanted nothing before we knew them.

    Their wishes are taken up where they are recognised: by a trigger. Returns who wants nothing.
    """
    held = await tx.all(SQL["hold_opted_out"], contacts=sorted(set(contacts)))
    out = [ContactId(row["id"]) for row in held]
    if out:
        await tx.run(SQL["settle_pending"], contacts=out, status="suppressed", reason="opted_out")
    return out


async def hold(tx: Transaction, contact_id: ContactId) -> None:
    """Lock a contact, before its deliveries.

    Raises:
        NotFound: The workspace has no such contact.
    """
    if not await tx.all(SQL["hold_contacts"], contacts=[contact_id]):
        raise NotFound("contact")


@dataclass(frozen=True, slots=True)
class Change:
    """A wish as it is on record."""

    id: int
    status: str
    source: str
    word: str | None
    channel_id: int | None
    message_id: str | None
    said_by: str | None
    at: datetime
    recorded_at: datetime


async def history(
    tx: Transaction, contact_id: ContactId, *, before: int | None, limit: int
) -> list[Change]:
    """What a contact has wanted, the last that was heard first.

    Raises:
        NotFound: The workspace has no such contact.
    """
    if await tx.one(SQL["contact_there"], contact_id=contact_id) is None:
        raise NotFound("contact")
    rows = await tx.all(SQL["consent_of"], contact_id=contact_id, before=before, at_most=limit)
    return [Change(**row) for row in rows]
