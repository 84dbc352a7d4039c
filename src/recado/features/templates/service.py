"""Asking providers for the templates of accounts, and reading what is stored of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from recado.domain.errors import NotFound, Unavailable
from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.retry import ErrorClass
from recado.features.channels import service as channels
from recado.features.channels.service import OpenChannel
from recado.features.templates import store
from recado.features.templates.store import SQL
from recado.platform import clock, logging
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import CallFailed, Transport, Unsupported

log = logging.get(__name__)

AFTER_FAILURE: Final = timedelta(minutes=15)


class ListHeldBack(Unavailable):
    code = "template_list_held_back"
    sentence = (
        "The provider asked not to be asked for templates before {until}. Take the stored list "
        "(refresh=false), or try again then."
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """An account's templates as they are stored; ``synced_at`` None: never asked for yet."""

    synced_at: datetime | None
    templates: Sequence[Row]


async def sync_due(runtime: Runtime, transport: Transport, workspace_id: WorkspaceId) -> None:
    """Ask for every list of a workspace that is due; what fails is asked for again later."""
    async with runtime.db.workspace(workspace_id) as tx:
        await tx.run(SQL["make_lists"], workspace_id=workspace_id)
        rows = await tx.all(SQL["lists_due"], workspace_id=workspace_id, now=clock.now())
    for row in rows:
        for channel_id in row["channels"]:
            try:
                async with runtime.db.workspace(workspace_id) as tx:
                    channel = await channels.get(tx, ChannelId(channel_id))
                    opened = channels.opened_channel(channel, runtime)
                await refresh(runtime, transport, workspace_id, opened)
            except (CallFailed, NotFound, ListHeldBack) as error:
                log.warning("templates not listed", channel=channel_id, error=str(error))
            else:
                break


async def refresh(
    runtime: Runtime, transport: Transport, workspace_id: WorkspaceId, channel: OpenChannel
) -> None:
    """Ask for the templates of a channel's account, all of them, and store what comes.

    Raises:
        Unsupported: Its provider has none.
        ListHeldBack: The provider asked to wait.
        CallFailed: It does not answer, or refuses.
    """
    account = channel.adapter.account_id(channel.config)
    if account is None:
        raise Unsupported(provider=channel.adapter.name, what="template")
    whose: dict[str, Any] = {"provider": channel.adapter.name, "account": account}
    asked_at = clock.now()
    async with runtime.db.workspace(workspace_id) as tx:
        await tx.run(SQL["make_lists"], workspace_id=workspace_id)
        row = await tx.one(SQL["list_of"], workspace_id=workspace_id, **whose)
    if row is None:
        raise NotFound("channel")
    if row["not_before"] is not None and row["not_before"] > asked_at:
        raise ListHeldBack(until=row["not_before"].isoformat(timespec="seconds"))
    try:
        found = await channel.adapter.templates(transport, channel.config)
    except CallFailed as error:
        async with runtime.db.workspace(workspace_id) as tx:
            await tx.run(
                SQL["put_off"],
                workspace_id=workspace_id,
                at=asked_at + max(AFTER_FAILURE, timedelta(seconds=error.fault.retry_after or 0)),
                asked=error.fault.error_class is ErrorClass.THROTTLE_CHANNEL,
                **whose,
            )
        raise
    async with runtime.db.workspace(workspace_id) as tx:
        await store.put_list(tx, runtime, row["id"], found, asked_at)


async def stored(tx: Transaction, channel: OpenChannel) -> Stored:
    """The templates of a channel's account as they are stored, by name; those gone are left out."""
    whose: dict[str, Any] = {
        "workspace_id": tx.workspace_id,
        "provider": channel.adapter.name,
        "account": channel.adapter.account_id(channel.config),
    }
    row = await tx.one(SQL["list_of"], **whose)
    if row is None:
        return Stored(None, [])
    return Stored(row["synced_at"], await tx.all(SQL["shown"], **whose))
