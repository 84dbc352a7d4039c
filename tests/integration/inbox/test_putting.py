"""A message of ours is put into a conversation once, by whoever asks however often."""

import pytest
from tests import factories

from recado.domain.errors import NotFound
from recado.domain.ids import ChannelId, ContactId, ConversationId, WorkspaceId
from recado.features.inbox import outgoing
from recado.platform.runtime import Runtime

HELLO = {"type": "text", "text": "Olá {nome}"}


async def begun(runtime: Runtime, workspace: WorkspaceId) -> ConversationId:
    [contact] = await factories.contacts(runtime, workspace, 1)
    channel = await factories.bare_channel(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        found = await outgoing.conversation_of(tx, contact_id=contact, channel_id=channel)
        again = await outgoing.conversation_of(tx, contact_id=contact, channel_id=channel)
    assert found == again
    return found


async def test_the_same_key_is_the_same_message(runtime: Runtime, workspace: WorkspaceId) -> None:
    place = await begun(runtime, workspace)
    found = []
    for _ in range(2):
        async with runtime.db.workspace(workspace) as tx:
            found.append(await outgoing.put(tx, runtime, place, HELLO, key="optout"))
            found.append(await outgoing.put(tx, runtime, place, HELLO, author="user:1"))
    assert found[0] == found[2]
    assert len(set(found)) == 3
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all("SELECT kind, text, status, author FROM message ORDER BY id")
    assert [row["author"] for row in rows] == ["system", "user:1", "user:1"]
    assert rows[0] == {
        "kind": "text",
        "text": "Olá {nome}",
        "status": "pending",
        "author": "system",
    }


async def test_a_file_is_kept_with_what_it_is(runtime: Runtime, workspace: WorkspaceId) -> None:
    place = await begun(runtime, workspace)
    boleto = {
        "type": "media",
        "media_type": "document",
        "link": "https://example.org/a.pdf",
        "caption": "Boleto",
        "filename": "a.pdf",
    }
    async with runtime.db.workspace(workspace) as tx:
        await outgoing.put(tx, runtime, place, boleto)
        row = await tx.one("SELECT kind, text, media FROM message")
    assert row == {
        "kind": "document",
        "text": "Boleto",
        "media": {"filename": "a.pdf", "url": "https://example.org/a.pdf"},
    }


async def test_nothing_is_put_where_there_is_no_conversation(
    runtime: Runtime, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    place = await begun(runtime, other_workspace)
    async with runtime.db.workspace(workspace) as tx:
        with pytest.raises(NotFound):
            await outgoing.put(tx, runtime, place, HELLO)
        with pytest.raises(NotFound):
            await outgoing.conversation_of(tx, contact_id=ContactId(1), channel_id=ChannelId(2**40))
