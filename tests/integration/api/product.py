"""The product for one folder of tests: a database, Redis and a web server that no others use.

A folder's conftest takes these fixtures by importing them. Jobs run when a test says so, never by a
worker of other tests.
"""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import psycopg
import pytest
import uvicorn
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url
from tests import factories

from recado import bootstrap
from recado.app import create_app
from recado.domain.ids import WorkspaceId
from recado.features.campaigns import jobs as campaigns
from recado.features.checks import jobs as checks
from recado.features.connections import jobs as connections
from recado.features.contacts import jobs as contacts
from recado.features.dispatch import jobs as dispatch
from recado.features.inbox import jobs as inbox
from recado.features.templates import jobs as templates
from recado.features.users.roles import Role
from recado.features.webhooks import jobs as webhooks
from recado.features.wishes import jobs as wishes
from recado.platform import migrations, redis
from recado.platform.postgres import Database
from recado.platform.queue import QUEUES, JobQueue
from recado.platform.runtime import Runtime

__all__ = [
    "address",
    "api",
    "finish_jobs",
    "http",
    "other_api",
    "other_workspace",
    "own_database_url",
    "own_redis_url",
    "owner",
    "runtime",
]

TEMPLATE = "recado_tests_template"
_numbers = itertools.count(3)

FinishJobs = Callable[[], Awaitable[None]]


def at_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    """Return once something has become true; half a minute at most."""
    for _ in range(1500):
        if await ready():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


@dataclass(frozen=True, slots=True)
class Api:
    """A caller with a key."""

    http: aiohttp.ClientSession
    key: str | None

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Any:
        """Send a request and read the JSON that answers it; any other status fails the test."""
        async with self.request(method, path, body, headers=headers, **params) as answer:
            text = await answer.text()
        assert answer.status == status, f"{method} {path}: {answer.status} {text}"
        return json.loads(text) if text else None

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Any:
        """The request itself, for tests of what is not JSON; bytes go as they are."""
        given = dict(headers or {})
        if self.key is not None:
            given.setdefault("Authorization", f"Bearer {self.key}")
        data = body
        if body is not None:
            given.setdefault("Content-Type", "application/json")
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = path if path.startswith("/") else f"/api/v1/{path}"
        return self.http.request(method, url, data=data, headers=given, params=params)


@pytest.fixture(scope="session")
def own_database_url(database_url: str) -> Iterator[str]:
    name = f"recado_tests_{next(_numbers)}"
    with psycopg.connect(make_conninfo(database_url), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,))
        if known.fetchone() is None:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
            migrations.upgrade(at_database(database_url, TEMPLATE))
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield at_database(database_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def own_redis_url(redis_url: str) -> str:
    """A numbered database of the same Redis, as keys carry workspaces' ids and those repeat."""
    return f"{redis_url.rpartition('/')[0]}/{next(_numbers) % 16}"


@pytest.fixture(scope="session")
async def runtime(own_database_url: str, own_redis_url: str) -> AsyncIterator[Runtime]:
    queue = JobQueue(own_database_url)
    opened = replace(
        bootstrap.open_runtime(),
        db=Database(own_database_url),
        redis=redis.connect(own_redis_url),
        queue=queue,
    )
    features = (
        *(campaigns, checks, connections, contacts, dispatch, inbox),
        *(templates, webhooks, wishes),
    )
    for feature in features:
        queue.add(feature.__name__.split(".")[-2], feature.blueprint(opened))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def address(runtime: Runtime) -> AsyncIterator[str]:
    """Where the whole application answers, on a real server in this process."""
    # With its protocol named, asyncio turns Nagle's delay off, as it does for a real server.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(runtime), log_config=None, http="httptools")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running


@pytest.fixture(scope="session")
async def http(address: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(address) as session:
        yield session


@pytest.fixture
async def owner(runtime: Runtime, workspace: WorkspaceId) -> str:
    """The key of the test's workspace that may do everything."""
    return await factories.api_key(runtime, workspace, Role.OWNER)


@pytest.fixture
async def api(http: aiohttp.ClientSession, owner: str) -> Api:
    """The owner of the test's workspace."""
    return Api(http, owner)


@pytest.fixture
async def other_workspace(runtime: Runtime) -> WorkspaceId:
    return await factories.workspace(runtime)


@pytest.fixture
async def other_api(
    runtime: Runtime, http: aiohttp.ClientSession, other_workspace: WorkspaceId
) -> Api:
    """The owner of another workspace."""
    return Api(http, await factories.api_key(runtime, other_workspace, Role.OWNER))


@pytest.fixture
def finish_jobs(runtime: Runtime) -> FinishJobs:
    """Works on jobs until none is left; one that failed fails the test."""

    async def left() -> bool:
        async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
            jobs = await tx.all(
                "SELECT task_name, args, status, attempts, scheduled_at > now() AS later"
                " FROM procrastinate_jobs"
            )
        assert [job for job in jobs if job["status"] != "todo" or job["attempts"]] == []
        return any(not job["later"] for job in jobs)

    async def finish() -> None:
        async with runtime.queue.app.open_async():
            while await left():
                await runtime.queue.app.run_worker_async(
                    queues=list(QUEUES),
                    concurrency=4,
                    wait=False,
                    install_signal_handlers=False,
                    listen_notify=False,
                    delete_jobs="successful",
                )

    return finish
