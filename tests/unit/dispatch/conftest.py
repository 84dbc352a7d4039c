"""A limiter on a real Valkey: what is tested here is a script that runs inside it."""

import itertools
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from recado import embedded
from recado.domain import limits
from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.limits import Path, Scope
from recado.domain.pacing import UNLIMITED, Pacing
from recado.features.limits import paths
from recado.features.limits.limiter import OPENED, ChannelLimiter
from recado.platform.redis import connect, key

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


def path_of(pace: Pacing = UNLIMITED, *others: limits.Limit) -> Path:
    """What requests of a channel with this pace must pass, and some other limits."""
    found = limits.of_pacing(Scope.CHANNEL, "1", pace, age_days=None)
    return Path(
        limits=(*found, *(one for one in others if one.scope is not Scope.CONTACT)),
        of_contact=tuple(one for one in others if one.scope is Scope.CONTACT),
        slots=pace.in_flight or paths.UNLIMITED,
        off=tuple(limits.missing(Scope.CHANNEL, "1", found)),
    )


async def open_books(redis: "Redis", tenant: WorkspaceId, path: Path) -> None:
    """Say that nothing has left before, without asking a database."""
    server = (await redis.info("server"))["run_id"]
    for limit in (*path.limits, *path.of_contact):
        await redis.hset(key(tenant, OPENED), limit.mark, server)
