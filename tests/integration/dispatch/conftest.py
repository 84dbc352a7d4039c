"""Channels on the running simulator."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from psycopg.types.json import Jsonb
from tests import factories
from tests.integration.dispatch.driving import (
    Number,
    Simulator,
    kept_from_workers,
    known_to_redis,
)
from tests.integration.dispatch.own import own_database, own_runtime
from tests.integration.dispatch.stack import Product, Stack, running
from tests.support.processes import Installation

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.dispatch.mood import host_key
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport

CALM = {"latency_ms": 0, "read_ms": 200, "sent_ms": 50, "delivered_ms": 100, "jitter": 0.2}


@pytest.fixture
async def simulator(installation: Installation) -> AsyncIterator[Simulator]:
    """The simulator, without any faults at the beginning and at the end."""
    async with aiohttp.ClientSession() as session:
        opened = Simulator(installation.simulator_url, session)
        await opened.settings(**CALM)
        await opened.faults()
        yield opened
        await opened.faults()
        await opened.settings(**CALM)


@pytest.fixture
async def number(
    simulator: Simulator, runtime: Runtime, transport: AiohttpTransport, workspace: WorkspaceId
) -> Number:
    """A channel that no worker process drives, whoever wakes it."""
    made = await _number(runtime, transport, workspace, perSecond=200)
    await kept_from_workers(made)
    return made


@pytest.fixture
def new_number(
    simulator: Simulator, runtime: Runtime, transport: AiohttpTransport, workspace: WorkspaceId
) -> Callable[..., Awaitable[Number]]:
    """Makes further channels."""

    async def make(**pacing: Any) -> Number:
        made = await _number(runtime, transport, workspace, **pacing)
        await kept_from_workers(made)
        return made

    return make


async def _number(
    runtime: Runtime, transport: AiohttpTransport, workspace: WorkspaceId, **pacing: Any
) -> Number:
    channel = await factories.simulator_channel(
        runtime, transport, workspace, name=f"canal {factories.phone()}"
    )
    if pacing:
        async with runtime.db.workspace(workspace) as tx:
            await tx.run(
                "UPDATE channel SET pacing = pacing || %(pacing)s WHERE id = %(id)s",
                pacing=Jsonb(pacing),
                id=channel.id,
            )
    await known_to_redis(runtime, workspace, ChannelId(channel.id))
    # What an earlier test did to the simulator must not hold this one back.
    await runtime.redis.delete(host_key(channel.provider))
    return Number(
        runtime, transport, workspace, ChannelId(channel.id), str(channel.config["phone_number_id"])
    )


@pytest.fixture(scope="session")
def quiet_database_url(database_url: str) -> Iterator[str]:
    """A database where no worker process looks for work."""
    with own_database(database_url, "recado_dispatch") as url:
        yield url


@pytest.fixture(scope="session")
async def quiet_runtime(quiet_database_url: str, redis_url: str) -> AsyncIterator[Runtime]:
    """A runtime in that database, and in a Redis database of its own that may be flushed."""
    async with own_runtime(quiet_database_url, redis_url, redis_db=1) as opened:
        yield opened


@pytest.fixture
async def quiet_number(
    simulator: Simulator, quiet_runtime: Runtime, transport: AiohttpTransport
) -> AsyncIterator[Number]:
    """A channel where no worker process looks for work; nothing of it is left afterwards."""
    await simulator.settings(retry_attempts=1)  # its callbacks lead nowhere
    workspace = await factories.workspace(quiet_runtime)
    yield await _number(quiet_runtime, transport, workspace)
    async with quiet_runtime.db.system() as tx:
        await tx.run("DELETE FROM campaign")
        await tx.run("DELETE FROM drive")
    await simulator.settings(retry_attempts=12)


@pytest.fixture(scope="session")
async def stack(environment: dict[str, str], folder: Path) -> AsyncIterator[Stack]:
    """An installation whose servers and workers a test may stop."""
    async with running(folder / "stack", environment["RECADO_SECRET_KEY"]) as opened:
        yield opened


@pytest.fixture
async def product(stack: Stack) -> AsyncIterator[Product]:
    """A workspace of that installation; nothing works for it before a worker is started."""
    await stack.simulator.settings(**CALM)
    yield await stack.workspace()
    stack.wake_workers()
    await stack.simulator.faults()
