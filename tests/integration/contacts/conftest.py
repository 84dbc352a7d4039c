"""A database of these tests' own, so that no worker of other tests takes their jobs."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url
from tests import factories
from tests.integration.contacts.files import Import, Store, state

from recado.api import contacts, errors, imports, lists
from recado.api.quota import Quota
from recado.bootstrap import open_runtime
from recado.domain.ids import ImportId, WorkspaceId
from recado.features.contacts import jobs
from recado.features.contacts.importing import service, work
from recado.features.contacts.importing.models import ContactImport
from recado.features.users.roles import Role
from recado.platform import migrations
from recado.platform.postgres import Database
from recado.platform.queue import JobQueue
from recado.platform.runtime import Runtime

NAME = "recado_contacts"


@pytest.fixture(scope="session")
def own_database_url(database_url: str) -> Iterator[str]:
    with psycopg.connect(make_conninfo(database_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
        url = make_url(database_url).set(database=NAME).render_as_string(hide_password=False)
        migrations.upgrade(url)
        yield url
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.fixture(scope="session")
async def runtime(own_database_url: str) -> AsyncIterator[Runtime]:
    queue = JobQueue(own_database_url)
    opened = replace(open_runtime(), db=Database(own_database_url), queue=queue)
    queue.add("contacts", jobs.blueprint(opened))
    yield opened
    await opened.close()


@pytest.fixture
def new_workspace(runtime: Runtime) -> Callable[[], Awaitable[WorkspaceId]]:
    return lambda: factories.workspace(runtime)


def _application(runtime: Runtime) -> FastAPI:
    app = FastAPI()
    app.state.runtime = runtime
    app.state.quota = Quota(runtime.redis, 100_000)
    errors.install(app)
    for router in (contacts.router, lists.router, imports.router):
        app.include_router(router)
    return app


@pytest.fixture(scope="session")
async def address(runtime: Runtime) -> AsyncIterator[str]:
    """Where the API answers, on a real server."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_application(runtime), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running


@pytest.fixture
async def api(
    runtime: Runtime, workspace: WorkspaceId, address: str
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the key of an operator of the workspace."""
    key = await factories.api_key(runtime, workspace, Role.OPERATOR)
    async with aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture
def store(runtime: Runtime, workspace: WorkspaceId, tmp_path: Path) -> Store:
    async def put(
        content: str | bytes,
        *,
        filename: str = "contatos.csv",
        list_name: str | None = None,
        mapping: Mapping[str, str] | None = None,
        into: WorkspaceId = workspace,
    ) -> ImportId:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        async with runtime.db.workspace(into) as tx:
            return await service.store(
                tx,
                runtime.queue,
                path,
                filename=filename,
                list_name=list_name,
                mapping=mapping,
                most_megabytes=64,
            )

    return put


@pytest.fixture
def load(runtime: Runtime, workspace: WorkspaceId, store: Store) -> Import:
    async def put(content: str | bytes, **options: Any) -> ContactImport:
        import_id = await store(content, **options)
        into = options.get("into", workspace)
        await work.run(runtime.db, into, import_id, people_at_once=3)
        return await state(runtime, into, import_id)

    return put
