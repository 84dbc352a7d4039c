"""What needs no server to be seen: errors, programs, settings, findings."""

import errno
import os
import stat
from pathlib import Path

import pytest

from recado.embedded import doctor, programs
from recado.embedded.accounts import Account, clean_environment, require_entry
from recado.embedded.errors import (
    EmbeddedAccountUnusable,
    EmbeddedDiskFull,
    EmbeddedFolderUnusable,
    EmbeddedProgramMissing,
    EmbeddedStartError,
    from_os_error,
)
from recado.embedded.postgres_data import server_options
from recado.embedded.programs import PostgresPrograms, find_postgres, find_valkey
from recado.embedded.valkey import quote_setting


def test_an_error_quotes_a_log_with_braces_as_it_is() -> None:
    error = EmbeddedStartError(
        server="PostgreSQL", log="/x/{y}.log", variable="DATABASE_URL", tail="  {0} {broken"
    )
    assert "/x/{y}.log" in str(error)
    assert str(error).endswith("  {0} {broken")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, EmbeddedDiskFull),
        (errno.EDQUOT, EmbeddedDiskFull),
        (errno.EROFS, EmbeddedFolderUnusable),
        (errno.EACCES, EmbeddedFolderUnusable),
    ],
)
def test_a_refusal_of_the_system_says_what_to_do(
    number: int, kind: type[EmbeddedStartError]
) -> None:
    error = from_os_error(OSError(number, os.strerror(number), "/srv/casa"), Path("/srv"))
    assert type(error) is kind
    assert "RECADO_HOME" in str(error)


def test_the_wheel_s_postgresql_comes_first() -> None:
    first = find_postgres()[0]
    assert first.major == 18
    assert first.has_builtin_locale
    assert first.has_library("pg_trgm")
    assert find_valkey().version.startswith("9.")


def _program(path: Path, words: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{words}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_programs_that_are_too_old_or_do_not_run_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("postgres", "initdb", "pg_ctl"):
        _program(tmp_path / "old/bin" / name, "postgres (PostgreSQL) 14.9")
        _program(tmp_path / "$odd/bin" / name, "postgres (PostgreSQL) 18.6")
    (tmp_path / "broken/bin").mkdir(parents=True)
    found = [tmp_path / name / "bin" for name in ("old", "$odd", "broken")]
    monkeypatch.setattr(programs, "_postgres_folders", lambda: found)
    with pytest.raises(EmbeddedProgramMissing) as refusal:
        find_postgres()
    for words in ("older than 15", "cannot bear", "broken/bin does not run", "DATABASE_URL"):
        assert words in str(refusal.value)


def test_a_redis_of_the_system_stands_in_for_valkey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = _program(tmp_path / "redis-server", "Redis server v=7.0.15 sha=0 bits=64")
    monkeypatch.setattr(programs, "_valkey_paths", lambda: [tmp_path / "missing", redis])
    assert find_valkey() == programs.ValkeyProgram(redis, "7.0.15")
    monkeypatch.setattr(programs, "_valkey_paths", list)
    with pytest.raises(EmbeddedProgramMissing, match="REDIS_URL"):
        find_valkey()


def test_settings_of_postgresql_are_plain_words_for_the_shell() -> None:
    options = server_options(PostgresPrograms(Path("/nowhere/bin"), "18.6"), 20_001)
    assert set(options) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=. "
    )
    assert "port=20001" in options
    assert "fsync" not in options
    assert "pg_stat_statements" not in options


def test_a_setting_of_valkey_may_hold_any_bytes() -> None:
    assert quote_setting('/srv/Zé "x"\n'.encode()) == rb'"/srv/Z\xc3\xa9\x20\x22x\x22\x0a"'


def test_servers_inherit_nothing_that_changes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPORT", "PGOPTIONS", "LANG", "LC_MESSAGES", "TZ"):
        monkeypatch.setenv(name, "x")
    assert set(clean_environment()) <= {"PATH", "LD_LIBRARY_PATH", "LC_ALL"}


def test_an_account_without_an_entry_is_refused_before_initdb_fails() -> None:
    with pytest.raises(EmbeddedAccountUnusable, match="4000000"):
        require_entry(Account(4_000_000, 4_000_000, "4000000", switch=False))


def test_an_account_that_does_not_exist_can_run_nothing() -> None:
    account = Account(os.geteuid(), os.getegid(), "self", switch=False)
    assert account.can_run("/bin/sh", "-c", ":")
    assert account.explain_run("/bin/sh", "-c", "echo why >&2; exit 3") == "why"
    assert account.explain_run("/bin/sh", "-c", "exit 3") == "it ended with 3"
    assert "No such file" in (account.explain_run("/nowhere/program") or "")


def test_the_doctor_looks_at_a_new_home_without_making_it(tmp_path: Path) -> None:
    home = tmp_path / "casa"
    findings = doctor(home)
    assert [finding for finding in findings if not finding.ok] == []
    assert {finding.name for finding in findings} >= {"account", "home", "disk", "PostgreSQL"}
    assert not home.exists()


def test_the_doctor_says_what_to_do_about_each_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_postgres_folders", list)
    monkeypatch.setattr(programs, "_valkey_paths", list)
    home = tmp_path / "casa"
    home.mkdir()
    (home / "data").symlink_to(tmp_path / "gone")
    faults = {finding.name: finding for finding in doctor(home) if not finding.ok}
    assert set(faults) == {"data folder", "PostgreSQL", "Valkey"}
    assert all(finding.remedy for finding in faults.values())
    assert "Put it back" in faults["data folder"].remedy
