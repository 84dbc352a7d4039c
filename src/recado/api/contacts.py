"""Contacts and their tags."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from recado.api import paging
from recado.api.access import Access, Operator, Viewer
from recado.api.idempotency import IdempotentRoute
from recado.domain.ids import ContactId, ListId
from recado.features.contacts import consent, service, tags
from recado.features.contacts.schemas import ContactChanges, ContactShown, NewContact
from recado.features.gates import service as gates
from recado.platform import clock
from recado.platform.postgres import Transaction

LARGEST_ID = 2**63 - 1

router = APIRouter(prefix="/api/v1", tags=["contacts"], route_class=IdempotentRoute)

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class TagShown(BaseModel):
    """A tag and how many contacts have it."""

    id: int
    name: str
    contacts: int


class ConsentShown(BaseModel):
    """What a contact wanted at a time, and from where that is known."""

    id: int
    status: Literal["out", "in"]
    source: str = Field(
        description="keyword, button, provider_preference, provider_error, api or user"
    )
    word: str | None = Field(description="what was said, or the provider's code")
    channel_id: int | None
    message_id: str | None = Field(description="the provider's, of what said it or came back")
    said_by: str | None = Field(description="who did it here: key:7, user:3")
    at: datetime = Field(description="when it was said: what holds goes by this")
    recorded_at: datetime


class Filters(BaseModel):
    """Which contacts to list, and from where."""

    search: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description="a piece of the name or of the phone"
    )
    tag: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="the name of a tag"
    )
    list: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = Field(
        None, description="the id of a list"
    )
    wa_status: service.Reach | None = Field(
        None, description="whether WhatsApp has the number; unknown: nothing is known of it"
    )
    limit: paging.Limit = 50
    cursor: str | None = None


@router.post("/contacts", status_code=HTTP_201_CREATED)
async def create_contact(access: Operator, new: NewContact) -> ContactShown:
    """Add a contact; a phone that somebody has already is refused with 409."""
    async with access.transaction() as tx:
        return await service.create(tx, new)


@router.get("/contacts")
async def list_contacts(
    access: Viewer, filters: Annotated[Filters, Query()]
) -> paging.Page[ContactShown]:
    """Contacts, newest first."""
    async with access.transaction() as tx:
        found = await service.page(
            tx,
            service.Filter(
                search=filters.search,
                tag=filters.tag,
                list_id=None if filters.list is None else ListId(filters.list),
                reach=filters.wa_status,
            ),
            before=paging.decode(filters.cursor),
            limit=filters.limit + 1,
        )
    return _page(found, filters.limit)


@router.get("/contacts/{contact_id}")
async def get_contact(access: Viewer, contact_id: Id) -> ContactShown:
    """One contact."""
    async with access.transaction() as tx:
        return await service.get(tx, ContactId(contact_id))


@router.patch("/contacts/{contact_id}")
async def change_contact(access: Operator, contact_id: Id, changes: ContactChanges) -> ContactShown:
    """Change the fields named; messages that wait for the contact go to a changed phone."""
    async with access.transaction() as tx:
        return await service.change(tx, ContactId(contact_id), changes, clock.now())


@router.delete("/contacts/{contact_id}", status_code=HTTP_204_NO_CONTENT)
async def delete_contact(access: Operator, contact_id: Id) -> None:
    """Remove a contact and cancel the messages that wait for it."""
    async with access.transaction() as tx:
        await service.delete(tx, ContactId(contact_id))
        _close_gate(tx, access, contact_id, "contact_deleted")


@router.post("/contacts/{contact_id}/opt-out")
async def opt_out(access: Operator, contact_id: Id) -> ContactShown:
    """Send this contact nothing more; messages that wait for it are suppressed."""
    async with access.transaction() as tx:
        await consent.opt_out(
            tx,
            ContactId(contact_id),
            source=_source(access),
            now=clock.now(),
            said_by=access.caller,
        )
        _close_gate(tx, access, contact_id, "opted_out")
        return await service.get(tx, ContactId(contact_id))


@router.post("/contacts/{contact_id}/opt-in")
async def opt_in(access: Operator, contact_id: Id) -> ContactShown:
    """Take an opt-out back."""
    async with access.transaction() as tx:
        await consent.opt_in(
            tx,
            ContactId(contact_id),
            source=_source(access),
            now=clock.now(),
            said_by=access.caller,
        )
        tx.after_commit(
            lambda: gates.open_contacts(
                access.runtime.redis, access.workspace_id, [ContactId(contact_id)]
            )
        )
        return await service.get(tx, ContactId(contact_id))


@router.get("/contacts/{contact_id}/consent")
async def list_consent(
    access: Viewer, contact_id: Id, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[ConsentShown]:
    """Everything that this contact has wanted, the last that was heard first."""
    async with access.transaction() as tx:
        found = await consent.history(
            tx, ContactId(contact_id), before=paging.decode(cursor), limit=limit + 1
        )
    shown = [ConsentShown.model_validate(change, from_attributes=True) for change in found]
    more = len(shown) > limit
    return paging.Page(
        items=shown[:limit], next_cursor=paging.encode(shown[limit - 1].id) if more else None
    )


@router.get("/tags")
async def list_tags(
    access: Viewer, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[TagShown]:
    """Tags, newest first. They come to be by being given to a contact."""
    async with access.transaction() as tx:
        found = await tags.page(tx, before=paging.decode(cursor), limit=limit + 1)
    shown = [TagShown(id=tag.id, name=tag.name, contacts=tag.contacts) for tag in found]
    more = len(shown) > limit
    return paging.Page(
        items=shown[:limit], next_cursor=paging.encode(shown[limit - 1].id) if more else None
    )


def _source(access: Access) -> consent.Source:
    by_key = access.caller.startswith("key:")
    return consent.Source.API if by_key else consent.Source.USER


def _close_gate(tx: Transaction, access: Access, contact_id: int, why: str) -> None:
    """What a driver has claimed for this contact already is to stay here, too."""
    tx.after_commit(
        lambda: gates.close_contacts(
            access.runtime.redis, access.workspace_id, [ContactId(contact_id)], why
        )
    )


def _page(found: list[ContactShown], limit: int) -> paging.Page[ContactShown]:
    more = len(found) > limit
    return paging.Page(
        items=found[:limit], next_cursor=paging.encode(found[limit - 1].id) if more else None
    )
