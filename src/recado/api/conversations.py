"""Conversations: who wrote, what was said, and answering."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.status import HTTP_201_CREATED

from recado.api import paging
from recado.api.access import Operator, Viewer
from recado.api.idempotency import IdempotentRoute
from recado.domain.ids import ChannelId, ContactId, ConversationId
from recado.features.campaigns.schemas import Content
from recado.features.inbox import answering, read_marks, reading
from recado.features.inbox.schemas import ConversationShown, ItemShown

router = APIRouter(
    prefix="/api/v1/conversations", tags=["conversations"], route_class=IdempotentRoute
)

LARGEST_ID = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class Filters(BaseModel):
    """Which conversations to list, and from where."""

    unread: bool = Field(False, description="only those in which something is not read yet")
    channel: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    contact: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    limit: paging.Limit = 50
    cursor: str | None = None


@router.get("")
async def list_conversations(
    access: Viewer, filters: Annotated[Filters, Query()]
) -> paging.Page[ConversationShown]:
    """Conversations, those with the newest message first."""
    chosen = reading.Filter(
        unread=filters.unread,
        channel_id=None if filters.channel is None else ChannelId(filters.channel),
        contact_id=None if filters.contact is None else ContactId(filters.contact),
    )
    before = paging.decode_two(filters.cursor)
    async with access.transaction() as tx:
        found = await reading.page(tx, chosen, before=before, limit=filters.limit + 1)
    return paging.cut_by_two(found, filters.limit, reading.position)


@router.get("/{conversation_id}")
async def get_conversation(access: Viewer, conversation_id: Id) -> ConversationShown:
    """One conversation."""
    async with access.transaction() as tx:
        return await reading.get(tx, ConversationId(conversation_id))


@router.get("/{conversation_id}/messages")
async def list_messages(
    access: Viewer, conversation_id: Id, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[ItemShown]:
    """What was said, the newest first, and what campaigns sent to this person."""
    before = paging.decode_two(cursor)
    async with access.transaction() as tx:
        place = ConversationId(conversation_id)
        found = await reading.items(tx, place, before=before, limit=limit + 1)
    return paging.cut_by_two(found, limit, reading.position)


@router.post("/{conversation_id}/messages", status_code=HTTP_201_CREATED)
async def send_message(access: Operator, conversation_id: Id, content: Content) -> ItemShown:
    """Answer. Texts are sent as they stand; 24 hours after their last message, only a template.

    It leaves before anything that campaigns send; ``status`` says how far it is.
    """
    place = ConversationId(conversation_id)
    given: dict[str, Any] = content.model_dump(mode="json")
    async with access.transaction() as tx:
        message = await answering.answer(tx, access.runtime, place, given, author=access.caller)
        return await reading.message(tx, place, message)


@router.post("/{conversation_id}/read")
async def read_conversation(access: Operator, conversation_id: Id) -> ConversationShown:
    """Mark as read, and show the person so where the provider can."""
    place = ConversationId(conversation_id)
    async with access.transaction() as tx:
        await read_marks.read(tx, access.runtime, place)
        return await reading.get(tx, place)
