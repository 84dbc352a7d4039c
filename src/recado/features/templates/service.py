"""Asking providers for the templates of accounts, and reading what is stored of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from recado.domain.errors import NotFound, Unavailable
from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.retry import ErrorClass
from recado.domain.templates import STOPPED, WAITING
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
FRESH: Final = timedelta(minutes=1)
PATIENCE: Final = 10.0  # seconds; a person waits for it


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
        wait = max(AFTER_FAILURE, timedelta(seconds=error.fault.retry_after or 0))
        asked = error.fault.error_class is ErrorClass.THROTTLE_CHANNEL
        await _put_off(runtime, workspace_id, channel, wait, asked=asked)
        raise
    async with runtime.db.workspace(workspace_id) as tx:
        await store.put_list(tx, runtime, row["id"], found, asked_at)


async def _put_off(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    channel: OpenChannel,
    wait: timedelta,
    *,
    asked: bool = False,
) -> None:
    """Ask again after a while; ``asked``: the provider wants nobody to ask before."""
    async with runtime.db.workspace(workspace_id) as tx:
        await tx.run(
            SQL["put_off"],
            workspace_id=workspace_id,
            provider=channel.adapter.name,
            account=channel.adapter.account_id(channel.config),
            at=clock.now() + wait,
            asked=asked,
        )


async def freshen(
    runtime: Runtime,
    transport: Transport,
    workspace_id: WorkspaceId,
    content: Mapping[str, Any],
    channel_ids: Sequence[int],
) -> None:
    """Before a content is judged, ask for lists without which it would be judged wrongly.

    Those that have never come, and those that lack its template or have it as stopped and are not
    of this minute. Whatever fails, what is stored is judged by.
    """
    if content.get("type") != "template":
        return
    now = clock.now()
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(
            SQL["stale"],
            workspace_id=workspace_id,
            channels=list(channel_ids),
            name=content["name"],
            language=content["language"],
            now=now,
            before=now - FRESH,
            stopped=sorted(STOPPED | WAITING),
        )
        found = [await channels.get(tx, ChannelId(row["channel_id"])) for row in rows]
    for channel in found:
        opened = channels.opened_channel(channel, runtime)
        try:
            async with asyncio.timeout(PATIENCE):
                await refresh(runtime, transport, workspace_id, opened)
        except (CallFailed, ListHeldBack, NotFound) as error:
            log.warning("templates not listed", channel=channel.id, error=str(error))
        except TimeoutError:
            log.warning("templates not listed in time", channel=channel.id)
            await _put_off(runtime, workspace_id, opened, AFTER_FAILURE)


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
