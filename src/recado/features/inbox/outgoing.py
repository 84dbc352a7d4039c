"""Putting a message of ours into a conversation. It leaves by a job of its own: see sending.py."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from recado.domain.errors import NotFound
from recado.domain.ids import ChannelId, ContactId, ConversationId, MessageId
from recado.features.inbox import feed
from recado.platform import sql
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

SQL = sql.load(__package__, "outgoing.sql")

SYSTEM = "system"  # the author of what nobody typed


async def conversation_of(
    tx: Transaction, *, contact_id: ContactId, channel_id: ChannelId
) -> ConversationId:
    """The conversation of a contact with a number; there is one from now on.

    Raises:
        NotFound: The workspace has no such contact, or no such channel.
    """
    found = await tx.value(SQL["begin"], contact_id=contact_id, channel_id=channel_id)
    if found is None:
        raise NotFound("contact or channel")
    return ConversationId(found)


async def put(
    tx: Transaction,
    runtime: Runtime,
    conversation_id: ConversationId,
    content: Mapping[str, Any],
    *,
    author: str = SYSTEM,
    key: str | None = None,
) -> MessageId:
    """Have something sent in a conversation, once this transaction is durable.

    Whether it may leave is looked at when it does: within 24 hours of the person's last message
    anything may, opted out or not; later what the provider lets begin a conversation, to those who
    have not opted out. What may not ends as failed, and says why.

    Args:
        tx: Inside the workspace. The conversation is locked in it.
        runtime: Whose queue the sending is put on.
        conversation_id: Where.
        content: Of the shape of a campaign's; its texts are sent as they stand.
        author: Who wrote it: a caller's name such as ``user:5``, or ``SYSTEM``.
        key: The same again in this conversation is the same message, and is not sent again.

    Raises:
        NotFound: The workspace has no such conversation.
    """
    if await tx.one(SQL["hold"], conversation_id=conversation_id) is None:
        raise NotFound("conversation")
    row = await tx.one(
        SQL["put"],
        conversation_id=conversation_id,
        kind=kind_of(content),
        text=text_of(content),
        media=_media(content),
        content=Jsonb(dict(content)),
        author=author,
        key=key,
    )
    if row is None:  # it is held
        raise LookupError(f"conversation {conversation_id} took no message")
    message_id, workspace_id = MessageId(row["id"]), tx.workspace_id
    if row["made"]:
        await defer_sending(runtime, tx, message_id, conversation_id)
        tx.after_commit(lambda: feed.publish(runtime.redis, workspace_id, [conversation_id]))
    return message_id


async def defer_sending(
    runtime: Runtime,
    tx: Transaction,
    message_id: MessageId,
    conversation_id: ConversationId,
    *,
    at: datetime | None = None,
) -> None:
    """Have a message sent, not before ``at``; those of a conversation one after the other."""
    await runtime.queue.defer(
        tx,
        "inbox:send",
        at=at,
        once=f"message {tx.workspace_id}.{message_id}",
        lock=f"conversation {tx.workspace_id}.{conversation_id}",
        workspace_id=tx.workspace_id,
        message_id=message_id,
        conversation_id=conversation_id,
    )


def kind_of(content: Mapping[str, Any]) -> str:
    """What a content is shown as: text, template, or the kind of the file."""
    kind = str(content.get("type", "text"))
    return str(content["media_type"]) if kind == "media" else kind


def text_of(content: Mapping[str, Any]) -> str:
    """What a person reads in it, as far as that is known here: a template's text is not."""
    return str(content.get("text") or content.get("caption") or "")


def _media(content: Mapping[str, Any]) -> Jsonb | None:
    if content.get("type") != "media":
        return None
    given = {
        "id": content.get("media_id"),
        "filename": content.get("filename"),
        "url": content.get("link"),
    }
    return Jsonb({name: value for name, value in given.items() if value})
