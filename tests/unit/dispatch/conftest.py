"""A limiter on a real Valkey: what is tested here is a script that runs inside it."""

import itertools
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from recado import embedded
from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.dispatch.limiter import ChannelLimiter
from recado.platform.redis import connect

_workspaces = itertools.count(700_000_001)  # of nobody else in these servers

MakeLimiter = Callable[[int], ChannelLimiter]


@pytest.fixture(scope="session")
async def redis(servers: embedded.EmbeddedServers) -> AsyncIterator["Redis"]:
    client = connect(servers.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def tenant() -> WorkspaceId:
    return WorkspaceId(next(_workspaces))


@pytest.fixture
def limiter_of(redis: "Redis", tenant: WorkspaceId) -> MakeLimiter:
    """The limiter of one channel, as the driver with this token sees it."""
    return lambda token: ChannelLimiter(redis, tenant, ChannelId(1), token)
