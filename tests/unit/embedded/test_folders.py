"""Where things lie, who may read them, and who has them."""

import os
from pathlib import Path

import pytest

from recado.embedded import folders
from recado.embedded.accounts import Account
from recado.embedded.errors import EmbeddedFolderUnusable, EmbeddedHomeBusy
from recado.embedded.folders import ServerFolder, open_log, resolve_home, write_private

ACCOUNT = Account(os.geteuid(), os.getegid(), "self", switch=False)


def test_the_home_comes_from_the_argument_the_variable_or_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "ana"))
    monkeypatch.setenv("RECADO_HOME", "relative/casa")
    assert resolve_home(Path("given")) == tmp_path / "given"
    assert resolve_home(Path("~/given")) == tmp_path / "ana/given"
    assert resolve_home(None) == tmp_path / "relative/casa"
    monkeypatch.setenv("RECADO_HOME", "")
    assert resolve_home(None) == tmp_path / "ana/.local/share/recado"


def test_a_home_with_a_line_break_is_refused() -> None:
    with pytest.raises(EmbeddedFolderUnusable, match="line break"):
        resolve_home(Path("/tmp/a\nb"))


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "password"
    write_private(path, "first")
    write_private(path, "second")
    assert path.read_text() == "second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_LOG_LIMIT_BYTES", 10)
    log = tmp_path / "logs/server.log"
    for text in (b"a" * 11, b"b"):
        descriptor = open_log(log)
        os.write(descriptor, text)
        os.close(descriptor)
    assert log.read_bytes() == b"b"
    assert log.with_name("server.log.1").read_bytes() == b"a" * 11


def test_a_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch()
    (tmp_path / "server.log").symlink_to(target)
    with pytest.raises(OSError, match=r"server\.log"):
        open_log(tmp_path / "server.log")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_LOCK_PATIENCE_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
def test_a_folder_has_one_holder(tmp_path: Path) -> None:
    first, second = (ServerFolder(tmp_path / "postgres", ACCOUNT) for _ in range(2))
    first.lock()
    assert second.is_locked()
    with pytest.raises(EmbeddedHomeBusy, match=f"process {os.getpid()}"):
        second.lock()
    first.unlock()
    first.unlock()
    second.lock()
    second.unlock()
    assert not first.is_locked()


def test_a_forked_child_does_not_keep_the_folder(tmp_path: Path) -> None:
    folder = ServerFolder(tmp_path / "postgres", ACCOUNT)
    folder.lock()
    waiting, release = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(release)
        os.read(waiting, 1)
        os._exit(0)
    try:
        folder.unlock()
        folder.lock()
        folder.unlock()
    finally:
        os.close(release)
        os.close(waiting)
        os.waitpid(child, 0)


def test_a_data_folder_left_by_its_home_is_an_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "STATE_FOLDER", tmp_path / "state")
    assert folders.find_orphans() == []
    for name in ("kept", "left"):
        place, home = tmp_path / "state" / name, tmp_path / name
        place.mkdir(parents=True)
        home.mkdir()
        (place / "home").write_bytes(os.fsencode(home))
        (home / "data").symlink_to(place)
    (tmp_path / "left/data").unlink()
    assert folders.find_orphans() == [tmp_path / "state/left"]
