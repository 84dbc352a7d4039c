"""One Redis client a process, the names of keys, and Lua scripts beside the code that calls them.

Redis is never the truth: whatever is kept there can be rebuilt from PostgreSQL.
"""

from functools import cache
from importlib.resources import files

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript

from recado.domain.ids import WorkspaceId

MOST_CONNECTIONS = 100  # a process; who comes when all are busy waits for one
TIMEOUT_SECONDS = 5


def connect(url: str) -> "Redis":
    """A client with its pool. Calls are never repeated by the client: a script may have run."""
    pool = BlockingConnectionPool.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
        max_connections=MOST_CONNECTIONS,
        timeout=TIMEOUT_SECONDS,
    )
    return Redis.from_pool(pool)


def key(workspace_id: WorkspaceId, *parts: object) -> str:
    """A key of one workspace, tagged so that a cluster keeps all of them in one slot."""
    return ":".join([f"recado:{{{int(workspace_id)}}}", *map(str, parts)])


def script(redis: "Redis", package: str, name: str) -> AsyncScript:
    """A Lua script that stands beside a package's code, loaded again after a flush by itself."""
    return redis.register_script(_source(package, name))


@cache
def _source(package: str, name: str) -> str:
    """Read once a process: every driver of a channel has scripts of its own."""
    return files(package).joinpath(name).read_text(encoding="utf-8")
