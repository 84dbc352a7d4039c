"""Recording outcomes in batches: one statement for attempts, parts, deliveries, counters, usage."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ChannelId, ContactId, Reference, RunId, WorkspaceId
from recado.domain.retry import Decision
from recado.features.dispatch.leases import SQL
from recado.platform import logging
from recado.platform.postgres import DATABASE_AWAY, Database
from recado.providers.base import ProviderFault

log = logging.get(__name__)

BATCH = 50
PAUSE_SECONDS = 0.25  # at 80 messages a second, 20 of them share a statement
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt, and what its delivery is from now on."""

    reference: Reference
    contact_id: ContactId | None
    run_id: RunId | None
    result: Literal["accepted", "refused", "unknown"]
    status: DeliveryState
    provider_id: str | None = None
    wa_id: str | None = None
    fault: ProviderFault | None = None
    decision: Decision | None = None
    last_part: bool = True


async def record(
    db: Database,
    *,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    results: Sequence[Result],
) -> None:
    """Write a batch of outcomes; writing one twice changes nothing but the count of attempts."""
    async with db.workspace(workspace_id) as tx:
        await tx.run(
            SQL["record"],
            workspace_id=workspace_id,
            channel_id=channel_id,
            deliveries=[r.reference.delivery_id for r in results],
            parts=[r.reference.part for r in results],
            numbers=[r.reference.attempt for r in results],
            results=[r.result for r in results],
            statuses=[r.status.value for r in results],
            provider_ids=[r.provider_id for r in results],
            codes=[r.fault.code if r.fault else None for r in results],
            classes=[r.fault.error_class.value if r.fault else None for r in results],
            details=[r.fault.detail if r.fault else None for r in results],
            due=[r.decision.due_at if r.decision else None for r in results],
            counted=[r.decision.counts if r.decision else True for r in results],
            last_part=[r.last_part for r in results],
        )
        told = [(r.contact_id, r.wa_id) for r in results if r.contact_id and r.wa_id]
        if told:
            await tx.run(
                SQL["note_wa_ids"],
                workspace_id=workspace_id,
                contacts=[contact for contact, _ in told],
                wa_ids=[wa_id for _, wa_id in told],
            )


class Recorder:
    """Gathers a driver's outcomes and writes them in batches, for as long as it takes."""

    def __init__(
        self,
        write: Callable[[Sequence[Result]], Awaitable[None]],
        recorded: Callable[[Sequence[Result]], Awaitable[None]],
    ) -> None:
        """``write`` makes a batch durable; ``recorded`` is told of it afterwards."""
        self._write = write
        self._recorded = recorded
        self._waiting: list[Result] = []
        self._enough = asyncio.Event()
        self._writing = False
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="recorder")

    @property
    def busy(self) -> bool:
        """Whether anything added is not on record yet."""
        return self._writing or bool(self._waiting)

    def add(self, result: Result) -> None:
        """Have an outcome recorded soon."""
        self._waiting.append(result)
        if len(self._waiting) >= BATCH:
            self._enough.set()

    async def close(self) -> None:
        """Return once everything added is on record."""
        self._closing = True
        self._enough.set()
        await self._task

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            if not self._closing:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), PAUSE_SECONDS)
            self._enough.clear()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._writing = bool(batch)
            if batch:
                await self._insist(batch)
                self._writing = False
                await self._recorded(batch)
            if len(self._waiting) >= BATCH:
                self._enough.set()

    async def _insist(self, batch: Sequence[Result]) -> None:
        """An outcome that we know must not be lost because PostgreSQL is away for a while."""
        while True:
            try:
                await self._write(batch)
            except DATABASE_AWAY as error:
                log.warning("outcomes wait for PostgreSQL", outcomes=len(batch), error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
