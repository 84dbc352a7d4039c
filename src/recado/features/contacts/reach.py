"""Whether WhatsApp has a contact's number, as sending to it has shown."""

from collections.abc import Sequence
from typing import Literal

from recado.domain.ids import ContactId, WorkspaceId
from recado.platform import sql
from recado.platform.postgres import Database

SQL = sql.load(__package__)


async def note(
    db: Database,
    workspace_id: WorkspaceId,
    contacts: Sequence[ContactId],
    status: Literal["dead", "valid"],
) -> None:
    """Keep what became known, in a transaction of its own; who waits is not held up by it."""
    if contacts:
        async with db.workspace(workspace_id) as tx:
            await tx.run(SQL["note_reach"], contacts=sorted(set(contacts)), status=status)
