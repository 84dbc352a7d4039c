"""Gathering a driver's outcomes into batches, and writing each batch for as long as it takes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from recado.domain.deliveries import DeliveryState
from recado.domain.retry import ErrorClass
from recado.features.dispatch.records import Result
from recado.features.dispatch.transactions import AWAY
from recado.platform import logging, outages
from recado.providers.base import ProviderFault

log = logging.get(__name__)

BATCH = 50
PAUSE_SECONDS = 0.5  # at 80 messages a second, 40 of them share a statement
RETRY_SECONDS = 0.5


class Recorder:
    """Outcomes in, batches out. It ends only when it is closed, whatever goes wrong."""

    def __init__(
        self,
        write: Callable[[Sequence[Result]], Awaitable[None]],
        recorded: Callable[[Sequence[Result]], Awaitable[None]],
    ) -> None:
        """``write`` makes a batch durable; ``recorded`` is told of it afterwards."""
        self._write = write
        self._recorded = recorded
        self._waiting: list[Result] = []
        self._writing = False
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="recorder")

    @property
    def busy(self) -> bool:
        """Whether anything added is not on record yet."""
        return bool(self._waiting) or self._writing

    def add(self, result: Result) -> None:
        """Have an outcome recorded soon."""
        self._waiting.append(result)
        self._some.set()
        if len(self._waiting) >= BATCH:
            self._enough.set()

    def hurry(self) -> None:
        """Somebody waits for what is here: record it now."""
        if self._waiting:
            self._enough.set()

    async def close(self) -> None:
        """Return once everything added is on record."""
        self._closing = True
        self._some.set()
        self._enough.set()
        await self._task

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._some.wait()
            if not self._closing:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), PAUSE_SECONDS)
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not self._closing:
                self._enough.clear()
                if len(self._waiting) >= BATCH:
                    self._enough.set()
                if not self._waiting:
                    self._some.clear()
            if batch:
                self._writing = True
                await self._settle(batch)
                self._writing = False

    async def _settle(self, batch: Sequence[Result]) -> None:
        written = await self._make_durable(batch)
        try:
            await self._recorded(written)
        except Exception:
            log.exception("what recorded outcomes ask for was not done", outcomes=len(written))

    async def _make_durable(self, batch: Sequence[Result]) -> Sequence[Result]:
        """Write a batch; one that PostgreSQL cannot take must not hold up or lose the others."""
        try:
            await self._insist(batch)
        except Exception:
            if len(batch) > 1:
                return [r for one in batch for r in await self._make_durable([one])]
            log.exception("outcome not recorded as it is", reference=str(batch[0].reference))
        else:
            return batch
        plain = [_unrecordable(batch[0])]
        try:
            await self._insist(plain)
        except Exception:
            # It keeps its slot and its claim: whoever takes the channel over next finds it there.
            log.exception("outcome not recorded at all", reference=str(batch[0].reference))
            return []
        return plain

    async def _insist(self, batch: Sequence[Result]) -> None:
        """An outcome that we know must not be lost because PostgreSQL is away for a while."""
        while True:
            try:
                await self._write(batch)
            except AWAY as error:
                outages.met(error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


def _unrecordable(result: Result) -> Result:
    """What is left of an outcome that PostgreSQL does not take: a callback will tell, or no one."""
    return replace(
        result,
        result="unknown",
        status=DeliveryState.UNKNOWN,
        provider_id=None,
        wa_id=None,
        decision=None,
        fault=ProviderFault("unrecordable", ErrorClass.NETWORK_UNSURE, "Its answer was unusable."),
    )
