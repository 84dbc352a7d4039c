"""Facts about processes, ports and log files, from the standard library alone."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recado.embedded.errors import EmbeddedNoPort

# Below every usual range of ephemeral ports (Linux: 32768 and up), so that no outgoing connection
# of another program takes a remembered port away.
_PORTS = range(20_000, 30_000)
_POLL_SECONDS = 0.02
_TAIL_BYTES = 8_192
# What a server needs to write a last word: with less, silence means a full disk.
_FULL_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """A live process: the name of its program and, where it can be known, its folder."""

    pid: int
    program: str
    folder: Path | None

    def serves(self, data: Path, *programs: str) -> bool:
        """Whether this is one of `programs` at work in `data` (servers change into their data).

        Where the system does not tell folders at all, the name has to do.
        """
        if self.program not in programs:
            return False
        if self.folder is None:
            return not Path("/proc/self").exists()
        try:
            return self.folder.samefile(data)
        except OSError:
            return False


def is_alive(pid: int) -> bool:
    """Whether the process runs. One that ended and was not reaped yet does not."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (ProcessLookupError, OverflowError):
        return False
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return state[:1] != [b"Z"]
    return True


def look_at(pid: int) -> ProcessFacts | None:
    """What is known of a live process, None when there is no such process."""
    if not is_alive(pid):
        return None
    proc = Path(f"/proc/{pid}")
    if not proc.exists():
        return ProcessFacts(pid=pid, program=_name_by_ps(pid), folder=None)
    program, folder = "", None
    with contextlib.suppress(OSError):
        program = (proc / "comm").read_text(errors="replace").strip()
        folder = (proc / "cwd").readlink()
    return ProcessFacts(pid=pid, program=program, folder=folder)


def _name_by_ps(pid: int) -> str:
    command = ["/bin/ps", "-o", "comm=", "-p", str(pid)]
    with contextlib.suppress(OSError):
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - fixed program, numeric argument
        return Path(output.strip()).name
    return ""


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Asks until the condition holds (True) or the time is over (False)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def read_pid(path: Path) -> int | None:
    """The number in the first line of a pid file, None when there is none."""
    try:
        first, *_ = path.read_text(errors="replace").splitlines()
        return int(first)
    except (OSError, ValueError):
        return None


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do it: connections of the last run that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(remembered: int | None) -> int:
    """The remembered port when it is free, else another that is.

    Raises:
        EmbeddedNoPort: A thousand of them were tried in vain.
    """
    if remembered is not None and port_is_free(remembered):
        return remembered
    for _ in range(1_000):
        port = secrets.choice(_PORTS)
        if port_is_free(port):
            return port
    raise EmbeddedNoPort(first=_PORTS.start, last=_PORTS.stop - 1)


def read_tail(log: Path, *, since: int = 0, lines: int = 15) -> str:
    """The last lines written to a log after byte `since`, indented for a message."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(since, size - _TAIL_BYTES, 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (nothing)"


def is_full(folder: Path, said: str) -> bool:
    """Whether a program failed for want of space. Its log may be on the same disk, and empty."""
    while not folder.exists():
        folder = folder.parent
    return "No space left on device" in said or shutil.disk_usage(folder).free < _FULL_BYTES
