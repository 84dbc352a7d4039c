"""The schema comes to be for any login, once, however many ask for it at the same time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.engine import make_url

from recado import embedded
from recado.platform import migrations


@pytest.fixture
def login(
    own_servers: embedded.EmbeddedServers, request: pytest.FixtureRequest
) -> Iterator[tuple[str, psycopg.Connection[tuple[object, ...]]]]:
    """An empty database of an ordinary login, and the superuser's connection beside it."""
    name = "login_" + request.function.__name__[5:35]
    with psycopg.connect(own_servers.database_url, autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        superuser.execute(f"CREATE DATABASE {name} OWNER {name}")
        url = make_url(own_servers.database_url).set(username=name, password="x", database=name)
        yield url.render_as_string(hide_password=False), superuser


MIGRATION_LOCK = 7_235_201_866  # as migrations/env.py has it
Login = tuple[str, "psycopg.Connection[tuple[object, ...]]"]


def test_a_second_migration_changes_nothing(ordinary_url: str) -> None:
    migrations.upgrade(ordinary_url)
    with psycopg.connect(ordinary_url, autocommit=True) as connection:
        [before] = connection.execute("SELECT max(oid) FROM pg_class").fetchall()
        assert not migrations.pending(ordinary_url)
        migrations.upgrade(ordinary_url)
        assert connection.execute("SELECT max(oid) FROM pg_class").fetchall() == [before]


def test_a_database_is_behind_before_its_migration_and_not_after(
    own_servers: embedded.EmbeddedServers,
) -> None:
    with psycopg.connect(own_servers.database_url, autocommit=True) as superuser:
        superuser.execute("CREATE DATABASE behind")
    url = make_url(own_servers.database_url).set(database="behind")
    text = url.render_as_string(hide_password=False)
    assert migrations.pending(text)
    migrations.upgrade(text)
    assert not migrations.pending(text)


def test_processes_that_migrate_at_once_do_it_once(own_servers: embedded.EmbeddedServers) -> None:
    with psycopg.connect(own_servers.database_url, autocommit=True) as superuser:
        superuser.execute("CREATE DATABASE at_once")
    url = make_url(own_servers.database_url).set(database="at_once")
    text = url.render_as_string(hide_password=False)
    command = "import sys; from recado.platform import migrations; migrations.upgrade(sys.argv[1])"
    with psycopg.connect(text, autocommit=True) as gate, ThreadPoolExecutor(1) as thread:
        gate.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        process = subprocess.Popen([sys.executable, "-c", command, text])
        here = thread.submit(migrations.upgrade, text)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while process.poll() is None and gate.execute(waiting).fetchone() != (2,):
            time.sleep(0.02)
        gate.execute("SELECT pg_advisory_unlock_all()")
        here.result(timeout=60)
        assert process.wait(timeout=60) == 0
    assert not migrations.pending(text)


def test_a_login_that_may_not_make_roles_migrates_with_those_it_was_granted(
    login: Login, ordinary_url: str
) -> None:
    migrations.upgrade(ordinary_url)  # which makes the roles of this server
    url, superuser = login
    name = make_url(url).username
    superuser.execute(f"GRANT recado_app, recado_system, recado_jobs TO {name}")
    migrations.upgrade(url)
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('role', 'recado_app', true)")
        assert connection.execute("SELECT * FROM contact").fetchall() == []


def test_a_login_without_the_roles_is_refused_and_nothing_is_made(
    login: Login, ordinary_url: str
) -> None:
    migrations.upgrade(ordinary_url)
    url, _ = login
    with pytest.raises(Exception, match="permission denied to grant role") as refused:
        migrations.upgrade(url)
    assert isinstance(refused.value.__cause__ or refused.value, errors.InsufficientPrivilege)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('contact')").fetchall() == [(None,)]
