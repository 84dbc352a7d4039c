"""Showing conversations, and what was said in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recado.domain import conversations
from recado.domain.errors import NotFound
from recado.domain.ids import ChannelId, ContactId, ConversationId, MessageId
from recado.features.inbox.read_marks import SQL
from recado.features.inbox.schemas import ConversationShown, ItemShown
from recado.platform import clock
from recado.platform.postgres import Row, Transaction
from recado.providers.registry import provider

LAST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Position = tuple[int, int]  # microseconds since 1970, and what tells those of one moment apart


@dataclass(frozen=True, slots=True)
class Filter:
    """Which conversations to show; what is None does not matter."""

    unread: bool = False
    channel_id: ChannelId | None = None
    contact_id: ContactId | None = None


async def page(
    tx: Transaction, chosen: Filter, *, before: Position | None, limit: int
) -> list[ConversationShown]:
    """Conversations, those with the newest message first."""
    at, rank = _before(before)
    asked = {
        "workspace_id": tx.workspace_id,
        "before_at": at,
        "before_id": rank,
        "channel_id": chosen.channel_id,
        "most": limit,
    }
    if chosen.contact_id is not None:
        given = {"contact_id": chosen.contact_id, "unread": chosen.unread}
        rows = await tx.all(SQL["of_contact"], **asked, **given)
    else:
        rows = await tx.all(SQL["unread_first" if chosen.unread else "newest_first"], **asked)
    return await _shown(tx, [row["id"] for row in rows])


async def get(tx: Transaction, conversation_id: ConversationId) -> ConversationShown:
    """One conversation; raises NotFound."""
    found = await _shown(tx, [conversation_id])
    if not found:
        raise NotFound("conversation")
    return found[0]


async def items(
    tx: Transaction, conversation_id: ConversationId, *, before: Position | None, limit: int
) -> list[ItemShown]:
    """What was said, the newest first, with what campaigns sent; raises NotFound."""
    if not await _shown(tx, [conversation_id]):
        raise NotFound("conversation")
    return [_item(row) for row in await _items(tx, conversation_id, before, limit)]


async def message(
    tx: Transaction, conversation_id: ConversationId, message_id: MessageId
) -> ItemShown:
    """One message of a conversation; raises NotFound."""
    rows = await _items(tx, conversation_id, None, 1, only=message_id)
    if not rows:
        raise NotFound("message")
    return _item(rows[0])


def position(shown: ConversationShown | ItemShown) -> Position:
    """Where in its list something stands."""
    if isinstance(shown, ConversationShown):
        return _us(shown.last_message_at), shown.id
    return _us(shown.at), shown.id * 2 + (shown.kind == "campaign")


async def _shown(tx: Transaction, ids: Sequence[int]) -> list[ConversationShown]:
    now = clock.now()
    rows = await tx.all(SQL["shown"], workspace_id=tx.workspace_id, ids=list(ids))
    return [_conversation(row, now) for row in rows]


def _conversation(row: Row, now: datetime) -> ConversationShown:
    is_open = conversations.is_open(row["last_inbound_at"], now)
    free = not provider(row.pop("provider")).capabilities.conversations_only
    wanted = row["opted_out_at"] is None
    deleted = row.pop("channel_deleted")
    return ConversationShown(
        open_until=conversations.open_until(row["last_inbound_at"]) if is_open else None,
        may_answer=not deleted and (is_open or (free and wanted)),
        **row,
    )


async def _items(
    tx: Transaction,
    conversation_id: ConversationId,
    before: Position | None,
    limit: int,
    *,
    only: MessageId | None = None,
) -> list[Row]:
    at, rank = _before(before)
    return await tx.all(
        SQL["items"],
        workspace_id=tx.workspace_id,
        conversation_id=conversation_id,
        before_at=at,
        before_rank=rank,
        most=limit,
        only=only,
    )


def _item(row: Row) -> ItemShown:
    gone = row["revoked_at"] is not None
    edited = row.pop("edited_text")
    del row["rank"], row["of_campaign"]
    if edited is not None:
        row["text"] = edited
    if gone:
        row |= {"text": "", "media": None, "place": None, "content": None}
    row["reaction"] = row["reaction"] or None
    return ItemShown(**row)


def _before(given: Position | None) -> tuple[datetime, int]:
    if given is None:
        return datetime.max.replace(tzinfo=UTC), LAST
    try:
        return _EPOCH + given[0] * _MICROSECOND, given[1]
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC), LAST


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
