"""People who write to a number, and what became of it."""

import itertools
from typing import Any

from recado.domain.ids import ChannelId, ContactId, WorkspaceId
from recado.features.inbox import receiving
from recado.platform.runtime import Runtime
from recado.providers.events import CallbackEvent

_numbers = itertools.count(91_000_0001)


async def contact_with(runtime: Runtime, workspace: WorkspaceId) -> tuple[ContactId, str]:
    """A contact, and the digits of its number."""
    digits = f"55319{next(_numbers) % 10**8:08d}"
    async with runtime.db.workspace(workspace) as tx:
        made = await tx.value(
            "INSERT INTO contact (workspace_id, name, phone, phone_key)"
            " VALUES (current_workspace_id(), 'Ana Lima', '+' || %(digits)s, %(digits)s)"
            " RETURNING id",
            digits=digits,
        )
    return ContactId(made), digits


async def take_in(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId, *events: CallbackEvent
) -> None:
    """Have events of one channel taken in."""
    await receiving.take_in(runtime, workspace, [(channel, event) for event in events])


async def conversations(runtime: Runtime, workspace: WorkspaceId) -> list[dict[str, Any]]:
    """All of a workspace's."""
    async with runtime.db.workspace(workspace) as tx:
        return await tx.all("SELECT * FROM conversation ORDER BY id")


async def messages(runtime: Runtime, workspace: WorkspaceId) -> list[dict[str, Any]]:
    """All of a workspace's, in the order of their times."""
    async with runtime.db.workspace(workspace) as tx:
        return await tx.all("SELECT * FROM message ORDER BY at, id")
