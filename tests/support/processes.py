"""Real processes of Recado for a test: web, workers and the simulator, on ports of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE = 60.0


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_up(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return once an address answers; fails with the log's end if its process dies."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{url}: ended with {process.returncode}\n{log.read_text()[-4000:]}")
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer\n{log.read_text()[-4000:]}")


@dataclass
class Installation:
    """One installation's processes."""

    env: Mapping[str, str]
    folder: Path
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    others: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the web process is."""
        return self.env["RECADO_PUBLIC_URL"]

    @property
    def simulator_url(self) -> str:
        """Where the simulator is."""
        return self.env["RECADO_SIMULATOR_URL"]

    def start(self) -> None:
        """Start web and simulator; workers come by ``start_worker``."""
        for name, url in (("simulator", self.simulator_url), ("web", self.url)):
            process = self._spawn(name, [name, "--port", url.rpartition(":")[2]])
            self.others.append(process)
            wait_until_up(f"{url}/healthz", process, self.folder / f"{name}.log")

    def start_worker(self) -> "subprocess.Popen[bytes]":
        """Start one more worker process."""
        process = self._spawn(f"worker-{len(self.workers)}", ["worker"])
        self.workers.append(process)
        return process

    def kill_workers(self) -> None:
        """SIGKILL, as a machine that loses its power."""
        for process in self.workers:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def stop(self) -> None:
        """End all of them in order."""
        running = [p for p in (*self.workers, *self.others) if p.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _spawn(self, name: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "recado", *arguments],
                env={**os.environ, **self.env},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
