"""What is done to an installation while it sends, and what each blow may cost."""

import asyncio
import logging
import random
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
from tests.chaos.forms import Form
from tests.integration.dispatch.stack import Product, Stack, kill

log = logging.getLogger(__name__)

WORKERS = 3

# Seconds after a server's return until everyone has connected again, has taken its channels anew,
# and the silence after a flush is over.
RECOVERY = 4.0
# Seconds after a dead worker's lease ran out until another drives.
TAKE_OVER = 3.0


@dataclass(slots=True)
class Blow:
    """One blow.

    Attributes:
        began: Unix time; ``ended`` too.
        channels: Those that it concerns; empty for all.
        recovered: Unix time from which on no channel has an excuse.
    """

    kind: str
    began: float
    channels: frozenset[int] = frozenset()
    ended: float = 0.0
    recovered: float = 0.0

    def concerns(self, channel: int) -> bool:
        """Whether a channel may stand still because of it."""
        return not self.channels or channel in self.channels


@dataclass
class Striker:
    """Strikes at random, and remembers it."""

    stack: Stack
    product: Product
    form: Form
    chance: random.Random
    blows: list[Blow] = field(default_factory=list)
    _stopped: "set[subprocess.Popen[bytes]]" = field(default_factory=set)
    _postgres: asyncio.Lock = field(default_factory=asyncio.Lock)
    _valkey: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def strike(self, enough: Callable[[], Awaitable[bool]]) -> None:
        """Blow after blow until it is enough, or as many as the form has; overlapping or not."""
        striking = []
        kinds = self._kinds()
        for number in range(self.form.most_blows or 1_000_000):
            await asyncio.sleep(self.form.every * self.chance.uniform(0.7, 1.3))
            if await enough():
                break
            # Each kind once before any comes again, so that a short run has all of them.
            if number % len(kinds) == 0:
                self.chance.shuffle(kinds)
            striking.append(asyncio.create_task(self._one(*kinds[number % len(kinds)])))
        await asyncio.gather(*striking)

    def _kinds(self) -> list[tuple[str, Callable[[Blow], Coroutine[None, None, None]]]]:
        return [
            ("kill", self._kill),
            ("stop", self._stop),
            ("flush", self._flush),
            ("valkey", self._restart_valkey),
            ("postgresql", self._restart_postgresql),
        ]

    async def _one(self, kind: str, strike: Callable[[Blow], Coroutine[None, None, None]]) -> None:
        blow = Blow(kind, time.time())
        self.blows.append(blow)
        log.info("blow %d: %s", len(self.blows), kind)
        await strike(blow)
        blow.ended = time.time()
        blow.recovered = max(blow.recovered, blow.ended + RECOVERY)

    async def _kill(self, blow: Blow) -> None:
        worker = self._somebody()
        blow.channels = await self._driven_by(worker)
        kill(worker)
        blow.recovered = time.time() + self.form.lease_seconds + TAKE_OVER
        self.stack.workers(WORKERS)

    async def _stop(self, blow: Blow) -> None:
        """For longer than its lease, so that somebody else has its channels when it wakes up."""
        worker = self._somebody()
        blow.channels = await self._driven_by(worker)
        self._stopped.add(worker)
        worker.send_signal(signal.SIGSTOP)
        blow.recovered = time.time() + self.form.lease_seconds + TAKE_OVER
        await asyncio.sleep(self.form.lease_seconds * 1.5)
        worker.send_signal(signal.SIGCONT)
        self._stopped.discard(worker)

    async def _flush(self, _: Blow) -> None:
        async with self._valkey:
            await self.stack.flush()

    async def _restart_valkey(self, _: Blow) -> None:
        async with self._valkey:
            await asyncio.to_thread(self.stack.servers.restart_valkey)

    async def _restart_postgresql(self, _: Blow) -> None:
        crash = self.chance.random() < 0.5
        async with self._postgres:
            await asyncio.to_thread(
                self.stack.servers.restart_postgres, "immediate" if crash else "fast"
            )

    def _somebody(self) -> "subprocess.Popen[bytes]":
        """A worker that is not being stopped at this moment."""
        awake = [w for w in self.stack.workers(WORKERS) if w not in self._stopped]
        return self.chance.choice(awake)

    async def _driven_by(self, worker: "subprocess.Popen[bytes]") -> frozenset[int]:
        """Its channels; while PostgreSQL is away nobody knows, and it may be any."""
        with suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(
                self.stack.servers.database_url, connect_timeout=2
            ) as connection:
                rows = await connection.execute(
                    "SELECT channel_id FROM drive WHERE workspace_id = %s AND owner LIKE %s",
                    (self.product.workspace_id, f"%:{worker.pid}:%"),
                )
                # 0 is nobody's channel: a worker that drives none concerns none.
                return frozenset({0, *(int(row[0]) for row in await rows.fetchall())})
        return frozenset()
