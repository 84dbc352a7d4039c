"""A step of a check: one call, then what it has told, and the job for the next one.

Both are one transaction, so a crash costs one call, which is made again. Nobody says how many
numbers an unofficial number may ask for before WhatsApp takes it for a harvester, so the calls are
few, small and far between.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from recado.domain.errors import NotFound
from recado.domain.ids import ChannelId, CheckId, ContactId, WorkspaceId
from recado.domain.retry import ErrorClass
from recado.features.channels import service as channels
from recado.features.channels.service import OpenChannel
from recado.features.checks import service
from recado.features.checks.service import SQL
from recado.features.contacts import reach
from recado.features.inbox import people
from recado.platform import clock
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import CallFailed, NumberCheck, ProviderFault, Transport

NUMBERS_A_CALL: Final = 50
PAUSE: Final = timedelta(seconds=5)  # between two calls
LEASE: Final = timedelta(minutes=2)  # longer than a call takes
AWAY: Final = timedelta(minutes=1)  # until a channel that cannot be asked now is looked at again
BACK_OFF: Final = timedelta(seconds=30)  # after the first failure; doubled by each in a row
MOST_FAILURES: Final = 5  # in a row


async def step(
    runtime: Runtime, transport: Transport, workspace_id: WorkspaceId, check_id: CheckId
) -> None:
    """Ask for the next numbers, if it is time to."""
    async with runtime.db.workspace(workspace_id) as tx:
        claimed = await _claim(tx, runtime, check_id)
    if claimed is None:
        return
    channel, failures, rows = claimed
    answers: Sequence[NumberCheck] | None = None
    fault: ProviderFault | None = None
    try:
        answers = await channel.adapter.check_numbers(
            transport, channel.config, [row["number"] for row in rows]
        )
    except CallFailed as error:
        fault = error.fault
    async with runtime.db.workspace(workspace_id) as tx:
        contacts = [ContactId(row["contact_id"]) for row in rows]
        if answers is not None:
            await _keep(tx, check_id, channel.id, contacts, answers)
        elif fault is not None and fault.error_class is ErrorClass.UNKNOWN_CODE:
            # It has answered, and asked again would answer the same.
            await _count(tx, check_id, contacts, unknown=len(contacts))
        elif fault is not None:
            await _fail(tx, runtime, check_id, failures + 1, fault)
            return
        await _go_on(tx, runtime, check_id)


async def _claim(
    tx: Transaction, runtime: Runtime, check_id: CheckId
) -> tuple[OpenChannel, int, list[Row]] | None:
    now = clock.now()
    claimed = await tx.one(SQL["claim"], check_id=check_id, now=now, lease_until=now + LEASE)
    if claimed is None:
        return None
    try:
        channel = await channels.get(tx, ChannelId(claimed["channel_id"]))
    except NotFound:
        await service.end(tx, check_id, "cancelled", now)
        return None
    if channel.status != "connected" or channel.paused_reason is not None:
        await _wait(tx, runtime, check_id, AWAY)
        return None
    rows = await tx.all(SQL["batch"], check_id=check_id, most=NUMBERS_A_CALL)
    if not rows:
        await service.end(tx, check_id, "completed", now)
        return None
    return channels.opened_channel(channel, runtime), claimed["failures"], rows


async def _keep(
    tx: Transaction,
    check_id: CheckId,
    channel_id: ChannelId,
    contacts: Sequence[ContactId],
    answers: Sequence[NumberCheck],
) -> None:
    await reach.note_checks(tx, contacts, answers)
    # Messages under what the provider calls them find them from now on; of two, the first.
    now = clock.now()
    named: dict[tuple[ChannelId, str], tuple[ContactId, datetime]] = {}
    for contact, answer in zip(contacts, answers, strict=True):
        if answer.user_id is not None:
            named.setdefault((channel_id, answer.user_id), (contact, now))
    await people.learn(tx, named)
    valid = sum(answer.exists for answer in answers)
    await _count(tx, check_id, contacts, valid=valid, dead=len(answers) - valid)


async def _count(
    tx: Transaction,
    check_id: CheckId,
    contacts: Sequence[ContactId],
    *,
    valid: int = 0,
    dead: int = 0,
    unknown: int = 0,
) -> None:
    await tx.run(SQL["asked"], check_id=check_id, contacts=contacts)
    await tx.run(SQL["count"], check_id=check_id, valid=valid, dead=dead, unknown=unknown)


async def _go_on(tx: Transaction, runtime: Runtime, check_id: CheckId) -> None:
    if await tx.all(SQL["batch"], check_id=check_id, most=1):
        await _wait(tx, runtime, check_id, PAUSE)
    else:
        await service.end(tx, check_id, "completed", clock.now())


async def _fail(
    tx: Transaction, runtime: Runtime, check_id: CheckId, failures: int, fault: ProviderFault
) -> None:
    detail = f"{fault.code}: {fault.detail}"[:500]
    if failures >= MOST_FAILURES:
        await service.end(tx, check_id, "failed", clock.now(), detail=detail)
    else:
        pause = BACK_OFF * 2 ** (failures - 1)
        await _wait(tx, runtime, check_id, pause, failed=True, detail=detail)


async def _wait(
    tx: Transaction,
    runtime: Runtime,
    check_id: CheckId,
    pause: timedelta,
    *,
    failed: bool = False,
    detail: str | None = None,
) -> None:
    at = clock.now() + pause
    await tx.run(SQL["wait"], check_id=check_id, at=at, failures=int(failed), detail=detail)
    await service.defer(tx, runtime, check_id, at)
