"""One Valkey: started, adopted, restarted and stopped."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from recado.embedded.accounts import clean_environment
from recado.embedded.clients import ask_valkey_pid, valkey_answers
from recado.embedded.errors import (
    EmbeddedDiskFull,
    EmbeddedPortTaken,
    EmbeddedServerStuck,
    EmbeddedStartError,
)
from recado.embedded.folders import ServerFolder, open_log
from recado.embedded.processes import (
    choose_port,
    is_alive,
    is_full,
    look_at,
    port_is_free,
    read_pid,
    read_tail,
    wait_for,
)
from recado.embedded.programs import ValkeyProgram, find_valkey, stage_valkey

_NAMES = ("valkey-server", "redis-server")
_PID_FILE = "valkey.pid"
# Reading a long append-only file back takes a while.
_START_SECONDS = 300
_STOP_SECONDS = 60
_ANSWER_SECONDS = 10
_STARTS = 5


class EmbeddedValkey:
    """The Valkey of one folder. The caller holds the folder's lock.

    Args:
        folder: Where it lives.
        log: Its log file.
        programs_folder: Where a copy of the program goes when its account cannot read it.
    """

    def __init__(self, folder: ServerFolder, *, log: Path, programs_folder: Path) -> None:
        self._folder = folder
        self._log = log
        self._programs_folder = programs_folder
        self._program: ValkeyProgram | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._password = ""
        self._port = 0

    @property
    def url(self) -> str:
        """The address of database 0, password included."""
        return f"redis://:{quote(self._password)}@127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The process id of the server, None while it is down."""
        return self._pid if self._pid is not None and self._is_up(self._pid) else None

    def start(self) -> None:
        """Adopts the live server of the folder or starts one.

        Raises:
            EmbeddedStartError: It does not come up; the error says why and what to do.
            OSError: The folder cannot be written.
        """
        self._password = self._folder.read_password() or self._folder.new_password()
        if self._adopt():
            return
        program = self._prepare()
        for left in reversed(range(_STARTS)):
            port = choose_port(self._folder.read_port())
            # Remembered first: should this process be killed now, the next one finds the server.
            self._folder.remember_port(port)
            try:
                self._run_server(program, port)
            except EmbeddedPortTaken:
                if not left:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stops the server, its data written, and waits for it. Harmless when it is down.

        Raises:
            EmbeddedServerStuck: It does not end.
        """
        pid = self.pid
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        if not wait_for(lambda: not self._is_up(pid), _STOP_SECONDS):
            raise self._stuck(pid)
        self._pid = None

    def restart(self) -> None:
        """Stops the server and starts it on the same port.

        Raises:
            EmbeddedPortTaken: Another program took the port meanwhile.
            EmbeddedStartError: It does not come up again.
        """
        self.stop()
        if not wait_for(lambda: port_is_free(self._port), _ANSWER_SECONDS):
            raise EmbeddedPortTaken(server="Valkey", port=self._port)
        self._run_server(self._prepare(), self._port)

    def _is_up(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        return is_alive(pid)

    def _adopt(self) -> bool:
        """Takes over a server that outlived its launcher. False when there is none."""
        self._port = self._folder.read_port() or 0
        if self._port and self._ask_pid() is not None:
            return self._wait_until_loaded()
        pid = read_pid(self._folder.data / _PID_FILE)
        facts = look_at(pid) if pid is not None else None
        if facts is None or not facts.serves(self._folder.data, *_NAMES):
            return False
        # It may be on its way up or down.
        wait_for(lambda: not is_alive(facts.pid) or self._ask_pid() is not None, _ANSWER_SECONDS)
        if not is_alive(facts.pid):
            return False
        if self._ask_pid() is None:
            raise self._stuck(facts.pid)
        return self._wait_until_loaded()

    def _prepare(self) -> ValkeyProgram:
        """The program, and a folder for its data."""
        if self._program is None or not self._program.path.is_file():
            self._program = stage_valkey(find_valkey(), self._folder.account, self._programs_folder)
        data = self._folder.data
        if not data.is_dir():
            data.mkdir(mode=0o700)
            self._folder.account.own(data)
        return self._program

    def _run_server(self, program: ValkeyProgram, port: int) -> None:
        """One server on this port, up and answering."""
        log = open_log(self._log)
        since = os.fstat(log).st_size
        try:
            process = subprocess.Popen(  # noqa: S603 - a program that we looked up, no shell
                # Settings come by its input: the password is not for every user's ps.
                [program.path, "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment(),
                # Ctrl-C in the terminal is for the launcher, which stops the servers in order.
                start_new_session=True,
                **self._folder.account.spawn_options(),
            )
        finally:
            os.close(log)
        self._process, self._pid, self._port = process, process.pid, port
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin as settings:
                settings.write(_settings(port, self._password, self._folder.data))
        wait_for(lambda: process.poll() is not None or self._answers(), _START_SECONDS)
        if process.poll() is None and self._answers():
            return
        self._give_up(process)
        tail = read_tail(self._log, since=since)
        if "Address already in use" in tail:
            raise EmbeddedPortTaken(server="Valkey", port=port)
        if is_full(self._folder.data, tail):
            raise EmbeddedDiskFull(folder=self._folder.data)
        raise EmbeddedStartError(server="Valkey", log=self._log, variable="REDIS_URL", tail=tail)

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
            process.wait()
        self._pid = None

    def _wait_until_loaded(self) -> bool:
        pid = self._ask_pid()
        if pid is None:
            return False
        self._pid = pid
        if not wait_for(lambda: not is_alive(pid) or self._answers(), _START_SECONDS):
            raise self._stuck(pid)
        return is_alive(pid)

    def _answers(self) -> bool:
        return valkey_answers(self._port, self._password)

    def _ask_pid(self) -> int | None:
        return ask_valkey_pid(self._port, self._password, self._folder.data)

    def _stuck(self, pid: int) -> EmbeddedServerStuck:
        return EmbeddedServerStuck(
            server="Valkey", pid=pid, folder=self._folder.data, log=self._log
        )


def _settings(port: int, password: str, data: Path) -> bytes:
    lines = [
        b"bind 127.0.0.1",
        b"port %d" % port,
        b"requirepass " + quote_setting(password.encode()),
        b"dir " + quote_setting(os.fsencode(data)),
        b"pidfile " + quote_setting(os.fsencode(data / _PID_FILE)),
        b"appendonly yes",
        # The append-only file keeps everything; snapshots beside it only cost.
        b'save ""',
        b"maxmemory-policy noeviction",
    ]
    return b"".join(line + b"\n" for line in lines)


def quote_setting(value: bytes) -> bytes:
    """A value as Valkey's configuration reads it, whatever bytes are in it."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
    return b'"' + b"".join(b"%c" % b if b in plain else b"\\x%02x" % b for b in value) + b'"'
