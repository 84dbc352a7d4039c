"""Applying stored callbacks again: after a fault of ours was mended, or to see what they said.

Everything that callbacks do is done once however often they come, so it is enough to have them wait
again: what was applied right stays as it is, what was missed is made up for.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from recado.domain.errors import InvalidInput
from recado.domain.ids import ChannelId
from recado.features.webhooks.routes import SQL
from recado.features.webhooks.store import defer_applying
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime
from recado.providers.registry import provider


class NothingChosen(InvalidInput):
    code = "no_callbacks_chosen"
    sentence = "Say which callbacks: a channel, a span of time, ids, or those with errors."


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some of a workspace's stored callbacks; what is None does not matter.

    Attributes:
        channel_id: Those of one channel.
        since: Received at this moment or later …
        until: … and before this one.
        ids: These.
        errors: Only those that could not be read or applied.
    """

    channel_id: ChannelId | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: Sequence[int] | None = None
    errors: bool = False

    def parameters(self) -> dict[str, Any]:
        """As the statements take them."""
        return {**asdict(self), "ids": None if self.ids is None else list(self.ids)}


async def page(
    tx: Transaction, chosen: Chosen, *, before: int | None = None, limit: int
) -> list[Row]:
    """Callbacks with ids under ``before``, the newest first.

    Returns:
        Rows of ``id, channel_id, channel, provider, received_at, processed_at, error, bytes``.
    """
    return await tx.all(SQL["stored_page"], before_id=before, at_most=limit, **chosen.parameters())


async def events(tx: Transaction, chosen: Chosen) -> AsyncIterator[Mapping[str, Any]]:
    """What they say, read anew, in the order in which they came; nothing is changed.

    Yields:
        ``callback`` and either ``event``, its kind, with the event's own fields; or ``error``.
    """
    async with tx.streamed(SQL["stored"], **chosen.parameters()) as rows:
        async for row in rows:
            try:
                found = provider(row["provider"]).parse(row["body"], arrived=row["received_at"])
            except ValueError as error:
                yield {"callback": row["id"], "error": str(error)}
                continue
            for event in found:
                kind = type(event).__name__
                yield {"callback": row["id"], "event": kind, **asdict(event)}


async def again(tx: Transaction, runtime: Runtime, chosen: Chosen) -> int:
    """Have them applied again, by the job that applies all; how many they are.

    Raises:
        NothingChosen: All of them were meant, or nothing was.
    """
    if chosen == Chosen():
        raise NothingChosen
    count = await tx.run(SQL["wait_again"], **chosen.parameters())
    if count:
        await defer_applying(runtime, tx, tx.workspace_id)
    return count
