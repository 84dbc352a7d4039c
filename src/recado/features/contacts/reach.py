"""Whether WhatsApp has a contact's number, as sending to it and asking for it have shown.

Meta's refusal 131026 is no proof: people who have blocked us, old apps and terms not accepted bring
it too. A number is taken for dead after `DEAD_AFTER` runs have failed for it with nothing between
them that reached the person; or at once, where a provider was asked and does not know it. What
reaches the person later, or comes from there, makes it valid again. All of it goes by the times of
what happened, so it does not matter in which order it becomes known.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from recado.domain.ids import ContactId, WorkspaceId
from recado.platform import clock, sql
from recado.platform.postgres import Database, Transaction
from recado.providers.base import NumberCheck

SQL = sql.load(__package__)

# Twice may be a coincidence of one bad day; but every message to a dead number costs reputation.
DEAD_AFTER: Final = 2


async def missed(db: Database, workspace_id: WorkspaceId, contacts: Iterable[ContactId]) -> None:
    """Messages to these have just failed as if WhatsApp did not have their numbers."""
    await _settle(db, workspace_id, contacts, known="dead")


async def reached(db: Database, workspace_id: WorkspaceId, contacts: Iterable[ContactId]) -> None:
    """Messages to these have arrived, or have come from them."""
    await _settle(db, workspace_id, contacts, known="valid")


async def note(
    db: Database,
    workspace_id: WorkspaceId,
    contacts: Iterable[ContactId],
    status: Literal["dead", "valid"],
) -> None:
    """A provider that knows has said so of these, just now."""
    chosen = sorted(set(contacts))
    if not chosen:
        return
    async with db.workspace(workspace_id) as tx:
        await tx.run(SQL["note_reach"], contacts=chosen, status=status, now=clock.now())
        if status == "dead":
            await _leave_out(tx, chosen)


async def note_checks(
    tx: Transaction, contacts: Sequence[ContactId], answers: Sequence[NumberCheck]
) -> None:
    """Keep what a provider has answered about contacts, one answer each, in their order.

    A contact whose phone has been changed since it was asked for is left as it is.
    """
    await tx.run(
        SQL["note_checks"],
        contacts=contacts,
        numbers=[answer.number for answer in answers],
        statuses=["valid" if answer.exists else "dead" for answer in answers],
        wa_ids=[answer.wa_id for answer in answers],
        now=clock.now(),
    )
    dead = [one for one, answer in zip(contacts, answers, strict=True) if not answer.exists]
    await _leave_out(tx, dead)


async def _settle(
    db: Database,
    workspace_id: WorkspaceId,
    contacts: Iterable[ContactId],
    *,
    known: str,
) -> None:
    """Weigh what is on record, in a transaction of its own: contacts are locked before deliveries.

    ``known``: those of whom it is are left alone. Who is being changed by somebody else at this
    moment is weighed another time, so nobody is held up.
    """
    chosen = sorted(set(contacts))
    if not chosen:
        return
    async with db.workspace(workspace_id) as tx:
        rows = await tx.all(
            SQL["settle_reach"], contacts=chosen, known=known, dead_after=DEAD_AFTER
        )
        await _leave_out(tx, [row["id"] for row in rows if row["wa_status"] == "dead"])


async def _leave_out(tx: Transaction, contacts: Sequence[int]) -> None:
    """What waits for numbers found dead is not sent, where the campaign leaves such out."""
    if contacts:
        await tx.run(SQL["leave_out_dead"], contacts=sorted(contacts))
