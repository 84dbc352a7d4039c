"""PostgreSQL's data folder: who uses it, which programs fit it, how it is made."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from recado.embedded.accounts import Account, clean_environment, require_entry
from recado.embedded.errors import (
    EmbeddedDataMismatch,
    EmbeddedDiskFull,
    EmbeddedStartError,
)
from recado.embedded.folders import ServerFolder, open_log
from recado.embedded.processes import is_full, look_at, read_pid, read_tail
from recado.embedded.programs import PostgresPrograms, find_postgres

USER = "postgres"
# The second is for systems that know no C.UTF-8. Plain C would blind pg_trgm to accents.
_LOCALES = ("C.UTF-8", "en_US.UTF-8")
_PORT_LINE = 3
_STATUS_LINE = 7
_MIB = 1024 * 1024


class PostmasterFile:
    """postmaster.pid: what PostgreSQL leaves in its data about the server at work there."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.path = data / "postmaster.pid"

    def recorded_pid(self) -> int | None:
        """The process it names, alive or not, ours or not."""
        return read_pid(self.path)

    def live_pid(self) -> int | None:
        """The process it names, if that is alive and a PostgreSQL at work in this very folder."""
        pid = self.recorded_pid()
        facts = look_at(pid) if pid is not None else None
        if facts is None or not facts.serves(self._data, "postgres"):
            return None
        return facts.pid

    def port(self) -> int | None:
        """Where that server listens."""
        text = self._line(_PORT_LINE)
        return int(text) if text.isdecimal() else None

    def is_ready(self) -> bool:
        """Whether that server takes connections, neither starting nor stopping."""
        return self._line(_STATUS_LINE) == "ready"

    def remove_if_stale(self) -> None:
        """Removes it when its process is dead or a stranger.

        PostgreSQL would take any live process with that number and owner for itself. Should the
        file be gone too early, its shared memory still keeps a second server off the data.
        """
        if self.live_pid() is None:
            self.path.unlink(missing_ok=True)

    def _line(self, index: int) -> str:
        try:
            lines = self.path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return lines[index].strip() if index < len(lines) else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended, and what the log has got since it started."""

    status: int
    said: str


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs PostgreSQL's programs under the account, their words going to the log."""

    account: Account
    log: Path

    def run(self, *command: str | Path, data: Path) -> Outcome:
        """Runs one program to its end.

        The folder goes by environment: pg_ctl puts its arguments into a shell's command unescaped.

        Raises:
            OSError: The program or the log cannot be opened.
        """
        log = open_log(self.log)
        try:
            since = os.fstat(log).st_size
            done = subprocess.run(  # noqa: S603 - programs that we looked up, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment(PGDATA=str(data)),
                check=False,
                # Ctrl-C in the terminal is for the launcher, which stops the servers in order.
                start_new_session=True,
                **self.account.spawn_options(),
            )
        finally:
            os.close(log)
        return Outcome(done.returncode, read_tail(self.log, since=since))

    def failure(self, said: str, data: Path) -> EmbeddedStartError:
        """The error for a program that failed with these words."""
        if is_full(data, said):
            return EmbeddedDiskFull(folder=data)
        return EmbeddedStartError(
            server="PostgreSQL", log=self.log, variable="DATABASE_URL", tail=said
        )


def read_data_version(data: Path) -> str | None:
    """The major version that made the data ("18"), None when there are no data."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except OSError:
        return None


def fitting_programs(data: Path) -> PostgresPrograms:
    """The programs of the version that made the data; for new data the first choice.

    Raises:
        EmbeddedProgramMissing: There is no PostgreSQL at all.
        EmbeddedDataMismatch: There is none of that version.
    """
    candidates = find_postgres()
    version = read_data_version(data)
    if version is None:
        return candidates[0]
    for programs in candidates:
        if str(programs.major) == version:
            return programs
    available = " and ".join(f"PostgreSQL {programs.version}" for programs in candidates)
    raise EmbeddedDataMismatch(folder=data, found=version, available=available)


def make_data(folder: ServerFolder, programs: PostgresPrograms, runner: Runner) -> None:
    """Makes an empty database cluster in the folder: whole or not at all.

    Raises:
        EmbeddedAccountUnusable: initdb does not work for an account without an entry.
        EmbeddedStartError: It fails; the error quotes why.
        OSError: The folder cannot be written.
    """
    require_entry(folder.account)
    # Under another name until it is whole: a launcher may be killed in the middle.
    unfinished = folder.path / "data.new"
    folder.account.own(folder.password_file)
    said = ""
    for locale in _LOCALES:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        folder.account.own(unfinished)
        provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        outcome = runner.run(
            programs.folder / "initdb",
            f"--username={USER}",
            "--encoding=UTF8",
            "--auth=scram-sha-256",
            f"--pwfile={folder.password_file}",
            *(provider if programs.has_builtin_locale else []),
            f"--locale={locale}",
            "--no-instructions",
            data=unfinished,
        )
        if outcome.status == 0:
            unfinished.rename(folder.data)
            return
        said = outcome.said
        if "invalid locale" not in said:
            break
    shutil.rmtree(unfinished, ignore_errors=True)
    raise runner.failure(said, folder.data)


def server_options(programs: PostgresPrograms, port: int) -> str:
    """Settings as arguments: they hold for every start, and there is no secret among them."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    settings: dict[str, object] = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        # A path below the home may be longer than a socket's may be (107 bytes).
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": f"{min(max(memory // 16, 128), 512)}MB",
        "effective_cache_size": f"{max(memory // 2, 256)}MB",
        "work_mem": "8MB",
        "random_page_cost": 1.1,
        "jit": "off",
        "timezone": "UTC",
    }
    if programs.has_library("pg_stat_statements"):
        settings["shared_preload_libraries"] = "pg_stat_statements"
    # pg_ctl hands this to a shell: values are plain words only.
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
