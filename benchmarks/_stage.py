"""What benchmarks of sending stand on: real processes, a workspace, channels, and their figures.

Servers come from DATABASE_URL and REDIS_URL; the database is migrated and nobody else uses either.
The simulator, the web process and the workers run on this machine as well, so a figure is also one
about the machine.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from psycopg.types.json import Jsonb
from tests.support.folders import own_folder

from recado.bootstrap import open_runtime
from recado.domain.ids import ChannelId, RunId, WorkspaceId
from recado.features.channels import service as channels
from recado.features.dispatch.leases import wake
from recado.features.users import keys
from recado.features.users.roles import Role
from recado.features.workspaces import service as workspaces
from recado.platform import clock, crypto
from recado.platform.postgres import Row
from recado.platform.queue import QUEUES
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport
from recado.worker import CAMPAIGN_MESSAGES

MEGABYTE = 1024 * 1024
PATIENCE = 600.0
# As fast as a channel goes: what it costs then is ours alone.
UNBOUND = {"perSecond": 1_000, "inFlight": 200}


@dataclass
class Channel:
    """One channel, and its number at the simulator."""

    workspace_id: WorkspaceId
    id: ChannelId
    number: str


@dataclass
class Stage:
    """The processes, and ways to use them and to look at them."""

    runtime: Runtime
    transport: AiohttpTransport
    http: aiohttp.ClientSession
    folder: Path
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    drivers: list[psutil.Process] = field(default_factory=list)
    jobs: psutil.Process | None = None

    @property
    def simulator(self) -> str:
        """Where the simulator is."""
        return os.environ["RECADO_SIMULATOR_URL"]

    def spawn(self, *arguments: str) -> psutil.Process:
        """Start a process of Recado's."""
        with self._next_log().open("wb") as file:
            command = [sys.executable, "-m", "recado", *arguments]
            process = subprocess.Popen(command, stdout=file, stderr=file, cwd=self.folder)
        self.processes.append(process)
        return psutil.Process(process.pid)

    def _next_log(self) -> Path:
        return self.folder / f"{len(self.processes)}.log"

    async def work(self, *queues: str) -> psutil.Process:
        """One more worker, once it works: what its start costs is nobody's figure."""
        log = self._next_log()
        worker = self.spawn("worker", "--queues", ",".join(queues))

        async def started() -> bool:
            return "worker started" in await asyncio.to_thread(log.read_text)

        await until(started, "a worker", seconds=60)
        return worker

    async def drive(self) -> None:
        """One more worker that drives channels and does nothing else."""
        self.drivers.append(await self.work(CAMPAIGN_MESSAGES))

    async def workspace(self) -> WorkspaceId:
        """A new tenant."""
        async with self.runtime.db.system() as tx:
            return WorkspaceId((await workspaces.create(tx, name="benchmark")).id)

    async def key(self, workspace_id: WorkspaceId) -> dict[str, str]:
        """The headers of a client of the API."""
        async with self.runtime.db.workspace(workspace_id) as tx:
            _, text = await keys.create(tx, name="benchmark", role=Role.OWNER)
        return {"Authorization": f"Bearer {text}"}

    async def channel(self, workspace_id: WorkspaceId, **pacing: Any) -> Channel:
        """A channel on the simulator; the pacing is laid over the cloud preset."""
        async with self.runtime.db.workspace(workspace_id) as tx:
            count = await tx.value("SELECT count(*) FROM channel")
            made = await channels.create(
                tx,
                self.runtime,
                self.transport,
                name=f"canal {count}",
                provider="simulator",
                config={},
            )
            await tx.run(
                "UPDATE channel SET pacing = pacing || %(pacing)s WHERE id = %(id)s",
                pacing=Jsonb(pacing),
                id=made.id,
            )
        return Channel(workspace_id, ChannelId(made.id), str(made.config["phone_number_id"]))

    async def run(self, channel: Channel, count: int) -> RunId:
        """Write a run of so many new contacts down, and wake its channel."""
        async with self.runtime.db.workspace(channel.workspace_id) as tx:
            arguments = {"w": channel.workspace_id, "c": channel.id, "count": count}
            campaign = await tx.value(
                "INSERT INTO campaign (workspace_id, name, status, content, audience)"
                " VALUES (%(w)s, 'benchmark', 'running', %(text)s, '{}') RETURNING id",
                text=Jsonb({"type": "text", "text": "Olá {nome}, assembleia do {condominio}."}),
                **arguments,
            )
            await tx.run(
                "INSERT INTO campaign_channel (workspace_id, campaign_id, channel_id, position)"
                " VALUES (%(w)s, %(campaign)s, %(c)s, 0)",
                campaign=campaign,
                **arguments,
            )
            run = await tx.value(
                "INSERT INTO run (workspace_id, campaign_id, number, status, materialised_at)"
                " VALUES (%(w)s, %(campaign)s, 1, 'running', now()) RETURNING id",
                campaign=campaign,
                **arguments,
            )
            await tx.run(
                "WITH people AS (INSERT INTO contact"
                " (workspace_id, name, phone, phone_key, condominio)"
                " SELECT %(w)s, 'Pessoa ' || n, '+55319' || lpad(n::text, 8, '0'),"
                " '55319' || lpad(n::text, 8, '0'), 'Jardim ' || n %% 7"
                " FROM (SELECT %(run)s * 20000 + i AS n FROM generate_series(1, %(count)s) AS i) s"
                " RETURNING id, phone, phone_key)"
                " INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
                " SELECT %(w)s, %(run)s, id, phone, phone_key, 'pending' FROM people",
                run=run,
                **arguments,
            )
            await wake(tx, [channel.id], clock.now())
        return RunId(run)

    async def settled(self, channel: Channel, run_id: RunId) -> int:
        """How many messages of a run have an outcome."""
        async with self.runtime.db.workspace(channel.workspace_id) as tx:
            done = await tx.value(
                "SELECT total - pending - sending FROM run WHERE id = %(id)s", id=run_id
            )
        return int(done)

    async def reached(self, channel: Channel, run_id: RunId, count: int) -> None:
        """Return once so many messages of a run have an outcome."""

        async def enough() -> bool:
            return await self.settled(channel, run_id) >= count

        await until(enough, f"{count} messages")

    async def rows(self, workspace_id: WorkspaceId, statement: Any, **values: Any) -> list[Row]:
        """The rows of a statement inside a workspace."""
        async with self.runtime.db.workspace(workspace_id) as tx:
            return await tx.all(statement, **values)

    async def log(self, channel: Channel, since: float = 0.0) -> list[dict[str, Any]]:
        """The messages of a channel that the simulator accepted, in their order."""
        query = {"channel": channel.number, "since": str(since)}
        async with self.http.get(f"{self.simulator}/_sim/log", params=query) as answer:
            rows: list[dict[str, Any]] = await answer.json()
        return rows

    async def arrivals(self, channel: Channel, since: float = 0.0) -> list[float]:
        """When each came."""
        return [row["at"] for row in await self.log(channel, since)]

    async def simulate(self, **settings: Any) -> None:
        """Change how the simulator behaves."""
        async with self.http.post(f"{self.simulator}/_sim/settings", json=settings) as answer:
            answer.raise_for_status()

    def cpu(self) -> tuple[float, float]:
        """Seconds of processor so far: of those who drive, and of the one who applies callbacks."""
        return sum(map(seconds_of, self.drivers)), seconds_of(self.jobs) if self.jobs else 0.0


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, *, seconds: float = PATIENCE
) -> None:
    """Return once something is so.

    Raises:
        TimeoutError: It takes longer.
    """
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        await asyncio.sleep(0.05)


def seconds_of(process: psutil.Process) -> float:
    """Seconds of processor that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def spent(before: tuple[float, float], after: tuple[float, float], messages: int) -> str:
    """Processor for 1,000 messages."""
    driving, jobs = (
        (late - early) / messages * 1000 for early, late in zip(before, after, strict=True)
    )
    return f"processor for 1,000 messages: {driving:.2f} s to drive, {jobs:.2f} s for callbacks"


def judged(value: float, target: float, *, most: bool) -> str:
    """Whether a figure meets its target, as a word to print."""
    kept = value <= target if most else value >= target
    return f"target {'at most' if most else 'at least'} {target:g}: {'kept' if kept else 'MISSED'}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def stage(
    *, workers: int, latency_ms: int = 60, callbacks: bool = True
) -> AsyncIterator[Stage]:
    """Start the processes; stop them at the end.

    Args:
        workers: How many drive channels.
        latency_ms: Of the simulator's answers.
        callbacks: Without, there is neither web nor jobs: who drives is alone with the database.
    """
    os.environ.setdefault("RECADO_SECRET_KEY", crypto.new_key())
    os.environ["RECADO_PUBLIC_URL"] = f"http://127.0.0.1:{_free_port()}"
    os.environ["RECADO_SIMULATOR_URL"] = simulator = f"http://127.0.0.1:{_free_port()}"
    with own_folder("stage") as folder:
        opened = Stage(open_runtime(), AiohttpTransport(), aiohttp.ClientSession(), folder)
        try:
            port = simulator.rpartition(":")[2]
            opened.spawn("simulator", "--port", port, "--latency-ms", str(latency_ms))
            await _answering(opened.http, f"{simulator}/healthz")
            if callbacks:
                public = os.environ["RECADO_PUBLIC_URL"]
                opened.spawn("web", "--port", public.rpartition(":")[2])
                await _answering(opened.http, f"{public}/healthz")
                opened.jobs = await opened.work(*QUEUES)
            else:
                await opened.simulate(retry_attempts=1)
            for _ in range(workers):
                await opened.drive()
            yield opened
        finally:
            await opened.http.close()
            await opened.transport.close()
            await opened.runtime.close()
            for process in opened.processes:
                process.terminate()
            for process in opened.processes:
                process.wait()


async def _answering(http: aiohttp.ClientSession, url: str) -> None:
    for _ in range(600):
        try:
            async with http.get(url):
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise TimeoutError(url)
