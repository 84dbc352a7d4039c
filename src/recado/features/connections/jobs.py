"""Background work on connections: what callbacks did not say, or said and got lost."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Literal

from procrastinate.blueprints import Blueprint

from recado.domain.errors import NotFound
from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels import service
from recado.features.connections import numbers
from recado.features.connections.standing import SQL, Connection, connections
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.base import Capabilities
from recado.providers.registry import providers
from recado.providers.transport import AiohttpTransport

QUEUE = "campaign-notifications"
LOOKED_FOR = timedelta(days=1)  # who is away for longer is heard of by callback, or by a check

What = Literal["ask", "look"]
_ABLE: Mapping[What, Callable[[Capabilities], bool]] = {
    "ask": lambda able: able.number_info,
    "look": lambda able: able.connects_by_qr,
}
_WHOSE: Mapping[What, str] = {"ask": "numbers", "look": "away"}


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``connections:…``."""
    tasks = Blueprint()

    @tasks.task(name="ask", queue=QUEUE)
    async def ask(*, workspace_id: int, channel_id: int) -> None:
        await ask_once(runtime, WorkspaceId(workspace_id), ChannelId(channel_id))

    @tasks.task(name="look", queue=QUEUE)
    async def look(*, workspace_id: int, channel_id: int) -> None:
        await look_once(runtime, WorkspaceId(workspace_id), ChannelId(channel_id))

    @tasks.periodic(cron="19 */4 * * *")
    @tasks.task(name="ask_all", queue=QUEUE, queueing_lock="ask all numbers")
    async def ask_all(timestamp: int) -> None:
        """Quality, tier and throughput of all numbers, whatever callbacks have said."""
        del timestamp
        await for_all(runtime, "ask")

    @tasks.periodic(cron="*/5 * * * *")
    @tasks.task(name="look_at_all", queue=QUEUE, queueing_lock="look at all that are away")
    async def look_at_all(timestamp: int) -> None:
        """A phone may be back though nobody has said so."""
        del timestamp
        await for_all(runtime, "look")

    return tasks


async def for_all(runtime: Runtime, what: What) -> int:
    """Defer a job for each channel that may have something new to tell; returns how many."""
    able = [one.name for one in providers() if _ABLE[what](one.capabilities)]
    async with runtime.db.system() as tx:
        rows = await tx.all(SQL[_WHOSE[what]], providers=able, age=LOOKED_FOR)
        for row in rows:
            await runtime.queue.defer(
                tx,
                f"connections:{what}",
                once=f"{what} {row['workspace_id']} {row['id']}",
                workspace_id=row["workspace_id"],
                channel_id=row["id"],
            )
    return len(rows)


async def ask_once(runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId) -> None:
    """Ask for one channel's number; one that is deleted meanwhile is none of ours."""
    async with AiohttpTransport() as transport:
        with suppress(NotFound):
            await numbers.ask(runtime, transport, workspace_id, channel_id)


async def look_once(runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId) -> None:
    """Ask how one channel's phone is; connected, it goes on."""
    try:
        async with runtime.db.workspace(workspace_id) as tx:
            channel = service.opened_channel(await service.get(tx, channel_id), runtime)
    except NotFound:
        return
    at = clock.now()
    async with AiohttpTransport() as transport:
        answer = await channel.adapter.check(transport, channel.config)
    if answer.status == "connected":
        back = Connection(answer.status, at, answer.detail)
        await connections(runtime, workspace_id, {channel_id: back})
