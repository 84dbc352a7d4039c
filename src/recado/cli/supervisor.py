"""Keeping child processes alive: started, watched, started again when they die, ended together."""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GRACE_SECONDS = 15.0
SHORTEST_LIFE = 2.0  # a child that ends sooner is started again more slowly
LONGEST_PAUSE = 10.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    pause: float = 0.2
    again_at: float = field(default=0.0)


def _end_with_parent() -> None:
    """Ask Linux to end a child when its parent is killed, so that none is left on our ports."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Children of one process."""

    def __init__(
        self, log_folder: Path | None, said: Callable[[str], None] = lambda _: None
    ) -> None:
        """Start with no children.

        Args:
            log_folder: Where each child's output goes; None: to our own standard error.
            said: Told when a child had to be started again.
        """
        self._children: list[_Child] = []
        self._log_folder = log_folder
        self._said = said
        self._stop = threading.Event()

    def add(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a child, and keep it running from now on."""
        child = _Child(name, command, environment)
        self._children.append(child)
        self._start(child)

    def pid(self, name: str) -> int | None:
        """The process id of a child that runs."""
        for child in self._children:
            if child.name == name and child.process and child.process.poll() is None:
                return child.process.pid
        return None

    def log(self, name: str) -> Path | None:
        """Where a child's output is."""
        return self._log_folder / f"{name}.log" if self._log_folder else None

    def watch_once(self) -> None:
        """Start again whoever has died."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            if child.again_at == 0.0:
                lived = now - child.started_at
                child.pause = 0.2 if lived > SHORTEST_LIFE else min(child.pause * 2, LONGEST_PAUSE)
                child.again_at = now + child.pause
                self._said(f"{child.name} ended with {child.process.returncode}; starting it again")
            elif now >= child.again_at:
                self._start(child)

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT, then end all children."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        while not self._stop.wait(0.2):
            self.watch_once()
        self.stop()

    def stop(self) -> None:
        """End all children in the reverse order of their start; kill those that do not end."""
        running = [c.process for c in reversed(self._children) if c.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._children.clear()

    def _start(self, child: _Child) -> None:
        path = self.log(child.name)
        log = path.open("ab") if path else None
        try:
            # A session of its own: Ctrl-C reaches us alone, and we end the children in order.
            child.process = subprocess.Popen(  # noqa: S603 - our own command
                child.command,
                env=child.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - we start no threads
            )
        finally:
            if log:
                log.close()
        child.started_at = time.monotonic()
        child.again_at = 0.0
