"""Tags by name: made when first used, the same in upper and lower case."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recado.domain.ids import ContactId
from recado.platform import sql
from recado.platform.postgres import Transaction

SQL = sql.load(__package__)


@dataclass(frozen=True, slots=True)
class ContactsOfTag:
    """A tag and how many contacts have it."""

    id: int
    name: str
    contacts: int


async def ensure(tx: Transaction, names: Sequence[str]) -> list[int]:
    """Ids of the tags with these names, made where they are missing."""
    if not names:
        return []
    await tx.run(SQL["add_tags"], names=list(names))
    return sorted(row["id"] for row in await tx.all(SQL["tag_ids"], names=list(names)))


async def replace(tx: Transaction, contact_id: ContactId, names: Sequence[str]) -> None:
    """Give a contact exactly these tags."""
    tag_ids = await ensure(tx, names)
    await tx.run(SQL["untag_contact"], contact_id=contact_id, tag_ids=tag_ids)
    await tx.run(SQL["tag_contact"], contact_id=contact_id, tag_ids=tag_ids)


async def of(tx: Transaction, contact_ids: Iterable[int]) -> dict[int, list[str]]:
    """Names of each contact's tags, in alphabetical order."""
    names: dict[int, list[str]] = defaultdict(list)
    for row in await tx.all(SQL["tags_of"], contact_ids=list(contact_ids)):
        names[row["contact_id"]].append(row["name"])
    return names


async def page(tx: Transaction, *, before: int | None, limit: int) -> list[ContactsOfTag]:
    """Tags with ids under ``before``, newest first."""
    rows = await tx.all(SQL["tags"], before_id=before, at_most=limit)
    return [ContactsOfTag(**row) for row in rows]


async def named(tx: Transaction, name: str) -> int | None:
    """The id of the tag with this name."""
    found: int | None = await tx.value(SQL["tag_named"], name=name)
    return found
