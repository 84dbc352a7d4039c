"""What a crash leaves behind, and what the next start makes of it."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from recado import embedded
from recado.embedded import clients, valkey
from recado.embedded.accounts import choose_account
from recado.embedded.errors import (
    EmbeddedDataMismatch,
    EmbeddedFolderUnusable,
    EmbeddedPasswordLost,
    EmbeddedServerStuck,
)

Launch = Callable[..., tuple[subprocess.Popen[str], list[str]]]


def _postmaster_file(home: Path, first: int) -> Path:
    """Writes the file that a crashed server leaves, naming this process."""
    path = home / "data/postgres/data/postmaster.pid"
    path.write_text(f"{first}\n{path.parent}\n1700000000\n5432\n\n127.0.0.1\n\nready\n")
    return path


@pytest.fixture
def stranger(used_home: Path) -> Iterator[int]:
    """A live process of the servers' account that is no server."""
    account = choose_account(used_home, [])
    process = subprocess.Popen(["sleep", "120"], **account.spawn_options())
    yield process.pid
    process.kill()
    process.wait()


def test_servers_that_outlived_a_killed_launcher_are_adopted(
    used_home: Path, launch: Launch
) -> None:
    launcher, (database_url, redis_url, *pids) = launch(used_home)
    os.kill(launcher.pid, signal.SIGKILL)
    with embedded.start(used_home) as servers:
        assert [servers.database_url, servers.redis_url] == [database_url, redis_url]
        assert [str(servers.postgres_pid), str(servers.valkey_pid)] == pids
        servers.restart_postgres()
        servers.restart_valkey()
        assert [servers.database_url, servers.redis_url] == [database_url, redis_url]
        assert str(servers.valkey_pid) not in pids
    assert servers.postgres_pid is servers.valkey_pid is None


def test_one_home_serves_one_launcher_at_a_time(used_home: Path, launch: Launch) -> None:
    launcher, (_, _, *pids) = launch(used_home)
    with pytest.raises(embedded.EmbeddedHomeBusy) as refusal:
        embedded.start(used_home)
    assert f"process {launcher.pid}" in str(refusal.value)
    assert "RECADO_HOME" in str(refusal.value)
    # The refused one has not touched the servers of the other.
    assert all(Path(f"/proc/{pid}").exists() for pid in pids) or not Path("/proc").exists()
    launcher.communicate("\n")
    assert launcher.returncode == 0
    embedded.start(used_home).stop()


def test_a_pid_file_of_a_dead_process_is_no_obstacle(used_home: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    _postmaster_file(used_home, dead.pid)
    with embedded.start(used_home, valkey=False) as servers:
        assert servers.postgres_pid not in {None, dead.pid}


def test_a_stranger_in_the_pid_file_is_left_alone(used_home: Path, stranger: int) -> None:
    path = _postmaster_file(used_home, stranger)
    finding = next(each for each in embedded.doctor(used_home) if each.name == "pid file")
    assert f"{path} is stale (process {stranger} is another program's)" in finding.detail
    with embedded.start(used_home, valkey=False) as servers:
        assert servers.postgres_pid not in {None, stranger}
    os.kill(stranger, 0)


def test_a_half_made_cluster_is_made_anew(home: Path) -> None:
    unfinished = home / "data/postgres/data.new"
    unfinished.mkdir(parents=True)
    for folder in (home, home / "data", home / "data/postgres"):
        folder.chmod(0o711)
    (unfinished / "PG_VERSION").write_text("18\n")
    with (
        embedded.start(home, valkey=False) as servers,
        psycopg.connect(servers.database_url) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not unfinished.exists()


def test_data_of_another_major_version_are_refused(doomed_home: Path) -> None:
    (doomed_home / "data/postgres/data/PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedDataMismatch, match="was made by PostgreSQL 9"):
        embedded.start(doomed_home)
    assert not all(finding.ok for finding in embedded.doctor(doomed_home))


def test_a_server_that_does_not_start_is_quoted(doomed_home: Path) -> None:
    with (doomed_home / "data/postgres/data/postgresql.conf").open("a") as settings:
        settings.write("nonsense_{0} = 1\n")
    with pytest.raises(embedded.EmbeddedStartError, match=r"syntax error in file.*line") as refusal:
        embedded.start(doomed_home)
    assert "postgres.log" in str(refusal.value)
    assert "DATABASE_URL" in str(refusal.value)


def test_data_without_their_password_are_not_thrown_away(doomed_home: Path) -> None:
    (doomed_home / "data/postgres/password").unlink()
    with pytest.raises(EmbeddedPasswordLost):
        embedded.start(doomed_home)
    assert (doomed_home / "data/postgres/data/PG_VERSION").exists()


def test_a_home_that_cannot_be_a_folder_is_refused(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(EmbeddedFolderUnusable, match="RECADO_HOME"):
        embedded.start(home)
    assert not all(finding.ok for finding in embedded.doctor(home))
    home.unlink()


def test_a_live_valkey_that_does_not_answer_is_neither_doubled_nor_killed(
    used_home: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher, facts = launch(used_home)
    pid = int(facts[3])
    os.kill(launcher.pid, signal.SIGKILL)
    os.kill(pid, signal.SIGSTOP)
    with monkeypatch.context() as patience:
        patience.setattr(clients, "_SECONDS", 0.2)
        patience.setattr(valkey, "_ANSWER_SECONDS", 0.2)
        with pytest.raises(EmbeddedServerStuck, match=f"'kill {pid}'"):
            embedded.start(used_home, postgres=False)
    os.kill(pid, signal.SIGCONT)
    with embedded.start(used_home) as servers:
        assert servers.valkey_pid == pid
