"""One answer to whoever opted out or in by writing to us: it was heard, and how to take it back."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from recado.domain.errors import NotFound
from recado.domain.ids import ChannelId, ContactId, WorkspaceId
from recado.domain.optout import Wish, key
from recado.features.inbox import outgoing
from recado.features.wishes import settings
from recado.features.wishes.queries import SQL
from recado.features.workspaces import service as workspaces
from recado.platform import clock, i18n
from recado.platform.i18n import mark
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

TASK: Final = "wishes:confirm"
AT_ONCE: Final = 200  # confirmations of one job
# Later it would come out of the blue, and Meta takes an answer within 24 hours alone.
LATEST: Final = timedelta(hours=23)
TEXTS: Final[Mapping[Wish, str]] = {
    Wish.OUT: mark("You will get no more messages from us. To get them again, write START."),
    Wish.IN: mark("You will get our messages again. To stop them, write STOP."),
}
PORTUGUESE: Final = frozenset({"BR", "PT", "AO", "MZ", "CV", "GW", "ST", "TL"})


async def texts(tx: Transaction) -> dict[Wish, str]:
    """What is answered where the workspace has no texts of its own, in its country's language."""
    country = (await workspaces.current(tx)).country
    words = i18n.translator(i18n.LOCALES[country not in PORTUGUESE])
    return {wish: words.gettext(text) for wish, text in TEXTS.items()}


async def defer(
    runtime: Runtime, tx: Transaction, saved: Mapping[str, Any], changes: Sequence[int]
) -> None:
    """Have the people of these changes answered, where the workspace wants that."""
    if not saved.get("confirm", True):
        return
    for first in range(0, len(changes), AT_ONCE):
        some = ",".join(map(str, changes[first : first + AT_ONCE]))
        await runtime.queue.defer(tx, TASK, workspace_id=tx.workspace_id, changes=some)


async def confirm(runtime: Runtime, workspace_id: WorkspaceId, changes: Iterable[int]) -> None:
    """Answer whoever still wants what they said; done again, nobody is answered twice."""
    async with runtime.db.workspace(workspace_id) as tx:
        saved = await settings.saved(tx)
        answers = await texts(tx)
        answers |= {wish: own for wish in Wish if (own := saved.get(key(wish, "confirmation")))}
        rows = await tx.all(SQL["to_confirm"], changes=sorted(changes), since=clock.now() - LATEST)
    for row in rows:
        with suppress(NotFound):  # the contact or the channel is gone
            async with runtime.db.workspace(workspace_id) as tx:
                conversation = await outgoing.conversation_of(
                    tx,
                    contact_id=ContactId(row["contact_id"]),
                    channel_id=ChannelId(row["channel_id"]),
                )
                text = answers[Wish(row["status"])]
                await outgoing.put(
                    tx,
                    runtime,
                    conversation,
                    {"type": "text", "text": text},
                    key=f"consent:{row['id']}",
                )
