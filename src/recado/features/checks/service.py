"""Beginning checks of numbers, and telling how they go."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from recado.domain.errors import Conflict, NotFound
from recado.domain.ids import ChannelId, CheckId
from recado.features.campaigns import audience as audiences
from recado.features.campaigns import service as campaigns
from recado.features.campaigns.schemas import Audience
from recado.features.channels import service as channels
from recado.features.checks.models import Check
from recado.platform import sql
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import Unsupported
from recado.providers.registry import provider

SQL = sql.load(__package__)
STEP: Final = "checks:step"
FRESH: Final = timedelta(days=30)  # numbers change hands, but not by the week


class CheckRunning(Conflict):
    code = "check_running"
    sentence = "The channel checks other numbers already. Wait for its end, or cancel that check."


class CheckEnded(Conflict):
    code = "check_ended"
    sentence = "The check has ended already. What it has found is kept."


async def begin(
    tx: Transaction, runtime: Runtime, channel_id: ChannelId, aimed_at: Audience, now: datetime
) -> Check:
    """Have the numbers of an audience asked for, but for those of whom it is known lately.

    Raises:
        NotFound: No such channel.
        Unsupported: Its provider cannot be asked.
        UnknownAudience: What the audience names is not there.
        CheckRunning: The channel has another check under way.
    """
    channel = await channels.get(tx, channel_id)
    if not provider(channel.provider).capabilities.number_check:
        raise Unsupported(provider=channel.provider, what="number_check")
    await campaigns.check_references(tx, channel_ids=(), audience=aimed_at)
    made = await tx.value(SQL["begin"], channel_id=channel_id, now=now)
    if made is None:
        raise CheckRunning
    check_id = CheckId(made)
    total = await tx.value(
        SQL["aim"],
        check_id=check_id,
        fresh_since=now - FRESH,
        **await audiences.parameters(tx, aimed_at.model_dump(), skip_dead=False),
    )
    if total:
        await defer(tx, runtime, check_id)
    else:
        await end(tx, check_id, "completed", now)
    return await get(tx, check_id)


async def get(tx: Transaction, check_id: CheckId) -> Check:
    """One check; raises NotFound."""
    found = await tx.session.get(Check, (tx.workspace_id, check_id), populate_existing=True)
    if found is None:
        raise NotFound("check")
    return found


async def page(tx: Transaction, *, before: int | None, limit: int) -> list[Check]:
    """Checks with ids under ``before``, newest first."""
    statement = select(Check).order_by(Check.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Check.id < before)
    return list(await tx.session.scalars(statement))


async def cancel(tx: Transaction, check_id: CheckId, now: datetime) -> Check:
    """Ask for no more numbers; what was found is kept. Raises NotFound or CheckEnded."""
    await get(tx, check_id)
    if not await end(tx, check_id, "cancelled", now):
        raise CheckEnded
    return await get(tx, check_id)


async def end(
    tx: Transaction, check_id: CheckId, status: str, now: datetime, *, detail: str | None = None
) -> bool:
    """Let a check end; False if it had."""
    ended = await tx.one(SQL["end"], check_id=check_id, status=status, now=now, detail=detail)
    return ended is not None


async def defer(
    tx: Transaction, runtime: Runtime, check_id: CheckId, at: datetime | None = None
) -> None:
    """Have the next step of a check done, not before its time."""
    await runtime.queue.defer(
        tx,
        STEP,
        at=at,
        once=f"check {check_id}",
        workspace_id=int(tx.workspace_id),
        check_id=int(check_id),
    )
