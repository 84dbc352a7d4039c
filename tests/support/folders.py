"""Folders of a test session, and what sessions that were killed have left behind.

A session ends its servers and deletes its folders by itself. One that dies by SIGKILL cannot: the
next one finds its folders by the name of their owner, ends what still runs in them, and deletes
them.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_NAME = re.compile(r"recado-[a-z]+-of-(\d+)-\w+")
_PATIENCE = 5.0


@contextmanager
def own_folder(purpose: str) -> Iterator[Path]:
    """A fresh folder that every account may enter, named for this process; gone after the block.

    Processes that could outlive this one have to work in it, so that they can be found.
    """
    made = tempfile.mkdtemp(prefix=f"recado-{purpose}-of-{os.getpid()}-")
    path = Path(made).resolve()
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def clear_leftovers() -> None:
    """End the processes and delete the folders of sessions that are dead."""
    for folder in _orphans():
        running = _at_work_in(folder)
        for process in running:
            with suppress(psutil.Error):
                process.terminate()
        for process in psutil.wait_procs(running, timeout=_PATIENCE)[1]:
            with suppress(psutil.Error):
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _orphans() -> list[Path]:
    found = []
    for path in Path(tempfile.gettempdir()).iterdir():
        named = _NAME.fullmatch(path.name)
        with suppress(OSError):
            if named and path.stat().st_uid == os.geteuid() and not _owns(int(named[1]), path):
                found.append(path.resolve())
    return found


def _owns(pid: int, folder: Path) -> bool:
    """Whether the process of this number is the one that made the folder, and not a later one."""
    try:
        born = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
    return born <= folder.stat().st_ctime + 1


def _at_work_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found
