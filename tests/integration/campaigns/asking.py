"""A campaign as one may ask for it."""

from typing import Any

from tests import factories

from recado.domain.ids import ChannelId, ContactId, WorkspaceId
from recado.platform.runtime import Runtime

TEXT = "Olá {nome}, assembleia do {condominio} amanhã."


async def wish(
    runtime: Runtime, workspace: WorkspaceId, *, contacts: int = 3, **changes: Any
) -> dict[str, Any]:
    """A campaign to so many new contacts, through a new channel where none is given."""
    people: list[ContactId] = await factories.contacts(runtime, workspace, contacts)
    given: dict[str, Any] = {
        "name": "Assembleia",
        "audience": {"contact_ids": people},
        "content": {"type": "text", "text": TEXT},
        **changes,
    }
    if "channel_ids" not in given:
        channel: ChannelId = await factories.bare_channel(runtime, workspace)
        given["channel_ids"] = [channel]
    return given
