"""Lists of contacts."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from recado.api import paging
from recado.api.access import Operator, Viewer
from recado.api.idempotency import IdempotentRoute
from recado.domain.ids import ContactId, ListId
from recado.features.audiences import lists
from recado.features.contacts.schemas import Label, RawPhone

MOST_AT_ONCE = 10_000
LARGEST_ID = 2**63 - 1

router = APIRouter(prefix="/api/v1", tags=["lists"], route_class=IdempotentRoute)

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Ids = Annotated[list[Annotated[int, Field(ge=1, le=LARGEST_ID)]], Field(max_length=MOST_AT_ONCE)]


class NewList(BaseModel):
    """A list to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Label


class ListShown(BaseModel):
    """A list and how many contacts are on it."""

    id: int
    name: str
    contacts: int
    created_at: datetime


class NewMembers(BaseModel):
    """Who is to be on the list, by id or by phone."""

    model_config = ConfigDict(extra="forbid")

    contact_ids: Ids = Field(default_factory=list)
    phones: Annotated[list[RawPhone], Field(max_length=MOST_AT_ONCE)] = Field(default_factory=list)


class FormerMembers(BaseModel):
    """Who is to be taken off the list."""

    model_config = ConfigDict(extra="forbid")

    contact_ids: Ids


class AddedShown(BaseModel):
    """What adding came to; whom the workspace does not know is named, not added."""

    added: int
    present: int = Field(description="how many were on the list before")
    unknown_contact_ids: list[int]
    unknown_phones: list[str]


class RemovedShown(BaseModel):
    """What removing came to."""

    removed: int


@router.post("/lists", status_code=HTTP_201_CREATED)
async def create_list(access: Operator, new: NewList) -> ListShown:
    """Add an empty list; a name that another list has is refused with 409."""
    async with access.transaction() as tx:
        return _shown(await lists.create(tx, new.name))


@router.get("/lists")
async def list_lists(
    access: Viewer, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[ListShown]:
    """Lists, newest first."""
    async with access.transaction() as tx:
        found = await lists.page(tx, before=paging.decode(cursor), limit=limit + 1)
    return paging.Page(
        items=[_shown(each) for each in found[:limit]],
        next_cursor=paging.encode(found[limit - 1].id) if len(found) > limit else None,
    )


@router.get("/lists/{list_id}")
async def get_list(access: Viewer, list_id: Id) -> ListShown:
    """One list."""
    async with access.transaction() as tx:
        return _shown(await lists.get(tx, ListId(list_id)))


@router.delete("/lists/{list_id}", status_code=HTTP_204_NO_CONTENT)
async def delete_list(access: Operator, list_id: Id) -> None:
    """Remove a list; its contacts stay."""
    async with access.transaction() as tx:
        await lists.delete(tx, ListId(list_id))


@router.post("/lists/{list_id}/contacts")
async def add_to_list(access: Operator, list_id: Id, members: NewMembers) -> AddedShown:
    """Put contacts on a list; those on it already stay as they are."""
    async with access.transaction() as tx:
        added = await lists.add(
            tx,
            ListId(list_id),
            contact_ids=members.contact_ids,
            given_phones=members.phones,
        )
    return AddedShown(
        added=added.added,
        present=added.present,
        unknown_contact_ids=added.unknown_contact_ids,
        unknown_phones=added.unknown_phones,
    )


@router.delete("/lists/{list_id}/contacts")
async def take_off_list(access: Operator, list_id: Id, members: FormerMembers) -> RemovedShown:
    """Take contacts off a list; they stay contacts."""
    async with access.transaction() as tx:
        removed = await lists.remove(tx, ListId(list_id), map(ContactId, members.contact_ids))
    return RemovedShown(removed=removed)


def _shown(each: lists.ContactsOfList) -> ListShown:
    return ListShown(id=each.id, name=each.name, contacts=each.contacts, created_at=each.created_at)
