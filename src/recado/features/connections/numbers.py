"""What the provider knows of a channel's number, asked for and kept."""

from datetime import datetime

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels import service
from recado.features.channels.service import OpenChannel
from recado.features.connections import standing
from recado.features.connections.standing import SQL
from recado.features.dispatch import mood
from recado.features.dispatch.transactions import short
from recado.features.gates import service as gates
from recado.platform import clock, logging
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import CallFailed, Transport
from recado.providers.exchange import NumberInfo

log = logging.get(__name__)


async def ask_soon(runtime: Runtime, tx: Transaction, channel_id: ChannelId) -> None:
    """Have a job ask for one channel's number."""
    await runtime.queue.defer(
        tx,
        "connections:ask",
        once=f"number of {tx.workspace_id} {channel_id}",
        workspace_id=tx.workspace_id,
        channel_id=channel_id,
    )


async def ask(
    runtime: Runtime, transport: Transport, workspace_id: WorkspaceId, channel_id: ChannelId
) -> None:
    """Ask now, and keep the answer; a provider that does not give one changes nothing.

    Raises:
        NotFound: There is no such channel.
    """
    async with runtime.db.workspace(workspace_id) as tx:
        channel = service.opened_channel(await service.get(tx, channel_id), runtime)
    if not channel.adapter.capabilities.number_info:
        return
    at = clock.now()
    try:
        info = await channel.adapter.number_info(transport, channel.config)
    except CallFailed as error:
        log.info("number not told", channel=channel_id, error=error.message())
        return
    async with short(runtime.db, workspace_id) as tx:
        await _keep(tx, channel, info, at)


async def follow(
    runtime: Runtime, transport: Transport, workspace_id: WorkspaceId, channel_id: ChannelId
) -> None:
    """Do what a channel's check makes necessary: ask for more, or let nothing more leave.

    Raises:
        NotFound: There is no such channel.
    """
    async with runtime.db.workspace(workspace_id) as tx:
        channel = await service.get(tx, channel_id)
        connected, paused = channel.status == "connected", channel.paused_reason is not None
    if connected:
        await mood.forget(runtime.redis, workspace_id, channel_id)
        await ask(runtime, transport, workspace_id, channel_id)
    if paused:
        await gates.close_channels(runtime.redis, workspace_id, [channel_id], "paused")


async def _keep(tx: Transaction, channel: OpenChannel, info: NumberInfo, at: datetime) -> None:
    if info.quality:
        await standing.qualities(tx, [channel.id], info.quality, at=at)
    if info.tier:
        portfolio = channel.adapter.account_id(channel.config)
        await standing.tier(tx, [channel.id], info.people, at=at, portfolio=portfolio)
    await tx.run(
        SQL["described"],
        workspace_id=tx.workspace_id,
        channel_id=channel.id,
        display_number=info.display_number or None,
        throughput=info.throughput or None,
    )
