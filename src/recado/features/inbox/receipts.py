"""What becomes of messages of ours that were sent in conversations, as callbacks tell it."""

from collections.abc import Sequence

from recado.domain.ids import ChannelId, MessageReference, Reference
from recado.features.inbox import feed
from recado.platform import sql
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.events import StatusEvent

SQL = sql.load(__package__, "receipts.sql")


async def take_in(
    tx: Transaction, runtime: Runtime, reports: Sequence[tuple[ChannelId, StatusEvent, str]]
) -> None:
    """Raise the states of messages, never lowering one, in one statement.

    Args:
        tx: Inside the workspace. Messages are locked in it, in the order of their ids.
        runtime: Whose watchers are told after the commit.
        reports: Each with its channel and with the state of ours that the provider's word stands
            for.
    """
    told = [one for one in reports if Reference.parse(one[1].reference or "") is None]
    if not told:
        return
    references = [MessageReference.parse(event.reference or "") for _, event, _ in told]
    found = [event.fault for _, event, _ in told]
    rows = await tx.all(
        SQL["raise"],
        workspace_id=tx.workspace_id,
        channels=[channel for channel, _, _ in told],
        messages=[one.message_id if one else None for one in references],
        provider_ids=[event.provider_id or None for _, event, _ in told],
        statuses=[status for _, _, status in told],
        times=[event.at for _, event, _ in told],
        codes=[fault.code if fault else None for fault in found],
        classes=[fault.error_class.value if fault else None for fault in found],
        details=[fault.detail if fault else None for fault in found],
    )
    moved, workspace_id = [row["conversation_id"] for row in rows], tx.workspace_id
    tx.after_commit(lambda: feed.publish(runtime.redis, workspace_id, moved))
