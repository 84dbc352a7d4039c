"""Which message may be sent now, to whom, and the try on record before its request leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recado.domain import conversations
from recado.domain.conversations import Shut
from recado.domain.ids import ChannelId, ContactId, MessageId, MessageReference, WorkspaceId
from recado.domain.limits import Path
from recado.domain.retry import ErrorClass
from recado.features.channels.models import Channel
from recado.features.channels.service import OpenChannel, opened_channel
from recado.features.dispatch import contents
from recado.features.dispatch.transactions import short
from recado.features.limits import paths
from recado.features.settings import service as settings
from recado.platform import clock, sql
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import Message, ProviderFault
from recado.providers.content import Content, Template

SQL = sql.load(__package__, "sending.sql")

LOOK_AGAIN = timedelta(seconds=30)  # whether somebody has mended the channel
IN_TURN = timedelta(seconds=1)
_SHUT = {
    Shut.OPTED_OUT: (ErrorClass.OPT_OUT, "The contact wants no messages."),
    Shut.WINDOW: (
        ErrorClass.WINDOW,
        "24 hours have passed since their last message: only a template may be sent.",
    ),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is to leave now; ``answers``: to somebody who is talking to us.

    ``whom``: the contact; or the conversation, in negative, of who is none.
    """

    reference: MessageReference
    conversation_id: int
    channel: OpenChannel
    message: Message
    whom: ContactId
    contact_id: ContactId | None
    answers: bool
    attempts: int
    path: Path


async def claim(
    runtime: Runtime, workspace_id: WorkspaceId, message_id: MessageId
) -> Claim | datetime | None:
    """Claim a message; or until when to wait with it; None if there is nothing to send.

    What may not be sent any more ends as failed, and says why.
    """
    async with short(runtime.db, workspace_id) as tx:
        row = await tx.one(SQL["look"], workspace_id=workspace_id, id=message_id)
        if row is None or row["status"] != "pending":
            return None
        found = await tx.session.get(Channel, (workspace_id, row["channel_id"]))
        if found is None:
            return None
        saved = await settings.saved(tx)
        channel, now = opened_channel(found, runtime, saved), clock.now()
        content = contents.unfilled(row["content"])
        answers = conversations.is_open(row["last_inbound_at"], now)
        to = _address(row)
        if fault := _forbidden(channel, row, to, content, answers=answers):
            await _refuse(tx, message_id, fault)
            return None
        later = _later(channel, row, now)
        if later is not None:
            await tx.run(SQL["put_off"], workspace_id=workspace_id, id=message_id, due=later)
            return later
        whom = ContactId(row["contact_id"] or -row["conversation_id"])
        number = await tx.value(
            SQL["claim"], workspace_id=workspace_id, id=message_id, whom=whom, answers=answers
        )
        shared = await paths.shared(tx, saved)
    reference = MessageReference(message_id, number)
    return Claim(
        reference=reference,
        conversation_id=row["conversation_id"],
        channel=channel,
        message=Message(to, str(reference), content),
        whom=whom,
        contact_id=row["contact_id"] and ContactId(row["contact_id"]),
        answers=answers,
        attempts=row["attempts"],
        path=paths.of_answers(channel, shared, now),
    )


async def way(
    runtime: Runtime, workspace_id: WorkspaceId, message_id: MessageId
) -> tuple[ChannelId, Path] | None:
    """Through which channel a message is to leave, and what it must pass there.

    To be asked before it is claimed: books that are filled afterwards would count the claim as
    under way, and it would have to wait for itself.
    """
    async with runtime.db.workspace(workspace_id) as tx:
        channel_id = await tx.value(SQL["way"], workspace_id=workspace_id, id=message_id)
        found = await tx.session.get(Channel, (workspace_id, channel_id)) if channel_id else None
        if found is None:
            return None
        saved = await settings.saved(tx)
        shared = await paths.shared(tx, saved)
    channel = opened_channel(found, runtime, saved)
    return channel.id, paths.of_answers(channel, shared, clock.now())


async def release(runtime: Runtime, workspace_id: WorkspaceId, held: Claim, due: datetime) -> None:
    """Give back what provably did not leave."""
    async with short(runtime.db, workspace_id) as tx:
        await tx.run(
            SQL["release"],
            workspace_id=workspace_id,
            id=held.reference.message_id,
            number=held.reference.attempt,
            due=due,
        )


def _address(row: Mapping[str, Any]) -> str:
    """Where they last wrote from, else their number, else what the provider calls them."""
    return row["address"] or (row["phone"] or "").lstrip("+") or row["person"] or ""


def _forbidden(
    channel: OpenChannel, row: Row, to: str, content: Content, *, answers: bool
) -> ProviderFault | None:
    if channel.deleted:
        return ProviderFault("channel_deleted", ErrorClass.REQUEST, "The channel was deleted.")
    if not to:
        return ProviderFault("no_address", ErrorClass.CONTACT_DATA, "Nobody knows their number.")
    only_templates = channel.adapter.capabilities.conversations_only
    why = conversations.shut(
        is_open=answers,
        opted_out=row["opted_out"],
        needs_template=only_templates and not isinstance(content, Template),
    )
    return None if why is None else ProviderFault(why.value, *_SHUT[why])


def _later(channel: OpenChannel, row: Row, now: datetime) -> datetime | None:
    """Until when it must wait: for its own time, what was written before it, or the channel."""
    due: datetime = row["due_at"]
    before: datetime | None = row["before_due_at"]
    if due > now:
        return due
    if before is not None:
        return max(before, now + IN_TURN)
    if channel.paused_reason is None:
        return None
    if channel.paused_until is None:
        return now + LOOK_AGAIN
    return min(channel.paused_until, now + LOOK_AGAIN) if channel.paused_until > now else None


async def _refuse(tx: Transaction, message_id: MessageId, fault: ProviderFault) -> None:
    await tx.run(
        SQL["refuse"],
        workspace_id=tx.workspace_id,
        id=message_id,
        **{"code": fault.code, "class": fault.error_class.value, "detail": fault.detail},
    )
