"""Background work on conversations."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from procrastinate import RetryStrategy
from procrastinate.blueprints import Blueprint

from recado.domain.ids import ConversationId, MessageId, WorkspaceId
from recado.features.dispatch.transactions import short
from recado.features.inbox import feed, outgoing, read_marks
from recado.features.inbox.claims import SQL
from recado.features.inbox.sending import Sending
from recado.platform import logging, settings
from recado.platform.runtime import Runtime
from recado.providers.base import Transport
from recado.providers.transport import AiohttpTransport

log = logging.get(__name__)

IDLE_AFTER = timedelta(seconds=30)
RECORD_SECONDS = 5.0  # for what is left to do once the last request of a process has ended
LONGEST = timedelta(minutes=3)  # from the claim to the record of a request, with room to spare


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``inbox:…``."""
    tasks = Blueprint()
    wire = _Wire(runtime)

    @tasks.task(
        name="send", queue="answers", retry=RetryStrategy(max_attempts=10, exponential_wait=2)
    )
    async def send(*, workspace_id: int, message_id: int, conversation_id: int) -> None:
        workspace, message = WorkspaceId(workspace_id), MessageId(message_id)
        timeout = settings.sending().request_timeout_seconds
        sending = Sending(runtime, wire.transport(), timeout)
        again = await wire.see_through(sending.send(workspace, message))
        if again is not None:
            async with short(runtime.db, workspace) as tx:
                place = ConversationId(conversation_id)
                await outgoing.defer_sending(runtime, tx, message, place, at=again)

    @tasks.task(
        name="mark_read", queue="inbound", retry=RetryStrategy(max_attempts=3, exponential_wait=4)
    )
    async def mark_read(*, workspace_id: int, conversation_id: int, most: int) -> None:
        await read_marks.show(
            runtime,
            wire.transport(),
            WorkspaceId(workspace_id),
            ConversationId(conversation_id),
            most=most,
        )

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="sweep", queue="answers", queueing_lock="sweep answers")
    async def sweep(timestamp: int) -> None:
        del timestamp
        await sweep_messages(runtime)

    return tasks


async def sweep_messages(runtime: Runtime) -> None:
    """Give messages whose job got lost another, and say of what was under way that nobody knows."""
    async with runtime.db.system() as tx:
        rows = await tx.all(SQL["unsettled"], idle=IDLE_AFTER, longest=LONGEST)
    for row in rows:
        workspace = WorkspaceId(row["workspace_id"])
        message, place = MessageId(row["id"]), ConversationId(row["conversation_id"])
        async with short(runtime.db, workspace) as tx:
            if row["lost"]:
                log.warning("what became of an answer is not known", message=message)
                await tx.run(SQL["lose"], workspace_id=workspace, id=message, longest=LONGEST)
            else:
                await outgoing.defer_sending(runtime, tx, message, place)
        if row["lost"]:
            await feed.publish(runtime.redis, workspace, [place])


class _Wire:
    """The transport of a process's jobs, opened by the first that needs it, and what is on it.

    It is kept: a grant does not live for as long as opening a connection takes.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._opened: AiohttpTransport | None = None
        self._on_it: set[asyncio.Task[datetime | None]] = set()

    def transport(self) -> Transport:
        """To be called inside the process's loop."""
        if self._opened is None:
            self._opened = AiohttpTransport()
            self._runtime.closing.append(self._close)
        return self._opened

    async def see_through(self, work: Coroutine[Any, Any, datetime | None]) -> datetime | None:
        """Its result. It goes on if its job is cancelled: what has left must be put on record.

        Jobs are cancelled when their worker stops, or loses PostgreSQL for longer than a moment.
        """
        task = asyncio.create_task(work, name="answer")
        self._on_it.add(task)
        task.add_done_callback(self._on_it.discard)
        return await asyncio.shield(task)

    async def _close(self) -> None:
        if self._on_it:
            longest = settings.sending().request_timeout_seconds + RECORD_SECONDS
            await asyncio.wait(set(self._on_it), timeout=longest)
        if self._opened is not None:
            await self._opened.close()
