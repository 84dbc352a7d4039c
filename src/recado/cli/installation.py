"""Finding the installation that a command is for: by the environment, or by what runs at home."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio

from recado.bootstrap import open_runtime
from recado.domain.errors import NotFound, Unavailable
from recado.domain.ids import WorkspaceId
from recado.features.workspaces import service as workspaces
from recado.platform import crypto, settings
from recado.platform.runtime import Runtime

T = TypeVar("T")


class NotRunning(Unavailable):
    code = "not_running"
    sentence = (
        "No Recado is running here. Start one with 'recado up', or set DATABASE_URL, REDIS_URL "
        "and RECADO_SECRET_KEY to reach another."
    )


class WorkspaceNeeded(NotFound):
    code = "workspace_needed"
    sentence = "There are several workspaces. Say which with --workspace: {known}."


class WorkspaceMissing(NotFound):
    code = "workspace_missing"
    sentence = "There is no workspace '{name}'. The known ones are: {known}."


@dataclass(frozen=True, slots=True)
class Running:
    """What ``recado up`` leaves at home for other commands while it runs."""

    pid: int
    url: str
    simulator_url: str | None
    environment: dict[str, str]
    workspace_id: int

    def write(self, home: Path) -> None:
        """Leave it where only this account can read it."""
        path = home / "running.json"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)

    @staticmethod
    def read(home: Path) -> "Running | None":
        """What was left, if the process that left it is alive."""
        try:
            running = Running(**json.loads((home / "running.json").read_text()))
            os.kill(running.pid, 0)
        except (OSError, ValueError, TypeError):
            return None
        return running


def home() -> Path:
    """The folder of this installation, made if it is not there."""
    path = settings.home().home.expanduser().absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


def secret_key(place: Path) -> str:
    """The installation's key for credentials: from the environment, or kept at home."""
    chosen = settings.web().secret_key
    if chosen is not None:
        return chosen.get_secret_value()
    path = place / "secret.key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(crypto.new_key())
    return path.read_text().strip()


def apply_environment(values: dict[str, str]) -> None:
    """Take over settings, as if they had been in the environment all along."""
    os.environ.update(values)
    for group in (settings.servers, settings.web, settings.sending, settings.home, settings.logs):
        group.cache_clear()


def reach() -> Running | None:
    """Find the servers that a command needs.

    Raises:
        NotRunning: Neither the environment nor home knows any.
    """
    servers = settings.servers()
    running = Running.read(home())
    if servers.database_url and servers.redis_url:
        apply_environment({"RECADO_SECRET_KEY": secret_key(home())})
        return running
    if running is None:
        raise NotRunning
    apply_environment(running.environment)
    return running


@asynccontextmanager
async def runtime_here() -> AsyncIterator[Runtime]:
    """An open runtime on the servers that were reached."""
    runtime = open_runtime()
    try:
        yield runtime
    finally:
        await runtime.close()


def with_runtime(work: Callable[[Runtime], Awaitable[T]]) -> T:
    """Run a command's work on the installation that it is for."""
    reach()

    async def run() -> T:
        async with runtime_here() as runtime:
            return await work(runtime)

    return anyio.run(run)


def in_workspace(
    name: str | None, work: Callable[[Runtime, WorkspaceId], Coroutine[Any, Any, T]]
) -> T:
    """Run a command's work inside one workspace: the named one, or the obvious one."""
    running = reach()

    async def run() -> T:
        async with runtime_here() as runtime:
            return await work(runtime, await _choose(runtime, name, running))

    return anyio.run(run)


async def _choose(runtime: Runtime, name: str | None, running: Running | None) -> WorkspaceId:
    async with runtime.db.system() as tx:
        known = await workspaces.everyone(tx)
    names = ", ".join(f"'{one.name}'" for one in known) or "-"
    if name is not None:
        for one in known:
            if name in (one.name, str(one.id)):
                return WorkspaceId(one.id)
        raise WorkspaceMissing(name=name, known=names)
    if len(known) == 1:
        return WorkspaceId(known[0].id)
    if running is not None and any(one.id == running.workspace_id for one in known):
        return WorkspaceId(running.workspace_id)
    raise WorkspaceNeeded(known=names)
