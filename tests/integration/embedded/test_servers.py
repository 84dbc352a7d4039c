"""Real servers from an empty folder to an orderly end."""

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis

from recado import embedded
from recado.embedded import EmbeddedServers, clients
from recado.embedded.processes import is_alive, wait_for


def count_visits(servers: EmbeddedServers) -> tuple[int, int]:
    """Notes one more visit in each server and returns how many there were."""
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visit (at timestamptz DEFAULT now())")
        connection.execute("INSERT INTO visit DEFAULT VALUES")
        row = connection.execute("SELECT count(*) FROM visit").fetchone()
    with redis.Redis.from_url(servers.redis_url) as client:
        visits = client.incr("visits")
    assert row is not None
    assert isinstance(visits, int)
    return row[0], visits


def test_a_second_start_finds_the_data_and_the_addresses_of_the_first(home: Path) -> None:
    with embedded.start(home) as first:
        assert count_visits(first) == (1, 1)
    with embedded.start(home) as second:
        assert count_visits(second) == (2, 2)
        assert second.database_url == first.database_url
        assert second.redis_url == first.redis_url


def test_an_end_leaves_no_process_and_may_be_repeated(used_home: Path) -> None:
    servers = embedded.start(used_home)
    pids = [servers.postgres_pid, servers.valkey_pid]
    assert all(pid is not None and is_alive(pid) for pid in pids)
    servers.stop()
    servers.stop()
    assert not any(is_alive(pid) for pid in pids if pid is not None)
    assert (servers.postgres_pid, servers.valkey_pid) == (None, None)
    assert not (used_home / "data/postgres/data/postmaster.pid").exists()


def test_the_database_knows_accents_and_trigrams(used_home: Path) -> None:
    with (
        embedded.start(used_home, valkey=False) as servers,
        psycopg.connect(servers.database_url) as connection,
    ):
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        query = "SELECT lower('ÇÃO'), cardinality(show_trgm('ação')), current_setting('fsync')"
        assert connection.execute(query).fetchone() == ("ção", 5, "on")


def test_no_password_can_be_read_by_other_users(used_home: Path) -> None:
    with embedded.start(used_home) as servers:
        command = ["/bin/ps", "-A", "-ww", "-o", "args"]
        shown = subprocess.run(command, capture_output=True, check=True)
        passwords = [url.rpartition("@")[0].rpartition(":")[2] for url in addresses(servers)]
        assert all(len(password) >= 32 for password in passwords)
        assert not any(password.encode() in shown.stdout for password in passwords)
        for path in used_home.rglob("*"):
            if path.name in {"password", "lock", "port"} or path.suffix == ".log":
                assert path.stat().st_mode & 0o077 == 0, path
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(servers.database_url.replace(passwords[0], "wrong"))
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(servers.redis_url.replace(passwords[1], "wrong")).ping()


def addresses(servers: EmbeddedServers) -> tuple[str, str]:
    return servers.database_url, servers.redis_url


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(used_home: Path) -> None:
    with embedded.start(used_home) as servers:
        sessions = {os.getsid(pid) for pid in (servers.postgres_pid, servers.valkey_pid) if pid}
        assert len(sessions) == 2
        assert os.getsid(0) not in sessions


def test_each_server_can_be_started_alone(used_home: Path) -> None:
    with (
        embedded.start(used_home, postgres=False) as cache,
        embedded.start(used_home, valkey=False) as base,
    ):
        assert cache.postgres_pid is None
        assert base.valkey_pid is None
        with pytest.raises(RuntimeError, match="PostgreSQL was not started here"):
            _ = cache.database_url
        with pytest.raises(RuntimeError, match="Valkey was not started here"):
            base.restart_valkey()


def test_a_restart_keeps_addresses_and_data(used_home: Path) -> None:
    with embedded.start(used_home) as servers:
        before = addresses(servers)
        database_visits, cache_visits = count_visits(servers)
        servers.restart_postgres("immediate")
        servers.restart_valkey()
        assert addresses(servers) == before
        assert count_visits(servers) == (database_visits + 1, cache_visits + 1)


def test_servers_that_were_killed_come_back_by_a_restart(used_home: Path) -> None:
    with embedded.start(used_home) as servers:
        before = addresses(servers)
        database_visits, _ = count_visits(servers)
        for pid in (servers.postgres_pid, servers.valkey_pid):
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        assert wait_for(lambda: servers.postgres_pid is servers.valkey_pid is None, 10)
        servers.restart_postgres()
        servers.restart_valkey()
        assert addresses(servers) == before
        # Valkey writes its file every second, PostgreSQL before it answers.
        assert count_visits(servers)[0] == database_visits + 1


def test_a_remembered_port_that_was_taken_is_replaced(
    used_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_SECONDS", 1)
    with embedded.start(used_home) as first:
        ports = [int(url.rpartition(":")[2].partition("/")[0]) for url in addresses(first)]
    with contextlib.ExitStack() as thieves:
        for port in ports:
            thief = thieves.enter_context(socket.socket())
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", port))
            thief.listen()
        with embedded.start(used_home) as second:
            assert not set(addresses(first)) & set(addresses(second))
            count_visits(second)


def test_destroy_leaves_nothing_behind(doomed_home: Path) -> None:
    servers = embedded.start(doomed_home)
    pid = servers.postgres_pid
    servers.destroy()
    assert pid is not None
    assert not is_alive(pid)
    assert not doomed_home.exists()


def test_a_healthy_home_has_no_findings_against_it(used_home: Path) -> None:
    with embedded.start(used_home):
        findings = embedded.doctor(used_home)
    assert [finding for finding in findings if not finding.ok] == []
    assert any("PostgreSQL runs as process" in finding.detail for finding in findings)
