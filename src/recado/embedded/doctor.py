"""What is wrong with the embedded servers of a home, and how to mend it. Changes nothing."""

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recado.embedded.accounts import Account, choose_account, require_entry
from recado.embedded.errors import EmbeddedError
from recado.embedded.folders import ServerFolder, find_orphans, resolve_home
from recado.embedded.postgres_data import PostmasterFile, fitting_programs, read_data_version
from recado.embedded.processes import is_alive
from recado.embedded.programs import find_valkey

_NEEDED_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is, in a word or two.
        ok: Whether it will do.
        detail: What was found.
        remedy: What to do about it; empty when it will do.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def doctor(home: Path | None = None) -> list[Finding]:
    """Looks at all that the embedded servers need, starting none of them.

    Args:
        home: As for `start`.
    """
    try:
        place = resolve_home(home)
    except EmbeddedError as error:
        return [_wrong("home", error)]
    data = place / "data"
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("account", lambda: _check_account(place, _account_of(place))),
        ("home", lambda: _check_writable(place)),
        ("data folder", lambda: _check_data(data, _account_of(place))),
        ("disk", lambda: _check_space(data)),
        ("PostgreSQL", lambda: _check_postgres(data / "postgres" / "data")),
        ("Valkey", _check_valkey),
        ("pid file", lambda: _check_pid_file(data / "postgres" / "data")),
        ("launcher", lambda: _check_launcher(data, _account_of(place))),
        ("left-over data", _check_orphans),
    ]
    findings = []
    for name, check in checks:
        try:
            findings.append(check())
        except EmbeddedError as error:
            findings.append(_wrong(name, error))
        except OSError as error:
            remedy = f"See to it that this account may read {place} and what is in it."
            findings.append(Finding(name, ok=False, detail=str(error), remedy=remedy))
    return findings


def _wrong(name: str, error: EmbeddedError) -> Finding:
    """An error's own sentence says both: first what, then what to do."""
    what, _, remedy = error.message().partition(". ")
    return Finding(name, ok=False, detail=what, remedy=remedy)


def _account_of(home: Path) -> Account:
    return choose_account(home, [home / "data" / name / "data" for name in ("postgres", "valkey")])


def _check_account(home: Path, account: Account) -> Finding:
    if read_data_version(home / "data" / "postgres" / "data") is None:
        require_entry(account)
    why = f"root's servers of {home} run under it" if account.switch else "your own"
    return Finding("account", ok=True, detail=f"{account.name} (user id {account.uid}): {why}")


def _check_writable(home: Path) -> Finding:
    folder = _nearest(home)
    if os.access(folder, os.W_OK | os.X_OK) and folder.is_dir():
        return Finding("home", ok=True, detail=f"{home} can be written")
    return Finding(
        "home",
        ok=False,
        detail=f"{folder} cannot be written",
        remedy="Make it writable for this account, or set RECADO_HOME to another folder.",
    )


def _check_data(data: Path, account: Account) -> Finding:
    if data.is_symlink() and not data.exists():
        return Finding(
            "data folder",
            ok=False,
            detail=f"{data} points to {data.readlink()}, which is gone",
            remedy=f"Put it back, or delete {data} to start with empty databases.",
        )
    if not data.exists():
        return Finding("data folder", ok=True, detail="none yet; the first start makes it")
    if not account.can_reach(data.resolve()):
        return Finding(
            "data folder",
            ok=False,
            detail=f"account {account.name}, which runs the servers, cannot enter {data}",
            remedy="Let it pass (chmod o+x on the folders above), or set RECADO_HOME.",
        )
    return Finding("data folder", ok=True, detail=str(data.resolve()))


def _check_space(data: Path) -> Finding:
    folder = _nearest(data.resolve())
    free = shutil.disk_usage(folder).free
    detail = f"{free // 1_000_000} MB are free at {folder}"
    if free >= _NEEDED_BYTES:
        return Finding("disk", ok=True, detail=detail)
    remedy = "Free at least 500 MB, or set RECADO_HOME to a folder on another disk."
    return Finding("disk", ok=False, detail=detail, remedy=remedy)


def _check_postgres(data: Path) -> Finding:
    programs = fitting_programs(data)
    version = read_data_version(data)
    made_by = f", the data are of version {version}" if version else ", no data yet"
    detail = f"{programs.version} at {programs.folder}{made_by}"
    return Finding("PostgreSQL", ok=True, detail=detail)


def _check_valkey() -> Finding:
    program = find_valkey()
    return Finding("Valkey", ok=True, detail=f"{program.version} at {program.path}")


def _check_pid_file(data: Path) -> Finding:
    postmaster = PostmasterFile(data)
    recorded, live = postmaster.recorded_pid(), postmaster.live_pid()
    if recorded is None:
        return Finding("pid file", ok=True, detail="no server is recorded")
    if live is not None:
        return Finding("pid file", ok=True, detail=f"PostgreSQL runs as process {live}")
    whose = "another program's" if is_alive(recorded) else "dead"
    return Finding(
        "pid file",
        ok=True,
        detail=f"{postmaster.path} is stale (process {recorded} is {whose}); "
        "the next start removes it",
    )


def _check_launcher(data: Path, account: Account) -> Finding:
    running = [
        name for name in ("postgres", "valkey") if ServerFolder(data / name, account).is_locked()
    ]
    detail = f"a Recado runs {' and '.join(running)}" if running else "none runs here"
    return Finding("launcher", ok=True, detail=detail)


def _check_orphans() -> Finding:
    orphans = find_orphans()
    if not orphans:
        return Finding("left-over data", ok=True, detail="none")
    listed = ", ".join(str(path) for path in orphans)
    return Finding(
        "left-over data",
        ok=True,
        detail=f"{listed}: their home is gone",
        remedy="Delete them if you do not miss their data.",
    )


def _nearest(path: Path) -> Path:
    """The path itself or the nearest folder above it that exists."""
    with contextlib.suppress(OSError):
        while not path.exists():
            path = path.parent
    return path
