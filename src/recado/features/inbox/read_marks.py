"""Reading: here at once, and at the provider where it can be shown, by a job."""

from recado.domain.errors import NotFound
from recado.domain.ids import ConversationId, WorkspaceId
from recado.features.channels.models import Channel
from recado.features.channels.service import opened_channel
from recado.features.inbox import feed
from recado.platform import logging, sql
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import CallFailed, Transport, Unsupported

log = logging.get(__name__)
SQL = sql.load(__package__, "reading.sql")

MOST_SHOWN = 10  # of a conversation at once; the newest


async def read(tx: Transaction, runtime: Runtime, conversation_id: ConversationId) -> None:
    """Note that somebody has read a conversation, and have its sender shown that.

    Raises:
        NotFound: The workspace has no such conversation.
    """
    row = await tx.one(SQL["read"], workspace_id=tx.workspace_id, conversation_id=conversation_id)
    if row is None:
        raise NotFound("conversation")
    if not row["unread"]:
        return
    workspace_id = tx.workspace_id
    await runtime.queue.defer(
        tx,
        "inbox:mark_read",
        once=f"read {workspace_id}.{conversation_id}",
        workspace_id=workspace_id,
        conversation_id=conversation_id,
        most=min(row["unread"], MOST_SHOWN),
    )
    tx.after_commit(lambda: feed.publish(runtime.redis, workspace_id, [conversation_id]))


async def show(
    runtime: Runtime,
    transport: Transport,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    *,
    most: int,
) -> None:
    """Tell the provider that the newest messages of a conversation were read, if it can show that.

    Raises:
        CallFailed: It did not take it; asking again may help.
    """
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(
            SQL["newest"], workspace_id=workspace_id, conversation_id=conversation_id, most=most
        )
        found = (
            await tx.session.get(Channel, (workspace_id, rows[0]["channel_id"])) if rows else None
        )
    if found is None or found.deleted_at is not None:
        return
    channel = opened_channel(found, runtime)
    if not channel.adapter.capabilities.read_marks:
        return
    for row in rows:
        try:
            await channel.adapter.mark_read(
                transport, channel.config, row["provider_id"], sender=row["sender"] or ""
            )
        except Unsupported:
            return
        except CallFailed as error:
            log.info("not shown as read", conversation=conversation_id, error=str(error))
            raise
