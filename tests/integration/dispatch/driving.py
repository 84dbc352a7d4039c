"""Driving one channel in this process, so that a test can stop, starve and doubt it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from psycopg.types.json import Jsonb
from redis.exceptions import RedisError
from tests import factories

from recado.domain.ids import CampaignId, ChannelId, ContactId, DeliveryId, RunId, WorkspaceId
from recado.features.dispatch.driver import ChannelDriver
from recado.features.dispatch.leases import Lease
from recado.features.dispatch.ledger import Ledger
from recado.features.limits.limiter import ChannelLimiter
from recado.platform.postgres import Row
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

PATIENCE = 40.0


async def until(
    condition: Callable[[], Awaitable[bool]], what: str = "it", *, seconds: float = PATIENCE
) -> None:
    """Return once something is so; fails with its name if it takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await condition():
        if loop.time() > deadline:
            raise AssertionError(f"{what} did not come to be within {seconds} s")
        await asyncio.sleep(0.02)


async def known_to_redis(
    runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId
) -> None:
    """Let Redis know of a channel, so that the next one who takes it finds it in order."""
    limiter = ChannelLimiter(runtime.redis, workspace_id, channel_id, 0)
    with suppress(RedisError):  # a connection from before a restart
        await limiter.take([])
        return
    await limiter.take([])


async def kept_from_workers(number: "Number") -> None:
    """Have no worker process drive a channel that is woken: the test does it."""
    await number.execute(
        "INSERT INTO drive (workspace_id, channel_id, owner, lease_until)"
        " VALUES (%(workspace)s, %(channel)s, 'a test', now() + interval '1 hour')"
        " ON CONFLICT (workspace_id, channel_id)"
        " DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until",
        workspace=number.workspace_id,
        channel=number.channel_id,
    )


@dataclass
class Simulator:
    """What the simulator knows, and what it is told to do."""

    url: str
    session: aiohttp.ClientSession

    async def stats(self, number: str) -> dict[str, Any]:
        """The counts of one channel; zeros before its first message."""
        async with self.session.get(f"{self.url}/_sim/stats") as answer:
            channels: dict[str, dict[str, Any]] = (await answer.json())["channels"]
        return channels.get(number, {"accepted": 0, "distinct": 0, "duplicates": 0, "requests": 0})

    async def saw(self, number: str, requests: int) -> int:
        """Return once so many requests of a channel have come."""

        async def enough() -> bool:
            seen: int = (await self.stats(number))["requests"]
            return seen >= requests

        await until(enough, f"{requests} requests")
        found: int = (await self.stats(number))["requests"]
        return found

    async def log(self, number: str) -> list[dict[str, Any]]:
        """Accepted messages of one channel, in their order."""
        async with self.session.get(f"{self.url}/_sim/log", params={"channel": number}) as answer:
            rows: list[dict[str, Any]] = await answer.json()
        return rows

    async def faults(self, *rules: Mapping[str, Any]) -> None:
        """Set the rules; none clears them."""
        body = {"rules": list(rules)}
        async with self.session.post(f"{self.url}/_sim/faults", json=body) as answer:
            answer.raise_for_status()

    async def settings(self, **changes: Any) -> None:
        """Change how it behaves."""
        async with self.session.post(f"{self.url}/_sim/settings", json=changes) as answer:
            answer.raise_for_status()


@dataclass
class Number:
    """A channel of a workspace, and runs that are sent through it without any worker process."""

    runtime: Runtime
    transport: Transport
    workspace_id: WorkspaceId
    channel_id: ChannelId
    number: str
    _tokens: int = field(default=0)

    def lease(self) -> Lease:
        """A right to drive the channel that outdoes every earlier one."""
        self._tokens += 1
        return Lease(self.workspace_id, self.channel_id, self._tokens)

    def driver(
        self,
        *,
        lease: Lease | None = None,
        transport: Transport | None = None,
        request_timeout: float = 5.0,
    ) -> ChannelDriver:
        """A driver for a test to run."""
        return ChannelDriver(
            self.runtime,
            transport or self.transport,
            lease or self.lease(),
            request_timeout=request_timeout,
        )

    def ledger(self, lease: Lease | None = None) -> Ledger:
        """The books of a driver without the driver."""
        return Ledger(self.runtime, lease or self.lease())

    async def run(
        self,
        count: int,
        *,
        text: str = "Olá {nome}",
        pacing: Mapping[str, Any] | None = None,
        status: str = "running",
        channels: Iterable[ChannelId] = (),
        parts: int = 1,
    ) -> RunId:
        """A run with so many generated contacts, all written down."""
        contacts = await factories.contacts(self.runtime, self.workspace_id, count)
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            content = {"type": "text", "text": text, "max_split_parts": parts}
            campaign = await tx.value(
                "INSERT INTO campaign (workspace_id, name, status, content, audience, pacing)"
                " VALUES (%(workspace_id)s, 'c', %(status)s, %(content)s, '{}', %(pacing)s)"
                " RETURNING id",
                workspace_id=self.workspace_id,
                status=status,
                content=Jsonb(content),
                pacing=Jsonb(dict(pacing or {})),
            )
            await tx.run(
                "INSERT INTO campaign_channel (workspace_id, campaign_id, channel_id, position)"
                " SELECT %(workspace_id)s, %(campaign)s, c, 0 FROM unnest(%(ids)s::bigint[]) AS c",
                workspace_id=self.workspace_id,
                campaign=campaign,
                ids=[self.channel_id, *channels],
            )
            run = await tx.value(
                "INSERT INTO run (workspace_id, campaign_id, number, status, materialised_at)"
                " VALUES (%(workspace_id)s, %(campaign)s, 1, %(status)s, now()) RETURNING id",
                workspace_id=self.workspace_id,
                campaign=campaign,
                status=status,
            )
            await tx.run(
                "INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
                " SELECT workspace_id, %(run)s, id, phone, phone_key, 'pending' FROM contact"
                " WHERE workspace_id = %(workspace_id)s AND id = ANY(%(contacts)s)",
                workspace_id=self.workspace_id,
                run=run,
                contacts=contacts,
            )
        return RunId(run)

    async def statuses(self, run_id: RunId) -> Counter[str]:
        """How many deliveries there are of each state, counted."""
        rows = await self.rows(
            "SELECT status, count(*) AS n FROM delivery WHERE run_id = %(run_id)s GROUP BY status",
            run_id=run_id,
        )
        return Counter({row["status"]: row["n"] for row in rows})

    async def deliveries(self, run_id: RunId) -> list[Row]:
        """All deliveries of a run, in the order of their ids."""
        return await self.rows(
            "SELECT * FROM delivery WHERE run_id = %(run_id)s ORDER BY id", run_id=run_id
        )

    async def run_row(self, run_id: RunId) -> Row:
        """The run itself."""
        (row,) = await self.rows("SELECT * FROM run WHERE id = %(run_id)s", run_id=run_id)
        return row

    async def completed(self, *runs: RunId, seconds: float = PATIENCE) -> None:
        """Return once all these runs are completed."""
        for run_id in runs:

            async def done(run_id: RunId = run_id) -> bool:
                return bool((await self.run_row(run_id))["status"] == "completed")

            await until(done, f"the end of run {run_id}", seconds=seconds)

    async def campaign_of(self, run_id: RunId) -> CampaignId:
        """The campaign of a run."""
        return CampaignId((await self.run_row(run_id))["campaign_id"])

    async def contact_of(self, delivery_id: DeliveryId) -> ContactId:
        """Whom a delivery is for."""
        (row,) = await self.rows(
            "SELECT contact_id FROM delivery WHERE id = %(id)s", id=delivery_id
        )
        return ContactId(row["contact_id"])

    async def rows(self, statement: Any, **parameters: Any) -> list[Row]:
        """The rows of a statement inside the workspace."""
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            return await tx.all(statement, **parameters)

    async def execute(self, statement: Any, **parameters: Any) -> int:
        """Run a statement inside the workspace."""
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            return await tx.run(statement, **parameters)
