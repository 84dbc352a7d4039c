"""Root, ordinary users, and folders that not everybody may enter."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from recado import embedded
from recado.embedded import folders, postgres_data, programs
from recado.embedded.errors import EmbeddedDataMissing, EmbeddedFolderUnusable
from recado.embedded.programs import PostgresPrograms, find_postgres

Launch = Callable[..., tuple[subprocess.Popen[str], list[str]]]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")


@pytest.fixture
def state_folder(root_of_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of /var/lib/recado."""
    folder = root_of_homes / "state"
    monkeypatch.setattr(folders, "STATE_FOLDER", folder)
    return folder


def _owner_of_process(pid: int | None) -> int:
    assert pid is not None
    return Path(f"/proc/{pid}").stat().st_uid


@as_root
def test_the_servers_of_root_run_under_another_account(used_home: Path) -> None:
    with embedded.start(used_home) as servers:
        owners = {_owner_of_process(pid) for pid in (servers.postgres_pid, servers.valkey_pid)}
        assert len(owners) == 1
        assert 0 not in owners


@as_root
def test_root_may_have_a_home_that_nobody_else_can_enter(home: Path, state_folder: Path) -> None:
    home.mkdir()
    home.parent.chmod(0o700)
    with embedded.start(home) as servers:
        target = (home / "data").readlink()
        assert target.parent == state_folder
        url = servers.database_url
    with embedded.start(home) as servers:
        assert servers.database_url == url
        assert folders.find_orphans() == []
    moved = home.with_name("moved")
    home.rename(moved)
    with embedded.start(moved) as servers:
        assert servers.database_url == url
    shutil.rmtree(moved)
    assert folders.find_orphans() == [target]


@as_root
def test_a_data_folder_that_is_gone_is_not_replaced_in_silence(
    home: Path, state_folder: Path
) -> None:
    home.mkdir()
    (home / "data").symlink_to(state_folder / "gone")
    with pytest.raises(EmbeddedDataMissing, match="delete"):
        embedded.start(home)
    assert not all(finding.ok for finding in embedded.doctor(home))
    (home / "data").unlink()


def test_a_home_may_have_any_name_that_fits_in_a_line(home: Path, state_folder: Path) -> None:
    odd = home / """$HOME "a" `b` \\c 日本 #é%"""
    home.mkdir(mode=0o755)
    with embedded.start(odd) as servers:
        servers.restart_valkey()
        urls = servers.database_url, servers.redis_url
    with embedded.start(odd) as servers:
        assert (servers.database_url, servers.redis_url) == urls
        servers.destroy()
    with pytest.raises(EmbeddedFolderUnusable, match="line break"):
        embedded.start(home / "a\nb")


@as_root
def test_programs_that_the_account_cannot_read_are_copied(
    home: Path, root_of_homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_postgres()[0]
    valkey = programs.find_valkey()
    closed = root_of_homes / "closed"
    closed.mkdir(mode=0o700)
    package = real.folder.parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs"), valkey.path.parent):
        (closed / folder.name).symlink_to(folder)
    hidden = PostgresPrograms(closed / package.name / "pginstall" / "bin", real.version)
    hidden_valkey = closed / valkey.path.parent.name / valkey.path.name
    monkeypatch.setattr(postgres_data, "find_postgres", lambda: [hidden])
    monkeypatch.setattr(programs, "_valkey_paths", lambda: [hidden_valkey])
    with (
        embedded.start(home) as servers,
        psycopg.connect(servers.database_url) as connection,
    ):
        connection.execute("CREATE EXTENSION pg_trgm")
        copied = Path(f"/proc/{servers.postgres_pid}/exe").readlink()
        assert copied.is_relative_to(home / "data/programs")


@as_root
def test_an_ordinary_user_needs_no_root_and_may_lend_the_home_to_root(
    home: Path, launch: Launch
) -> None:
    user = pwd.getpwnam("nobody")
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)
    with embedded.start(home) as servers:
        assert _owner_of_process(servers.postgres_pid) == user.pw_uid
        expected = servers.database_url
    launcher, (database_url, _, pid, _) = launch(home, uid=user.pw_uid)
    assert _owner_of_process(int(pid)) == user.pw_uid
    assert database_url == expected
    launcher.communicate("\n")
    assert launcher.returncode == 0
    assert {path.stat().st_uid for path in home.rglob("*")} == {user.pw_uid}


@pytest.mark.skipif(
    not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")), reason="no PostgreSQL of Debian's"
)
def test_the_system_s_postgresql_is_a_fallback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = [found for found in find_postgres() if found.folder.is_relative_to("/usr/lib")]
    with monkeypatch.context() as without_wheel:
        without_wheel.setattr(postgres_data, "find_postgres", lambda: system)
        with (
            embedded.start(home, valkey=False) as servers,
            psycopg.connect(servers.database_url) as connection,
        ):
            connection.execute("CREATE EXTENSION pg_trgm")
            query = "SELECT lower('ÇÃO'), cardinality(show_trgm('ação'))"
            assert connection.execute(query).fetchone() == ("ção", 5)
    # With the wheel back, the data still go to the version that made them.
    with embedded.start(home, valkey=False):
        found = next(each for each in embedded.doctor(home) if each.name == "PostgreSQL")
        assert system[0].version in found.detail
