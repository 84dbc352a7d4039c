"""How well one channel uses what it is allowed, and what that costs a worker.

    DATABASE_URL=… REDIS_URL=… python benchmarks/dispatch.py [--workers N] [--latency-ms N]

The database must be migrated and Redis must not be used by anybody else. Real worker processes send
to the simulator, which calls back to a web process; all of it on this machine.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import psutil
from psycopg.types.json import Jsonb

from recado.bootstrap import open_runtime
from recado.domain.ids import ChannelId, RunId, WorkspaceId
from recado.features.channels import service as channels
from recado.features.dispatch.leases import wake
from recado.features.workspaces import service as workspaces
from recado.platform import clock, crypto
from recado.platform.queue import QUEUES
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport
from recado.worker import CAMPAIGN_MESSAGES

MEGABYTE = 1024 * 1024


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def configure() -> None:
    """What the processes find in their environment, and this one as well."""
    os.environ.setdefault("RECADO_SECRET_KEY", crypto.new_key())
    os.environ["RECADO_PUBLIC_URL"] = f"http://127.0.0.1:{free_port()}"
    os.environ["RECADO_SIMULATOR_URL"] = f"http://127.0.0.1:{free_port()}"


@dataclass
class Bench:
    """The processes, and one workspace with one channel."""

    runtime: Runtime
    http: aiohttp.ClientSession
    jobs: psutil.Process
    drivers: Sequence[psutil.Process]
    workspace_id: WorkspaceId
    channel_id: ChannelId
    number: str

    async def run(self, count: int, **pacing: float) -> RunId:
        """Set the channel's pace, write a run of so many contacts down, and wake the channel."""
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            arguments = {"w": self.workspace_id, "c": self.channel_id, "count": count}
            await tx.run(
                "UPDATE channel SET pacing = pacing || %(pacing)s WHERE id = %(c)s",
                pacing=Jsonb(pacing),
                **arguments,
            )
            campaign = await tx.value(
                "INSERT INTO campaign (workspace_id, name, status, content, audience)"
                " VALUES (%(w)s, 'benchmark', 'running', %(text)s, '{}') RETURNING id",
                text=Jsonb({"type": "text", "text": "Olá {nome}, assembleia do {condominio}."}),
                **arguments,
            )
            await tx.run(
                "INSERT INTO campaign_channel VALUES (%(w)s, %(campaign)s, %(c)s, 0)",
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
                " FROM (SELECT %(run)s * 100000 + i AS n FROM generate_series(1, %(count)s) AS i) s"
                " RETURNING id, phone, phone_key)"
                " INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
                " SELECT %(w)s, %(run)s, id, phone, phone_key, 'pending' FROM people",
                run=run,
                **arguments,
            )
            await wake(tx, [self.channel_id], clock.now())
        return RunId(run)

    async def sent(self, run_id: RunId) -> int:
        """How many messages of a run have an outcome."""
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            left = await tx.value(
                "SELECT total - pending - sending FROM run WHERE id = %(id)s", id=run_id
            )
        return int(left)

    async def done(self, run_id: RunId, count: int) -> None:
        """Return once so many messages of a run have an outcome."""
        for _ in range(10 * 60 * 10):
            if await self.sent(run_id) >= count:
                return
            await asyncio.sleep(0.1)
        raise TimeoutError("not done after ten minutes")

    async def arrivals(self, since: float) -> list[float]:
        """When each message since then came to the simulator."""
        url = os.environ["RECADO_SIMULATOR_URL"] + "/_sim/log"
        query = {"channel": self.number, "since": str(since)}
        async with self.http.get(url, params=query) as answer:
            return [row["at"] for row in await answer.json()]

    def cpu(self) -> tuple[float, float]:
        """Seconds of processor so far: of those who drive, and of the one who applies callbacks."""
        return sum(map(seconds_of, self.drivers)), seconds_of(self.jobs)

    def memory(self) -> int:
        """Bytes that those who drive hold."""
        return sum(driver.memory_info().rss for driver in self.drivers)


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


def densest(times: Sequence[float], width: float) -> int:
    """The most that any window of this width (seconds) holds."""
    inside: deque[float] = deque()
    most = 0
    for at in times:
        inside.append(at)
        while inside[0] <= at - width:
            inside.popleft()
        most = max(most, len(inside))
    return most


async def pace(bench: Bench, count: int, per_second: int) -> None:
    """One channel at an even pace: how much of it is used, and how evenly."""
    began, cpu = time.time(), bench.cpu()
    run_id = await bench.run(count, perSecond=per_second, inFlight=64)
    await bench.done(run_id, count)
    times = await bench.arrivals(began)
    lasted = times[-1] - times[0]
    # The first and the last second are beginning and end, not pace.
    steady = [at for at in times if times[0] + 1 <= at <= times[-1] - 1]
    gaps = [later - earlier for earlier, later in pairwise(steady)]
    rate = (len(steady) - 1) / (steady[-1] - steady[0])
    print(
        f"{count:,} messages at {per_second} a second in {lasted:.1f} s:"
        f" {rate:.1f} a second in the middle = {rate / per_second:.1%} of what is allowed;"
        f" at most {densest(times, 1.0)} in any second at the simulator;"
        f" first after {times[0] - began:.2f} s, longest silence {max(gaps) * 1000:.0f} ms"
    )
    print(spent(cpu, bench.cpu(), count))


async def endurance(bench: Bench, count: int, per_second: int) -> None:
    """As fast as it goes: memory and processor over many messages."""
    run_id = await bench.run(count, perSecond=per_second, inFlight=200)
    marks: dict[int, tuple[int, tuple[float, float]]] = {}
    began = time.monotonic()
    while (sent := await bench.sent(run_id)) < count:
        for mark in (1_000, 5_000):
            if sent >= mark and mark not in marks:
                marks[mark] = (bench.memory(), bench.cpu())
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - began
    (early, cpu_before), (late, cpu_after) = marks[1_000], marks[5_000]
    print(
        f"{count:,} messages, at most {per_second} a second: {count / seconds:.0f} a second;"
        f" memory {early / MEGABYTE:.1f} MB at message 1,000,"
        f" {(late - early) / MEGABYTE:+.1f} MB until message 5,000"
    )
    print(spent(cpu_before, cpu_after, 4_000))


async def lateness(bench: Bench, interval: float, count: int) -> None:
    """A channel with a pause after each message: how late the next one is."""
    began = time.time()
    run_id = await bench.run(count, perSecond=80, messageInterval=interval)
    await bench.done(run_id, count)
    times = await bench.arrivals(began)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    late = [gap - interval for gap in gaps]
    print(
        f"{count} messages with {interval:g} s and up to 20 % more between them:"
        f" {min(late):+.3f} s at the least, {max(late):+.3f} s at the most"
    )


async def main(workers: int, latency_ms: int) -> None:
    """Start the processes, measure, stop them."""
    configure()
    with TemporaryDirectory() as folder:
        processes = []

        def start(*arguments: str) -> None:
            with Path(folder, "log").open("ab") as log:
                processes.append(
                    subprocess.Popen([sys.executable, "-m", "recado", *arguments], stderr=log)
                )

        simulator = os.environ["RECADO_SIMULATOR_URL"]
        start("simulator", "--port", simulator.rpartition(":")[2], "--latency-ms", str(latency_ms))
        start("web", "--port", os.environ["RECADO_PUBLIC_URL"].rpartition(":")[2])
        start("worker", "--queues", ",".join(QUEUES))
        for _ in range(workers):
            start("worker", "--queues", CAMPAIGN_MESSAGES)
        runtime, transport = open_runtime(), AiohttpTransport()
        try:
            async with aiohttp.ClientSession() as http:
                await answering(http, simulator + "/healthz")
                await answering(http, os.environ["RECADO_PUBLIC_URL"] + "/healthz")
                async with runtime.db.system() as tx:
                    workspace = WorkspaceId((await workspaces.create(tx, name="benchmark")).id)
                async with runtime.db.workspace(workspace) as tx:
                    channel = await channels.create(
                        tx, runtime, transport, name="b", provider="simulator", config={}
                    )
                bench = Bench(
                    runtime=runtime,
                    http=http,
                    jobs=psutil.Process(processes[2].pid),
                    drivers=[psutil.Process(p.pid) for p in processes[3:]],
                    workspace_id=workspace,
                    channel_id=ChannelId(channel.id),
                    number=str(channel.config["phone_number_id"]),
                )
                await pace(bench, 1_200, 80)
                await endurance(bench, 6_000, 400)
                await lateness(bench, 3, 5)
        finally:
            await transport.close()
            await runtime.close()
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


async def answering(http: aiohttp.ClientSession, url: str) -> None:
    """Return once an address answers."""
    for _ in range(600):
        try:
            async with http.get(url):
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise TimeoutError(url)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--latency-ms", type=int, default=60)
    given = parser.parse_args()
    asyncio.run(main(given.workers, given.latency_ms))
