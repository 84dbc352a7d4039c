"""A whole installation of a test's own: servers that may be stopped, workers that may be killed."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis
from tests import factories
from tests.integration.dispatch.driving import PATIENCE, Simulator, known_to_redis, until
from tests.support.processes import Installation, free_port

from recado import embedded
from recado.bootstrap import open_runtime
from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ChannelId, WorkspaceId
from recado.platform import migrations
from recado.platform.postgres import Database
from recado.platform.queue import QUEUES, JobQueue
from recado.platform.redis import connect
from recado.platform.runtime import Runtime
from recado.worker import CAMPAIGN_MESSAGES

LEASE_SECONDS = 2
UNSETTLED = ("pending", "sending")


@dataclass
class Stack:
    """Servers, processes, and a way to look behind them that does not mind their absence."""

    servers: embedded.EmbeddedServers
    installation: Installation
    runtime: Runtime
    http: aiohttp.ClientSession
    only_driving: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def simulator(self) -> Simulator:
        """The simulator of these processes."""
        return Simulator(self.installation.simulator_url, self.http)

    def workers(self, count: int) -> "list[subprocess.Popen[bytes]]":
        """Exactly so many workers, those of earlier tests among them."""
        alive = [worker for worker in self.installation.workers if worker.poll() is None]
        for worker in alive[count:]:
            kill(worker)
        started = [self.installation.start_worker() for _ in range(count - len(alive))]
        return [*alive[:count], *started]

    def drivers(self, count: int) -> "list[subprocess.Popen[bytes]]":
        """So many workers that drive and do nothing else, and one that does all else."""
        alive = [worker for worker in self.only_driving if worker.poll() is None]
        if len(alive) != count:
            self.workers(0)
            self._start_one_with(",".join(QUEUES))
            alive = [self._start_one_with(CAMPAIGN_MESSAGES) for _ in range(count)]
            self.only_driving = alive
        return alive

    def _start_one_with(self, queues: str) -> "subprocess.Popen[bytes]":
        name = f"worker-{len(self.installation.workers)}"
        process = self.installation._spawn(name, ["worker", "--queues", queues])
        self.installation.workers.append(process)
        return process

    def wake_workers(self) -> None:
        """Let those go on that a test has stopped."""
        for worker in self.installation.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)

    async def flush(self) -> None:
        """FLUSHALL."""
        client: Redis = connect(self.servers.redis_url)
        await client.flushall()
        await client.aclose()

    async def workspace(self) -> "Product":
        """A fresh tenant, as a client of the API sees it."""
        workspace_id = await factories.workspace(self.runtime)
        key = await factories.api_key(self.runtime, workspace_id)
        return Product(self, workspace_id, {"Authorization": f"Bearer {key}"})


@dataclass
class Product:
    """One workspace, used by its API."""

    stack: Stack
    workspace_id: WorkspaceId
    headers: Mapping[str, str]

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer of the API; fails for anything but success."""
        url = f"{self.stack.installation.url}/api/v1{path}"
        http = self.stack.http
        async with http.request(method, url, json=body, headers=self.headers) as answer:
            text = await answer.text()
            assert answer.ok, f"{method} {path}: {answer.status} {text}"
            return await answer.json() if answer.content_type == "application/json" else text

    async def channel(self, **pacing: Any) -> tuple[int, str]:
        """A channel on the simulator: its id, and its number there."""
        made = await self.call(
            "POST",
            "/channels",
            {"name": factories.phone(), "provider": "simulator", "config": {}, "pacing": pacing},
        )
        await known_to_redis(self.stack.runtime, self.workspace_id, ChannelId(made["id"]))
        return int(made["id"]), str(made["config"]["phone_number_id"])

    async def campaign(
        self,
        channels: Sequence[int],
        count: int,
        *,
        text: str = "Olá {nome}, do {condominio}",
        parts: int = 1,
    ) -> int:
        """A draft for so many generated contacts."""
        contacts = await factories.contacts(self.stack.runtime, self.workspace_id, count)
        made = await self.call(
            "POST",
            "/campaigns",
            {
                "name": "c",
                "channel_ids": list(channels),
                "audience": {"contact_ids": contacts},
                "content": {"type": "text", "text": text, "max_split_parts": parts},
            },
        )
        return int(made["id"])

    async def started(self, channels: Sequence[int], count: int, **content: Any) -> int:
        """A campaign on its way."""
        campaign = await self.campaign(channels, count, **content)
        await self.call("POST", f"/campaigns/{campaign}/start")
        return campaign

    async def progress(self, campaign: int) -> dict[str, Any]:
        """How far it is, by the API."""
        found: dict[str, Any] = await self.call("GET", f"/campaigns/{campaign}/progress")
        return found

    async def reached(self, campaign: int, sent: int, *, seconds: float = PATIENCE) -> None:
        """Return once so many messages of a campaign were accepted."""

        async def enough() -> bool:
            return int((await self.progress(campaign))["sent"]) >= sent

        await until(enough, f"{sent} messages sent", seconds=seconds)

    async def ended(
        self, campaign: int, status: str = "completed", *, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Its progress, once the campaign is in this state and nothing of it is unsettled."""

        async def settled() -> bool:
            now = await self.progress(campaign)
            return now["status"] == status and not any(now[name] for name in UNSETTLED)

        await until(settled, f"campaign {status}", seconds=seconds)
        return await self.progress(campaign)

    async def driver_of(self, channel: int) -> str:
        """The worker that drives a channel now."""
        async with self.stack.runtime.db.workspace(self.workspace_id) as tx:
            owner = await tx.value("SELECT owner FROM drive WHERE channel_id = %(id)s", id=channel)
        assert owner, "nobody drives the channel"
        return str(owner)

    async def statuses(self, campaign: int) -> Counter[str]:
        """States of the deliveries of all its runs, counted row by row."""
        async with self.stack.runtime.db.workspace(self.workspace_id) as tx:
            rows = await tx.all(
                "SELECT d.status, count(*) AS n FROM delivery d JOIN run r ON r.id = d.run_id"
                " WHERE r.campaign_id = %(campaign)s GROUP BY d.status",
                campaign=campaign,
            )
        return Counter({row["status"]: row["n"] for row in rows})

    async def unknown_though_accepted(self, campaign: int, *numbers: str) -> set[str]:
        """Deliveries that are unknown though the simulator has accepted their message."""
        async with self.stack.runtime.db.workspace(self.workspace_id) as tx:
            rows = await tx.all(
                "SELECT d.id FROM delivery d JOIN run r ON r.id = d.run_id"
                " WHERE r.campaign_id = %(campaign)s AND d.status = 'unknown'",
                campaign=campaign,
            )
        accepted: set[str] = set()
        for number in numbers:
            log = await self.stack.simulator.log(number)
            accepted |= {row["reference"].split(".")[0] for row in log}
        return {str(row["id"]) for row in rows} & accepted

    async def adds_up(self, campaign: int) -> None:
        """The counters are those of a recount, and the whole is the sum of its parts."""
        states = [state.value for state in DeliveryState]
        async with self.stack.runtime.db.workspace(self.workspace_id) as tx:
            # One statement: callbacks go on meanwhile.
            row = await tx.one(
                "SELECT r.*, (SELECT jsonb_object_agg(status, n) FROM (SELECT status, count(*) AS n"
                " FROM delivery d WHERE d.run_id = r.id GROUP BY status) s) AS counted"
                " FROM run r WHERE r.campaign_id = %(campaign)s",
                campaign=campaign,
            )
        assert row is not None
        assert {state: row[state] for state in states if row[state]} == row["counted"]
        shown = await self.progress(campaign)
        alone = ("pending", "sending", "failed", "unknown", "suppressed", "cancelled", "expired")
        assert shown["total"] == shown["sent"] + sum(shown[name] for name in alone) == row["total"]
        assert shown["read"] <= shown["delivered"] <= shown["sent"]


def kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL, as a machine that loses its power."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def _open_to_all(folder: Path) -> None:
    """PostgreSQL runs under another account where the tests run as root."""
    folder.parent.chmod(0o755)
    folder.mkdir()
    folder.chmod(0o755)


@asynccontextmanager
async def running(
    folder: Path,
    secret_key: str,
    *,
    lease_seconds: float = LEASE_SECONDS,
    request_timeout: float = 3,
) -> AsyncIterator[Stack]:
    """Servers, web and simulator; no worker yet."""
    _open_to_all(folder)
    with embedded.start(folder / "home") as servers:
        migrations.upgrade(servers.database_url)
        env = {
            **os.environ,
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "RECADO_SECRET_KEY": secret_key,
            "RECADO_PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
            "RECADO_SIMULATOR_URL": f"http://127.0.0.1:{free_port()}",
            "RECADO_LEASE_SECONDS": str(lease_seconds),
            "RECADO_REQUEST_TIMEOUT_SECONDS": str(request_timeout),
            "RECADO_API_PER_MINUTE": "0",  # tests ask how it goes many times a second
        }
        installation = Installation(env, folder)
        installation.start()
        runtime = replace(
            open_runtime(),
            db=Database(servers.database_url),
            redis=connect(servers.redis_url),
            queue=JobQueue(servers.database_url),
        )
        http = aiohttp.ClientSession()
        opened = Stack(servers, installation, runtime, http)
        try:
            yield opened
        finally:
            await http.close()
            opened.wake_workers()
            installation.stop()
            await runtime.close()
            servers.destroy()
