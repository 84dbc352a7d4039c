"""Lists: static sets of contacts, known by a name that upper and lower case do not distinguish."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from recado.domain import phones
from recado.domain.errors import Conflict, NotFound
from recado.domain.ids import ContactId, ListId
from recado.features.workspaces import service as workspaces
from recado.platform import sql
from recado.platform.postgres import Row, Transaction

SQL = sql.load(__package__)


class ListExists(Conflict):
    code = "list_exists"
    sentence = "There is a list '{name}' already, with the id {id}. Use it or choose another name."


@dataclass(frozen=True, slots=True)
class ContactsOfList:
    """A list and how many contacts are on it."""

    id: ListId
    name: str
    contacts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Added:
    """What adding contacts to a list came to.

    Attributes:
        added: How many are on it now that were not.
        present: How many were on it before.
        unknown_contact_ids: Ids that no contact of the workspace has.
        unknown_phones: Phones, as they were given, that no contact has or that are none.
    """

    added: int
    present: int
    unknown_contact_ids: list[int]
    unknown_phones: list[str]


async def create(tx: Transaction, name: str) -> ContactsOfList:
    """Add an empty list.

    Raises:
        ListExists: There is one of this name.
    """
    row = await tx.one(SQL["add_list"], name=name)
    if row is None:
        existing = await tx.one(SQL["list_named"], name=name)
        raise ListExists(name=name, id=existing["id"] if existing else 0)
    return _shown({**row, "contacts": 0})


async def ensure(tx: Transaction, name: str) -> ListId:
    """The list of this name, made if there is none."""
    row = await tx.one(SQL["add_list"], name=name) or await tx.one(SQL["list_named"], name=name)
    if row is None:
        raise NotFound("list")
    return ListId(row["id"])


async def named(tx: Transaction, name: str) -> ListId:
    """The list of this name, upper and lower case being the same.

    Raises:
        NotFound: The workspace has no such list.
    """
    row = await tx.one(SQL["list_named"], name=name)
    if row is None:
        raise NotFound("list")
    return ListId(row["id"])


async def get(tx: Transaction, list_id: ListId) -> ContactsOfList:
    """One list.

    Raises:
        NotFound: The workspace has no such list.
    """
    row = await tx.one(SQL["lists"], list_id=list_id, before_id=None, at_most=1)
    if row is None:
        raise NotFound("list")
    return _shown(row)


async def page(tx: Transaction, *, before: int | None, limit: int) -> list[ContactsOfList]:
    """Lists with ids under ``before``, newest first."""
    rows = await tx.all(SQL["lists"], list_id=None, before_id=before, at_most=limit)
    return [_shown(row) for row in rows]


async def delete(tx: Transaction, list_id: ListId) -> None:
    """Remove a list; its contacts stay.

    Raises:
        NotFound: The workspace has no such list.
    """
    if not await tx.run(SQL["delete_list"], list_id=list_id):
        raise NotFound("list")


async def add(
    tx: Transaction,
    list_id: ListId,
    *,
    contact_ids: Sequence[int] = (),
    given_phones: Sequence[str] = (),
) -> Added:
    """Put contacts on a list, by id or by phone; those on it already stay as they are.

    Raises:
        NotFound: The workspace has no such list.
    """
    if await tx.one(SQL["hold_list"], list_id=list_id) is None:
        raise NotFound("list")
    keys = await _keys(tx, given_phones)
    found = await tx.all(
        SQL["hold_contacts"],
        ids=list(contact_ids),
        phone_keys=[key for key in keys.values() if key],
    )
    ids = {row["id"] for row in found}
    known = {row["phone_key"] for row in found}
    added = await tx.run(SQL["add_members"], list_id=list_id, ids=sorted(ids))
    return Added(
        added=added,
        present=len(ids) - added,
        unknown_contact_ids=[each for each in dict.fromkeys(contact_ids) if each not in ids],
        unknown_phones=[phone for phone, key in keys.items() if key not in known],
    )


async def remove(tx: Transaction, list_id: ListId, contact_ids: Iterable[ContactId]) -> int:
    """Take contacts off a list; says how many were on it.

    Raises:
        NotFound: The workspace has no such list.
    """
    if await tx.one(SQL["hold_list"], list_id=list_id) is None:
        raise NotFound("list")
    return await tx.run(SQL["remove_members"], list_id=list_id, ids=list(contact_ids))


async def _keys(tx: Transaction, given: Sequence[str]) -> dict[str, str | None]:
    """Each phone as it was given, and what identifies its person; None where it is no phone."""
    keys: dict[str, str | None] = {}
    country = (await workspaces.current(tx)).country if given else ""
    for raw in given:
        try:
            keys[raw] = phones.parse(raw, region=country).key
        except phones.PhoneError:
            keys[raw] = None
    return keys


def _shown(row: Row) -> ContactsOfList:
    return ContactsOfList(
        id=ListId(row["id"]),
        name=row["name"],
        contacts=row["contacts"],
        created_at=row["created_at"],
    )
