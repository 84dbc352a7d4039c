"""Databases of these tests' own: for a superuser's login, and for one that may hardly anything."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url
from tests.integration.api.product import own_database_url, own_redis_url, runtime
from tests.integration.platform.catalogue import fill

from recado import embedded
from recado.domain.ids import WorkspaceId
from recado.platform import migrations
from recado.platform.postgres import Database

__all__ = ["own_database_url", "own_redis_url", "runtime"]


@dataclass(frozen=True, slots=True)
class Tenants:
    """A database, and two workspaces in it with a row in every table."""

    url: str
    db: Database
    one: WorkspaceId
    two: WorkspaceId


@pytest.fixture(scope="session")
def own_servers(folder: Path) -> Iterator[embedded.EmbeddedServers]:
    """A PostgreSQL that may be restarted without disturbing other tests."""
    with embedded.start(folder / "platform", valkey=False) as running:
        yield running
        running.destroy()


@pytest.fixture(scope="session")
def ordinary_url(own_servers: embedded.EmbeddedServers) -> str:
    """A login that owns its database and may make roles, as hosted PostgreSQL grants."""
    with psycopg.connect(own_servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE ordinary LOGIN CREATEROLE PASSWORD 'ordinary'")
        connection.execute("CREATE DATABASE ordinary OWNER ordinary")
    url = make_url(own_servers.database_url)
    ordinary = url.set(username="ordinary", password="ordinary", database="ordinary")
    return ordinary.render_as_string(hide_password=False)


@pytest.fixture(scope="session", params=["superuser", "ordinary"])
async def tenants(request: pytest.FixtureRequest) -> AsyncIterator[Tenants]:
    name = "own_database_url" if request.param == "superuser" else "ordinary_url"
    url: str = request.getfixturevalue(name)
    migrations.upgrade(url)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('role', 'recado_system', false)")
        one, two = (WorkspaceId(fill(connection, mark)) for mark in ("one", "two"))
    db = Database(url, pool_size=2)
    yield Tenants(url, db, one, two)
    await db.close()
