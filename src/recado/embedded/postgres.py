"""One PostgreSQL: started, adopted, restarted and stopped."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Literal

import psycopg

from recado.embedded.clients import DATABASE, create_database, postgres_answers
from recado.embedded.errors import EmbeddedPasswordLost, EmbeddedPortTaken, EmbeddedServerStuck
from recado.embedded.folders import ServerFolder
from recado.embedded.postgres_data import (
    USER,
    PostmasterFile,
    Runner,
    fitting_programs,
    make_data,
    server_options,
)
from recado.embedded.processes import choose_port, is_alive, port_is_free, wait_for
from recado.embedded.programs import PostgresPrograms, stage_postgres

StopMode = Literal["smart", "fast", "immediate"]

# Recovery after a crash may take minutes.
_START_SECONDS = 300
_STOP_SECONDS = 60
_ANSWER_SECONDS = 10
_STARTS = 5
# As pg_ctl stop does it, but without its program: an adopted server may outlive that, too.
_SIGNALS = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}


class EmbeddedPostgres:
    """The PostgreSQL of one folder. The caller holds the folder's lock.

    Args:
        folder: Where it lives.
        log: Its log file.
        programs_folder: Where copies of its programs go when its account cannot read them.
    """

    def __init__(self, folder: ServerFolder, *, log: Path, programs_folder: Path) -> None:
        self._folder = folder
        self._log = log
        self._programs_folder = programs_folder
        self._programs: PostgresPrograms | None = None
        self._runner = Runner(folder.account, log)
        self._postmaster = PostmasterFile(folder.data)
        self._password = ""
        self._port = 0

    @property
    def url(self) -> str:
        """The address of the database `recado`, password included."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{DATABASE}"

    @property
    def pid(self) -> int | None:
        """The process id of the server, None while it is down."""
        return self._postmaster.live_pid()

    def start(self) -> None:
        """Adopts the live server of the folder or starts one, then makes sure of the database.

        Raises:
            EmbeddedStartError: It does not come up; the error says why and what to do.
            OSError: The folder cannot be written.
        """
        self._read_password()
        if not self._adopt():
            self._postmaster.remove_if_stale()
            self._start_on_free_port(self._prepare())
        try:
            create_database(self._port, self._password)
        except psycopg.Error as error:
            raise self._runner.failure(f"  {error}", self._folder.data) from error

    def stop(self, mode: StopMode = "fast") -> None:
        """Stops the server and waits for it. Harmless when it is down.

        Raises:
            EmbeddedServerStuck: It does not even obey an immediate stop.
        """
        pid = self.pid
        if pid is None:
            return
        for signal_ in (_SIGNALS[mode], signal.SIGQUIT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_)
            if wait_for(lambda: not is_alive(pid), _STOP_SECONDS):
                return
        raise self._stuck(pid)

    def restart(self, mode: StopMode) -> None:
        """Stops the server in this mode and starts it on the same port.

        Raises:
            EmbeddedPortTaken: Another program took the port meanwhile.
            EmbeddedStartError: It does not come up again.
        """
        self.stop(mode)
        if not wait_for(lambda: port_is_free(self._port), _ANSWER_SECONDS):
            raise EmbeddedPortTaken(server="PostgreSQL", port=self._port)
        self._postmaster.remove_if_stale()
        self._run_server(self._prepare(), self._port)

    def _adopt(self) -> bool:
        """Takes over a server that outlived its launcher. False when there is none."""
        pid = self.pid
        if pid is None:
            return False
        wait_for(lambda: not is_alive(pid) or self._postmaster.is_ready(), _START_SECONDS)
        if not is_alive(pid):
            return False
        port = self._postmaster.port()
        if port is None or not self._wait_for_answer(port):
            if not is_alive(pid):
                return False
            raise self._stuck(pid)
        self._port = port
        self._folder.remember_port(port)
        return True

    def _stuck(self, pid: int) -> EmbeddedServerStuck:
        return EmbeddedServerStuck(
            server="PostgreSQL", pid=pid, folder=self._folder.data, log=self._log
        )

    def _read_password(self) -> None:
        password = self._folder.read_password()
        if password is None and self._folder.data.is_dir():
            raise EmbeddedPasswordLost(folder=self._folder.data, file=self._folder.password_file)
        self._password = password or self._folder.new_password()

    def _prepare(self) -> PostgresPrograms:
        """The programs that fit the data; the data are made when there are none."""
        if self._programs is None or not self._programs.folder.is_dir():
            chosen = fitting_programs(self._folder.data)
            self._programs = stage_postgres(chosen, self._folder.account, self._programs_folder)
        if not self._folder.data.is_dir():
            make_data(self._folder, self._programs, self._runner)
        return self._programs

    def _start_on_free_port(self, programs: PostgresPrograms) -> None:
        """Starts on the remembered port or another one, again when it is taken meanwhile."""
        for left in reversed(range(_STARTS)):
            port = choose_port(self._folder.read_port())
            self._folder.remember_port(port)
            try:
                self._run_server(programs, port)
            except EmbeddedPortTaken:
                if not left:
                    raise
            else:
                return

    def _run_server(self, programs: PostgresPrograms, port: int) -> None:
        """One server on this port, up and answering.

        Processes of a server that was killed may outlive it for a moment and keep its shared
        memory: then it is tried again for a while.
        """
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            outcome = self._runner.run(
                programs.folder / "pg_ctl",
                *("start", "-w", "-t", str(_START_SECONDS)),
                *("-o", server_options(programs, port)),
                data=self._folder.data,
            )
            if outcome.status == 0:
                break
            if "Address already in use" in outcome.said:
                raise EmbeddedPortTaken(server="PostgreSQL", port=port)
            if "shared memory block" not in outcome.said or time.monotonic() > deadline:
                raise self._runner.failure(outcome.said, self._folder.data)
            time.sleep(0.1)
        self._port = port
        if not self._wait_for_answer(port):
            raise self._runner.failure(outcome.said, self._folder.data)

    def _wait_for_answer(self, port: int) -> bool:
        """A real connection is what counts as ready."""
        return wait_for(lambda: postgres_answers(port, self._password), _ANSWER_SECONDS)
