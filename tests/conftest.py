"""Real servers for all tests, once a session; processes of Recado where a test asks for them."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from recado import embedded
from recado.bootstrap import open_runtime
from recado.domain.ids import WorkspaceId
from recado.platform import crypto, migrations, settings
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport
from tests import factories
from tests.support.folders import clear_leftovers, own_folder
from tests.support.processes import Installation, free_port

# Nothing is timed, examples neither; and those of CI are the same each time.
hypothesis.register_profile(
    "recado",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis.load_profile("recado")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Once for all processes of a parallel session."""
    if not hasattr(session.config, "workerinput"):
        clear_leftovers()


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that every account may enter, gone after the session."""
    with own_folder("tests") as path:
        yield path


@pytest.fixture(scope="session")
def servers(folder: Path) -> Iterator[embedded.EmbeddedServers]:
    """The embedded servers, one start for all tests."""
    with embedded.start(folder / "home") as running:
        yield running
        running.destroy()


@pytest.fixture(scope="session")
def environment(servers: embedded.EmbeddedServers) -> Iterator[dict[str, str]]:
    """What configures this process and those it starts; the schema is up to date."""
    migrations.upgrade(servers.database_url)
    chosen = {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "RECADO_SECRET_KEY": crypto.new_key(),
        "RECADO_PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "RECADO_SIMULATOR_URL": f"http://127.0.0.1:{free_port()}",
        "RECADO_LEASE_SECONDS": "3",
    }
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    _forget_settings()
    yield chosen
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _forget_settings()


def _forget_settings() -> None:
    for group in (settings.servers, settings.web, settings.sending, settings.home, settings.logs):
        group.cache_clear()


@pytest.fixture(scope="session")
def database_url(environment: dict[str, str]) -> str:
    return environment["DATABASE_URL"]


@pytest.fixture(scope="session")
def redis_url(environment: dict[str, str]) -> str:
    return environment["REDIS_URL"]


@pytest.fixture(scope="session")
async def runtime(environment: dict[str, str]) -> AsyncIterator[Runtime]:
    """This process's own runtime, on the same servers as the processes."""
    opened = open_runtime()
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def transport() -> AsyncIterator[AiohttpTransport]:
    opened = AiohttpTransport()
    yield opened
    await opened.close()


@pytest.fixture
async def workspace(runtime: Runtime) -> WorkspaceId:
    """A fresh tenant for one test."""
    return await factories.workspace(runtime)


@pytest.fixture(scope="session")
def installation(environment: dict[str, str], folder: Path) -> Iterator[Installation]:
    """Web and simulator as real processes, and one worker."""
    running = Installation(environment, folder)
    running.start()
    running.start_worker()
    yield running
    running.stop()


@pytest.fixture
def superuser(database_url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A connection as the login role itself, to look behind row-level security."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
