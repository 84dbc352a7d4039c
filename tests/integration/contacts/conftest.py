"""Until the shared fixtures are there: a database of our own, and a workspace for each test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import psycopg
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from recado.api import contacts, errors, imports, lists
from recado.domain.ids import WorkspaceId
from recado.features.contacts import jobs
from recado.features.users import keys
from recado.features.users.roles import Role
from recado.features.workspaces import service as workspaces
from recado.platform import crypto, migrations, redis
from recado.platform.postgres import Database
from recado.platform.queue import JobQueue
from recado.platform.runtime import Runtime

SERVER = "postgresql://postgres:secret@127.0.0.1:55432"
NAME = "recado_contacts"


@pytest.fixture(scope="session")
def database_url() -> str:
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {NAME}")
    url = f"{SERVER}/{NAME}"
    migrations.upgrade(url)
    return url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def runtime(database_url: str) -> AsyncIterator[Runtime]:
    queue = JobQueue(database_url)
    opened = Runtime(
        db=Database(database_url),
        redis=redis.connect("redis://127.0.0.1:56379/3"),
        queue=queue,
        sealer=crypto.Sealer(crypto.new_key()),
        public_url="http://127.0.0.1:8000",
    )
    queue.add("contacts", jobs.blueprint(opened))
    yield opened
    await opened.close()


@pytest.fixture
def new_workspace(runtime: Runtime) -> Callable[[], Awaitable[WorkspaceId]]:
    async def make() -> WorkspaceId:
        async with runtime.db.system() as tx:
            return WorkspaceId((await workspaces.create(tx, name="Empresa")).id)

    return make


@pytest_asyncio.fixture(loop_scope="session")
async def workspace(new_workspace: Callable[[], Awaitable[WorkspaceId]]) -> WorkspaceId:
    return await new_workspace()


def _application(runtime: Runtime) -> FastAPI:
    app = FastAPI()
    app.state.runtime = runtime
    errors.install(app)
    for router in (contacts.router, lists.router, imports.router):
        app.include_router(router)
    return app


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def address(runtime: Runtime) -> AsyncIterator[str]:
    """Where the API answers, on a real server."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_application(runtime), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running


@pytest_asyncio.fixture(loop_scope="session")
async def api(
    runtime: Runtime, workspace: WorkspaceId, address: str
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the key of an operator of the workspace."""
    async with runtime.db.workspace(workspace) as tx:
        _, key = await keys.create(tx, name="test", role=Role.OPERATOR)
    async with aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client
