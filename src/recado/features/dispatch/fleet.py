"""A worker process's channels: leasing those that are due, driving each, renewing all at once."""

import asyncio
from contextlib import suppress

import psycopg
from redis.exceptions import RedisError

from recado.features.dispatch.driver import ChannelDriver
from recado.features.dispatch.leases import NOTIFICATION, Lease, Leases
from recado.features.dispatch.transactions import AWAY
from recado.platform import logging, outages, settings
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

log = logging.get(__name__)

MOST_CHANNELS = 1_000  # a process
LONGEST_SLEEP = 5.0  # seconds; a wake-up that got lost is found after so long
SHORTEST_SLEEP = 0.05
FULL_SLEEP = 0.5  # where nothing of what is due could be taken
AWAY_SLEEP = 0.5  # while PostgreSQL is away
RENEWALS_A_LEASE = 3
AFTER_FAILURE_SECONDS = 5.0  # until a channel whose driver failed is tried again
LISTEN_AGAIN_SECONDS = 1.0


class Fleet:
    """Drives as many channels as are due, until told to stop. No error of one ends the others."""

    def __init__(self, runtime: Runtime, transport: Transport, owner: str) -> None:
        """The owner names this process in the drive table; it must be new at every start."""
        chosen = settings.sending()
        self._runtime = runtime
        self._transport = transport
        self._timeout = chosen.request_timeout_seconds
        self._renew_every = chosen.lease_seconds / RENEWALS_A_LEASE
        self._leases = Leases(runtime.db, owner, chosen.lease_seconds)
        self._drivers: dict[Lease, ChannelDriver] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    async def run(self, direct_url: str, stop: asyncio.Event) -> None:
        """Work until told to stop; then let what is on the wire end, and give everything back."""
        helpers = [
            asyncio.create_task(self._listen(direct_url), name="drive notifications"),
            asyncio.create_task(self._renew(), name="drive leases"),
        ]
        stopping = asyncio.create_task(stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: self._woken.set())
        try:
            while not stop.is_set():
                self._woken.clear()
                sleep = await self._lease_due()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), sleep)
        finally:
            for driver in self._drivers.values():
                driver.stop()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for task in (*helpers, stopping):
                task.cancel()
            await asyncio.gather(*helpers, stopping, return_exceptions=True)

    async def _lease_due(self) -> float:
        """Take what is due; returns seconds until more may be."""
        free = MOST_CHANNELS - len(self._drivers)
        if free <= 0:
            return LONGEST_SLEEP
        try:
            taken = await self._leases.take(free)
            for lease in taken:
                self._start(lease)
            seconds = await self._leases.next_due()
            await self._look_around()
        except AWAY as error:
            outages.met(error)
            return AWAY_SLEEP
        except Exception:
            log.exception("due channels not leased")
            return LONGEST_SLEEP
        if seconds is None:
            return LONGEST_SLEEP
        # What is due and was left is for others: for another workspace, or for another process.
        shortest = SHORTEST_SLEEP if taken else FULL_SLEEP
        return min(LONGEST_SLEEP, max(shortest, seconds))

    async def _look_around(self) -> None:
        """Notice that a server is back, also while no channel needs it."""
        outages.POSTGRES.back()
        if outages.REDIS.lasts:
            try:
                await self._runtime.redis.ping()
            except (RedisError, OSError) as error:
                outages.REDIS.away(error)
            else:
                outages.REDIS.back()

    def _start(self, lease: Lease) -> None:
        driver = ChannelDriver(self._runtime, self._transport, lease, request_timeout=self._timeout)
        self._drivers[lease] = driver
        task = asyncio.create_task(self._drive(lease, driver), name=f"drive {lease.channel_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, lease: Lease, driver: ChannelDriver) -> None:
        due_in: float | None = AFTER_FAILURE_SECONDS
        try:
            due_in = await driver.drive()
        except Exception:
            log.exception("driver failed", channel=lease.channel_id)
        finally:
            del self._drivers[lease]
        # A lease that cannot be given back runs out, as it is not renewed any more.
        try:
            await self._leases.give_back(lease, due_in, driver.rota.last_run)
        except AWAY as error:
            outages.met(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody takes it over
            log.warning("channel not given back", channel=lease.channel_id, error=str(error))
        self._woken.set()

    async def _renew(self) -> None:
        """Renew all leases in one statement; a driver whose lease is lost must stop."""
        while True:
            await asyncio.sleep(self._renew_every)
            before = dict(self._drivers)
            if not before:
                continue
            try:
                kept = await self._leases.renew(list(before))
            except AWAY as error:
                outages.met(error)
                continue
            except Exception as error:  # noqa: BLE001 - tried again before the leases run out
                log.warning("leases not renewed", error=str(error))
                continue
            for lease, driver in before.items():
                if lease not in kept and lease in self._drivers:
                    log.warning("lease lost", channel=lease.channel_id)
                    driver.stop()

    async def _listen(self, direct_url: str) -> None:
        """Hear of work as it is committed; what was said while nobody listened is looked up."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    direct_url,
                    autocommit=True,
                    application_name="recado-listen",
                    connect_timeout=10,
                ) as connection:
                    await connection.execute(f"LISTEN {NOTIFICATION}")
                    self._notice(":")
                    async for note in connection.notifies():
                        self._notice(note.payload)
            except AWAY as error:
                outages.met(error)
            except Exception as error:  # noqa: BLE001 - channels are looked up without it, later
                log.warning("not listening for work", error=str(error))
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    def _notice(self, payload: str) -> None:
        """``workspace:channel``; a part that is empty means all."""
        workspace, _, channel = payload.partition(":")
        for lease, driver in self._drivers.items():
            ours = workspace in {"", str(lease.workspace_id)}
            if ours and channel in {"", str(lease.channel_id)}:
                driver.notice()
        self._woken.set()
