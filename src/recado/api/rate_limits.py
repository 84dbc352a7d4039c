"""Limits by scope, and what they hold now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from recado.api import paging
from recado.api.access import Access, Admin, Viewer
from recado.domain.campaign_settings import MOST_DAILY
from recado.domain.ids import ChannelId
from recado.domain.limits import Kind
from recado.features.channels import service as channels
from recado.features.dispatch import leases
from recado.features.limits import meters
from recado.features.limits.meters import Meter
from recado.features.settings import rate_limits
from recado.features.settings import service as settings
from recado.platform import clock

router = APIRouter(prefix="/api/v1/rate-limits", tags=["settings"])


class MeterShown(BaseModel):
    """One limit: in any span of so many seconds at most so many."""

    scope: str
    subject: str = Field(description="whose it is; of a campaign its channel and itself")
    name: str
    limit: int
    seconds: float
    used: int
    left: int
    refills_at: datetime | None = Field(description="when one more may go; null if one may now")


class ChannelMetersShown(BaseModel):
    """A channel's limits and what it has to do."""

    id: int
    name: str
    running: int = Field(description="requests on the wire")
    slots: int | None = Field(description="the most there may be")
    waiting: int = Field(description="deliveries of its running campaigns that have not left")
    limits: list[MeterShown]


class RateLimitsShown(BaseModel):
    """A page of channels, and what the whole workspace is limited to."""

    workspace: list[MeterShown]
    contact: dict[str, int | None]
    items: list[ChannelMetersShown]
    next_cursor: str | None


Most = Annotated[int | None, Field(ge=1, le=1_000_000_000)]


class WorkspaceLimits(BaseModel):
    """Requests of the whole workspace; null takes a limit away, what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    per_second: Most = Field(None, alias="perSecond")
    per_minute: Most = Field(None, alias="perMinute")
    per_day: Most = Field(None, alias="perDay")


class ContactLimits(BaseModel):
    """What one contact may get; null takes a limit away."""

    model_config = ConfigDict(extra="forbid")

    per_contact_daily: int | None = Field(None, ge=1, le=MOST_DAILY, alias="perContactDaily")


class NewLimits(BaseModel):
    """Some limits to be set."""

    model_config = ConfigDict(extra="forbid")

    workspace: WorkspaceLimits = WorkspaceLimits()
    contact: ContactLimits = ContactLimits()
    channels: dict[int, dict[str, Any]] = Field({}, description="channel → keys of its pacing")


@router.get("")
async def get_rate_limits(
    access: Viewer, limit: paging.Limit = 50, cursor: str | None = None
) -> RateLimitsShown:
    """What every limit allows, how much of it is used, and when it refills."""
    return await _shown(access, limit, paging.decode(cursor))


@router.put("")
async def put_rate_limits(access: Admin, given: NewLimits) -> RateLimitsShown:
    """Set some; holds for the very next message."""
    now = clock.now()
    async with access.transaction() as tx:
        await rate_limits.save(tx, given.workspace.model_dump(by_alias=True, exclude_unset=True))
        await settings.save(tx, given.contact.model_dump(by_alias=True, exclude_unset=True))
        for channel, pacing in given.channels.items():
            await channels.change(tx, ChannelId(channel), name=None, pacing_given=pacing, now=now)
        await leases.hasten(tx, now)
    return await _shown(access, 50, None)


async def _shown(access: Access, limit: int, after: int | None) -> RateLimitsShown:
    found = await meters.read(access.runtime, access.workspace_id, limit=limit + 1, after=after)
    page = paging.cut(
        [
            ChannelMetersShown(
                id=one.id,
                name=one.name,
                running=one.running,
                slots=one.slots,
                waiting=one.waiting,
                limits=_meters(one.meters),
            )
            for one in found.channels
        ],
        limit,
        lambda channel: channel.id,
    )
    return RateLimitsShown(
        workspace=_meters(found.workspace),
        contact={"perContactDaily": found.per_contact_daily},
        items=page.items,
        next_cursor=page.next_cursor,
    )


def _meters(found: Sequence[Meter]) -> list[MeterShown]:
    return [
        MeterShown(
            scope=meter.limit.scope.value,
            subject=meter.limit.subject,
            name=meter.limit.name,
            limit=meter.limit.most,
            seconds=meter.limit.seconds,
            used=meter.used,
            left=meter.left,
            refills_at=meter.refills_at,
        )
        for meter in found
        # A second's limit is kept by its tenths as well, which nobody has set.
        if not (meter.limit.kind is Kind.LOG and meter.limit.seconds < 1)
    ]
