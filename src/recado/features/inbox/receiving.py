"""What people did, as callbacks tell it.

The same events may come again, and late: nothing here may be done twice, and the order is that of
their own times.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.phones import phone_key
from recado.features.limits import limiter
from recado.platform import sql
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.events import CallbackEvent, CallEvent, FromPerson, InboundEvent

SQL = sql.load(__package__)


async def take_in(
    runtime: Runtime, workspace_id: WorkspaceId, people: Sequence[tuple[ChannelId, CallbackEvent]]
) -> None:
    """Keep what people did, each with the channel that it came through."""
    written = [
        (channel, event)
        for channel, event in people
        if isinstance(event, InboundEvent) or (isinstance(event, CallEvent) and event.incoming)
    ]  # Meta: a call opens a conversation as a message does
    if not written:
        return
    async with runtime.db.workspace(workspace_id) as tx:
        await _note_conversations(tx, written)
    # With Redis away nothing leaves either, so there is no limit to count against.
    with suppress(RedisError, OSError):
        counts = Counter(channel for channel, _ in written)
        await limiter.count_inbound(runtime.redis, workspace_id, counts)


async def _note_conversations(
    tx: Transaction, written: Sequence[tuple[ChannelId, FromPerson]]
) -> None:
    """Remember to which number each contact has written; of strangers nothing is kept."""
    await tx.run(
        SQL["note_conversations"],
        workspace_id=tx.workspace_id,
        channels=[channel for channel, _ in written],
        keys=[phone_key(event.sender) for _, event in written],
        times=[event.at for _, event in written],
    )
