"""Homes for real servers, and launchers in processes of their own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.folders import own_folder

import recado
from recado import embedded

Launch = Callable[..., tuple[subprocess.Popen[str], list[str]]]

_LAUNCHER = """
import os, sys
from pathlib import Path
from recado import embedded
import encodings.idna  # while this account may still read where Python lies
home, uid = Path(sys.argv[1]), int(sys.argv[2])
if uid:
    os.setgroups([]), os.setgid(uid), os.setuid(uid)
servers = embedded.start(home)
print(servers.database_url, servers.redis_url, servers.postgres_pid, servers.valkey_pid, flush=True)
sys.stdin.readline()
servers.stop()
"""


@pytest.fixture(scope="session")
def root_of_homes() -> Iterator[Path]:
    """A folder that every account can enter, which pytest's own are not for root."""
    with own_folder("embedded") as folder:
        yield folder


def _stop_leftovers(home: Path) -> None:
    pid_files = ("data/postgres/data/postmaster.pid", "data/valkey/data/valkey.pid")
    if any((home / name).exists() for name in pid_files):
        embedded.start(home).stop()


@pytest.fixture
def home(root_of_homes: Path) -> Iterator[Path]:
    """A home, not made yet, with a space, an accent and a quote in its path."""
    folder = Path(tempfile.mkdtemp(prefix="Dona Cecília's ", dir=root_of_homes)) / "casa"
    folder.parent.chmod(0o755)
    yield folder
    _stop_leftovers(folder)


@pytest.fixture(scope="session")
def made_home(root_of_homes: Path) -> Path:
    """A home whose servers ran and ended in order."""
    folder = root_of_homes / "Dona Cecília's"
    embedded.start(folder).stop()
    return folder


@pytest.fixture
def used_home(made_home: Path) -> Iterator[Path]:
    """A home whose servers ran before, shared by the tests that leave it usable."""
    yield made_home
    _stop_leftovers(made_home)


@pytest.fixture
def doomed_home(made_home: Path, home: Path) -> Path:
    """A home whose servers ran before, for a test to ruin."""
    subprocess.run(["cp", "-a", made_home, home], check=True)
    return home


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Starts a launcher in a process of its own, which stops at the next line of its input.

    Returned with both addresses and both pids. Those left at the end are killed.
    """
    processes: list[subprocess.Popen[str]] = []

    def run(home: Path, *, uid: int = 0) -> tuple[subprocess.Popen[str], list[str]]:
        process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, str(home), str(uid)],
            env={**os.environ, "PYTHONPATH": str(Path(recado.__file__).parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().split()

    yield run
    for process in processes:
        process.kill()
        process.communicate()
