"""When a campaign starts by itself: at its time, again if it repeats, and not after its end.

``campaign.starts_at`` holds the moment, for as long as there is one to come. The job deferred with
it does the starting; one that finds another moment there comes too early, and does nothing.
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from recado.domain.errors import Conflict
from recado.domain.ids import RunId
from recado.domain.schedules import Schedule, next_start, parse_schedule
from recado.features.campaigns.models import Campaign
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

START: Final = "campaigns:start_scheduled"
EXPIRE: Final = "campaigns:expire"


class ScheduleEnded(Conflict):
    code = "schedule_ended"
    sentence = (
        "The campaign's end (end_at) has passed, so nothing of it may leave. Give it a later one."
    )


def schedule_of(campaign: Campaign) -> Schedule:
    """A campaign's schedule, read."""
    return parse_schedule(campaign.schedule)


def has_ended(campaign: Campaign, now: datetime) -> bool:
    """Whether the schedule's end has passed."""
    end_at = schedule_of(campaign).end_at
    return end_at is not None and end_at <= now


async def zone_of(tx: Transaction) -> ZoneInfo:
    """The workspace's time zone."""
    name: str = await tx.value(
        "SELECT timezone FROM workspace WHERE id = %(workspace_id)s", workspace_id=tx.workspace_id
    )
    return ZoneInfo(name)


async def set_start(
    tx: Transaction, runtime: Runtime, campaign: Campaign, at: datetime | None
) -> None:
    """Have a campaign started at a moment, or not at all by itself."""
    campaign.starts_at = at
    if at is not None:
        await runtime.queue.defer(
            tx, START, at=at, workspace_id=tx.workspace_id, campaign_id=campaign.id
        )


async def set_next_start(
    tx: Transaction, runtime: Runtime, campaign: Campaign, after: datetime
) -> None:
    """Have a recurring campaign started again; one that starts once has started."""
    schedule, again = schedule_of(campaign), None
    if schedule.repeat is not None:
        again = next_start(schedule, after, await zone_of(tx))
    await set_start(tx, runtime, campaign, again)


async def set_end(tx: Transaction, runtime: Runtime, campaign: Campaign, run_id: RunId) -> None:
    """Have what a run has left unsent at the schedule's end expire then."""
    end_at = schedule_of(campaign).end_at
    if end_at is not None:
        await runtime.queue.defer(
            tx, EXPIRE, at=end_at, workspace_id=tx.workspace_id, run_id=run_id
        )
