"""The two servers as one thing to start and to stop."""

import contextlib
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from recado.embedded.accounts import choose_account
from recado.embedded.errors import from_os_error
from recado.embedded.folders import ServerFolder, open_data_folder, resolve_home
from recado.embedded.postgres import EmbeddedPostgres, StopMode
from recado.embedded.valkey import EmbeddedValkey


class EmbeddedServers:
    """The running servers of one home. A context manager that stops them at its end.

    Made by `start`.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._folders: list[ServerFolder] = []
        self._postgres: EmbeddedPostgres | None = None
        self._valkey: EmbeddedValkey | None = None
        self._data: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def database_url(self) -> str:
        """`postgresql://postgres:<password>@127.0.0.1:<port>/recado`."""
        return self._need_postgres().url

    @property
    def redis_url(self) -> str:
        """`redis://:<password>@127.0.0.1:<port>/0`."""
        return self._need_valkey().url

    @property
    def postgres_pid(self) -> int | None:
        """PostgreSQL's process id, None while it is down or was not asked for."""
        return self._postgres.pid if self._postgres else None

    @property
    def valkey_pid(self) -> int | None:
        """Valkey's process id, None while it is down or was not asked for."""
        return self._valkey.pid if self._valkey else None

    def restart_postgres(self, mode: StopMode = "fast") -> None:
        """Stops PostgreSQL (or finds it dead) and starts it on the same address.

        Args:
            mode: `fast` ends sessions in order, `immediate` is a crash with recovery.

        Raises:
            EmbeddedStartError: It does not come up again.
        """
        self._need_postgres().restart(mode)

    def restart_valkey(self) -> None:
        """Stops Valkey (or finds it dead) and starts it on the same address.

        Raises:
            EmbeddedStartError: It does not come up again.
        """
        self._need_valkey().restart()

    def stop(self) -> None:
        """Stops what runs, data written, and gives the home back. Harmless when repeated.

        Raises:
            EmbeddedServerStuck: A server does not end.
        """
        with contextlib.ExitStack() as steps:
            for folder in self._folders:
                steps.callback(folder.unlock)
            if self._postgres:
                steps.callback(self._postgres.stop)
            if self._valkey:
                steps.callback(self._valkey.stop)
        self._folders = []

    def destroy(self) -> None:
        """Stops the servers and deletes their data and logs: for homes made for a test.

        Raises:
            EmbeddedServerStuck: A server does not end.
        """
        self.stop()
        if self._data is None:
            return
        shutil.rmtree(self._data, ignore_errors=True)
        shutil.rmtree(self.home / "logs", ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.home / "data").unlink()
        with contextlib.suppress(OSError):
            self.home.rmdir()

    def _start(self, *, postgres: bool, valkey: bool) -> None:
        data_folders = [self.home / "data" / name / "data" for name in ("postgres", "valkey")]
        account = choose_account(self.home, data_folders)
        self._data = data = open_data_folder(self.home, account)
        logs, programs = self.home / "logs", data / "programs"
        # Locks first: whoever loses a race must not have touched anything.
        pairs = []
        for name, wanted in (("postgres", postgres), ("valkey", valkey)):
            if wanted:
                folder = ServerFolder(data / name, account)
                folder.lock()
                self._folders.append(folder)
                pairs.append((name, folder))
        folders = dict(pairs)
        if postgres:
            self._postgres = EmbeddedPostgres(
                folders["postgres"], log=logs / "postgres.log", programs_folder=programs
            )
            self._postgres.start()
        if valkey:
            self._valkey = EmbeddedValkey(
                folders["valkey"], log=logs / "valkey.log", programs_folder=programs
            )
            self._valkey.start()

    def _need_postgres(self) -> EmbeddedPostgres:
        if self._postgres is None:
            raise RuntimeError("PostgreSQL was not started here: start(postgres=True)")
        return self._postgres

    def _need_valkey(self) -> EmbeddedValkey:
        if self._valkey is None:
            raise RuntimeError("Valkey was not started here: start(valkey=True)")
        return self._valkey


def start(
    home: Path | None = None, *, postgres: bool = True, valkey: bool = True
) -> EmbeddedServers:
    """Starts the servers of a home, or adopts those that outlived their launcher.

    Args:
        home: Where they keep everything; default RECADO_HOME, else ~/.local/share/recado.
        postgres: Leave it out when DATABASE_URL names a server.
        valkey: Leave it out when REDIS_URL names a server.

    Raises:
        EmbeddedHomeBusy: Another process runs the servers of this home.
        EmbeddedStartError: One does not come up. None is left running then.
    """
    servers = EmbeddedServers(resolve_home(home))
    try:
        servers._start(postgres=postgres, valkey=valkey)  # noqa: SLF001 - the maker of the object
    except OSError as error:
        servers.stop()
        raise from_os_error(error, servers.home) from error
    except BaseException:
        # Ctrl-C in the middle, too, leaves nothing behind.
        servers.stop()
        raise
    return servers
