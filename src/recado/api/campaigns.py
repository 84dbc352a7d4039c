"""Campaigns: making them, moving them, and seeing how they go."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse
from starlette.status import HTTP_201_CREATED, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from recado.api import paging, template_lists
from recado.api.access import Access, Operator, Viewer
from recado.api.idempotency import IdempotentRoute
from recado.domain.ids import CampaignId
from recado.domain.runs import RunState
from recado.features.campaigns import changes, deleting, progress, service
from recado.features.campaigns.models import Campaign
from recado.features.campaigns.schemas import CampaignChanges, NewCampaign, Progress
from recado.features.reports import service as reports
from recado.features.reports.service import DeliveryShown
from recado.platform import clock
from recado.platform.postgres import Transaction

router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"], route_class=IdempotentRoute)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


class CampaignShown(BaseModel):
    """A campaign as it was made, and its state."""

    id: int
    name: str
    status: str
    paused_reason: str | None
    channel_ids: list[int]
    audience: dict[str, Any]
    content: dict[str, Any]
    schedule: dict[str, Any]
    starts_at: datetime | None = Field(
        description="when it starts next by itself; null where it does not"
    )
    pacing: dict[str, Any]
    fail_over: bool
    skip_dead_numbers: bool
    created_at: datetime
    updated_at: datetime


@router.post("", status_code=HTTP_201_CREATED)
async def create_campaign(request: Request, access: Operator, new: NewCampaign) -> CampaignShown:
    """Add a draft; nothing is sent before it is started."""
    await template_lists.for_new(request, access, new)
    async with access.transaction() as tx:
        campaign = await service.create(tx, new, clock.now(), created_by=access.caller)
        return await _shown(tx, campaign)


@router.get("")
async def list_campaigns(
    access: Viewer,
    status: RunState | None = None,
    limit: paging.Limit = 50,
    cursor: str | None = None,
) -> paging.Page[CampaignShown]:
    """Campaigns, the newest first."""
    async with access.transaction() as tx:
        found = await service.everyone(
            tx, limit=limit + 1, before=paging.decode(cursor), status=status
        )
        shown = [await _shown(tx, campaign) for campaign in found]
    return paging.cut(shown, limit, lambda campaign: campaign.id)


@router.get("/{campaign_id}")
async def get_campaign(access: Viewer, campaign_id: Id) -> CampaignShown:
    """One campaign."""
    async with access.transaction() as tx:
        return await _shown(tx, await service.get(tx, CampaignId(campaign_id)))


@router.patch("/{campaign_id}")
async def change_campaign(
    request: Request, access: Operator, campaign_id: Id, given: CampaignChanges
) -> CampaignShown:
    """Change it: schedule and pacing until it ends, for the next message; content as a draft."""
    if given.content is not None or given.channel_ids is not None:
        await template_lists.for_campaign(request, access, campaign_id, given)
    async with access.transaction() as tx:
        campaign = await changes.change(
            tx, access.runtime, CampaignId(campaign_id), given, clock.now()
        )
        return await _shown(tx, campaign)


@router.delete("/{campaign_id}", status_code=HTTP_204_NO_CONTENT)
async def delete_campaign(access: Operator, campaign_id: Id) -> None:
    """Delete a draft, or one that is over with all that is on record about it."""
    async with access.transaction() as tx:
        await deleting.delete(tx, CampaignId(campaign_id), clock.now())


@router.get("/{campaign_id}/progress")
async def get_progress(access: Viewer, campaign_id: Id) -> Progress:
    """How far the latest run is."""
    return await progress.of(
        access.runtime, access.workspace_id, CampaignId(campaign_id), clock.now()
    )


@router.post("/{campaign_id}/start", status_code=HTTP_202_ACCEPTED)
async def start_campaign(request: Request, access: Operator, campaign_id: Id) -> CampaignShown:
    """Start it now, or at its start_at."""
    await template_lists.for_campaign(request, access, campaign_id)
    return await _move(access, campaign_id, service.start)


@router.post("/{campaign_id}/pause", status_code=HTTP_202_ACCEPTED)
async def pause_campaign(access: Operator, campaign_id: Id) -> CampaignShown:
    """Let nothing more leave; what is on the wire ends by itself."""
    return await _move(access, campaign_id, service.pause)


@router.post("/{campaign_id}/resume", status_code=HTTP_202_ACCEPTED)
async def resume_campaign(access: Operator, campaign_id: Id) -> CampaignShown:
    """Go on where it was paused."""
    return await _move(access, campaign_id, service.resume)


@router.post("/{campaign_id}/cancel", status_code=HTTP_202_ACCEPTED)
async def cancel_campaign(access: Operator, campaign_id: Id) -> CampaignShown:
    """End it for good."""
    return await _move(access, campaign_id, service.cancel)


@router.get("/{campaign_id}/deliveries")
async def list_deliveries(
    access: Viewer,
    campaign_id: Id,
    status: str | None = None,
    limit: paging.Limit = 50,
    cursor: str | None = None,
) -> paging.Page[DeliveryShown]:
    """Deliveries of the latest run, of one current state or of all."""
    async with access.transaction() as tx:
        found = await reports.deliveries(
            tx,
            CampaignId(campaign_id),
            status=status or None,
            limit=limit + 1,
            after=paging.decode(cursor),
        )
    return paging.cut(found, limit, lambda delivery: delivery.id)


@router.get("/{campaign_id}/report.csv", response_class=StreamingResponse)
async def get_report(access: Viewer, campaign_id: Id) -> StreamingResponse:
    """The latest run, a line per contact."""
    async with access.transaction() as tx:
        await service.get(tx, CampaignId(campaign_id))
    lines = reports.report(access.runtime.db, access.workspace_id, CampaignId(campaign_id))
    return StreamingResponse(
        lines,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="campanha-{campaign_id}.csv"'},
    )


async def _move(
    access: Access, campaign_id: int, step: Callable[..., Awaitable[Campaign]]
) -> CampaignShown:
    async with access.transaction() as tx:
        campaign = await step(tx, access.runtime, CampaignId(campaign_id), clock.now())
        return await _shown(tx, campaign)


async def _shown(tx: Transaction, campaign: Campaign) -> CampaignShown:
    return CampaignShown(
        id=campaign.id,
        name=campaign.name,
        status=campaign.status,
        paused_reason=campaign.paused_reason,
        channel_ids=list(await service.channels_of(tx, CampaignId(campaign.id))),
        audience=campaign.audience,
        content=campaign.content,
        schedule=campaign.schedule,
        starts_at=campaign.starts_at,
        pacing=campaign.pacing,
        fail_over=campaign.fail_over,
        skip_dead_numbers=campaign.skip_dead_numbers,
        created_at=campaign.created_at,
        updated_at=campaign.updated_at,
    )
