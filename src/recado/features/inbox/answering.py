"""A person's answer: checked before it is put into the conversation."""

from collections.abc import Mapping
from typing import Any

from recado.domain import conversations, links
from recado.domain.conversations import Shut
from recado.domain.errors import Conflict, InvalidInput, NotFound
from recado.domain.ids import ConversationId, MessageId
from recado.features.dispatch import contents
from recado.features.inbox import outgoing
from recado.features.inbox.read_marks import SQL
from recado.platform import clock, settings
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import Unsupported, lacking
from recado.providers.content import Media, Template
from recado.providers.registry import provider


class ConversationClosed(Conflict):
    code = "conversation_closed"
    sentence = (
        "This person has not written for 24 hours, and the provider now takes templates only. "
        "Send a template, or wait until they write."
    )


class PersonOptedOut(Conflict):
    code = "person_opted_out"
    sentence = "This person wants no more messages. They can be answered once they write again."


class ChannelGone(Conflict):
    code = "channel_gone"
    sentence = "The channel of this conversation was deleted, so nothing can be sent through it."


class TooLong(InvalidInput):
    code = "text_too_long"
    sentence = "The text has {length} characters; {most} are the most. Shorten it."


async def answer(
    tx: Transaction,
    runtime: Runtime,
    conversation_id: ConversationId,
    content: Mapping[str, Any],
    *,
    author: str,
) -> MessageId:
    """Have somebody's answer sent.

    Raises:
        NotFound: The workspace has no such conversation.
        ConversationClosed, PersonOptedOut, ChannelGone: It may not be sent now.
        Unsupported, TooLong, InvalidLink: It cannot be sent there as it is.
    """
    rows = await tx.all(SQL["shown"], workspace_id=tx.workspace_id, ids=[conversation_id])
    if not rows:
        raise NotFound("conversation")
    row, said = rows[0], contents.unfilled(content)
    if row["channel_deleted"]:
        raise ChannelGone
    capabilities = provider(row["provider"]).capabilities
    if missing := lacking(capabilities, said):
        raise Unsupported(provider=row["provider"], what=missing)
    text = outgoing.text_of(content)
    most = capabilities.longest_caption if isinstance(said, Media) else capabilities.longest_text
    if len(text) > most:
        raise TooLong(length=len(text), most=most)
    for link in contents.links(said):
        links.check(link, allow_private=settings.sending().allow_private_links)
    why = conversations.shut(
        is_open=conversations.is_open(row["last_inbound_at"], clock.now()),
        opted_out=row["opted_out_at"] is not None,
        needs_template=capabilities.conversations_only and not isinstance(said, Template),
    )
    if why is not None:
        raise PersonOptedOut if why is Shut.OPTED_OUT else ConversationClosed
    return await outgoing.put(tx, runtime, conversation_id, content, author=author)
