"""What a campaign would come to, before it starts."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.requests import Request

from recado.api import paging, template_lists
from recado.api.access import Viewer
from recado.domain.forecast import Forecast
from recado.domain.ids import CampaignId
from recado.features.campaigns import preflight
from recado.features.campaigns.audience import Suppressed
from recado.platform import clock, i18n

router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


class SuppressedShown(BaseModel):
    """One who would not be written to."""

    contact_id: int
    name: str
    phone: str
    reason: str = Field(description="opted_out, dead_number, or tag: and the tag that forbids it")


class WarningShown(BaseModel):
    """One thing to be warned of; nothing forbids to start all the same."""

    code: str = Field(description="stable, for programs")
    message: str


class EstimateShown(BaseModel):
    """How it would go, with every limit used to the full."""

    starts_at: datetime | None = Field(description="null: nothing would ever leave")
    ends_at: datetime | None = Field(description="null: not within 400 days")
    per_day: dict[date, int] = Field(description="messages by date, in the window's zone")
    limited_by: str = Field(description="what costs the most time: a key of pacing, or window")
    expires: int = Field(description="messages that the schedule's end would leave unsent")


class PreflightShown(BaseModel):
    """A campaign as it would go if it were started now."""

    audience: int = Field(description="who would be written to")
    suppressed: dict[str, int] = Field(description="who would not, by the reason")
    suppressed_contacts: list[SuppressedShown] = Field(description="the first 50 of them")
    dead: int = Field(description="of the audience, numbers known not to be on WhatsApp")
    unchecked: int = Field(description="of the audience, numbers of which nothing is known")
    warnings: list[WarningShown]
    estimate: EstimateShown


@router.post("/{campaign_id}/preflight")
async def preflight_campaign(request: Request, access: Viewer, campaign_id: Id) -> PreflightShown:
    """Who would get it, who would not and why, when it would end, and what to think of first."""
    language = i18n.negotiate(accept_language=request.headers.get("accept-language"))
    words = i18n.translator(language)
    await template_lists.for_campaign(request, access, campaign_id)
    async with access.transaction() as tx:
        found = await preflight.of(tx, CampaignId(campaign_id), clock.now())
    return PreflightShown(
        audience=found.people.audience,
        suppressed=dict(found.people.suppressed),
        suppressed_contacts=[_shown(one) for one in found.suppressed],
        dead=found.people.dead,
        unchecked=found.people.unchecked,
        warnings=[
            WarningShown(code=one.code.value, message=one.message(words.gettext))
            for one in found.warnings
        ],
        estimate=_estimate(found.estimate),
    )


@router.get("/{campaign_id}/suppressed")
async def list_suppressed(
    access: Viewer, campaign_id: Id, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[SuppressedShown]:
    """Who would not be written to if it were started now, and why."""
    async with access.transaction() as tx:
        found = await preflight.suppressed(
            tx, CampaignId(campaign_id), after=paging.decode(cursor), limit=limit + 1
        )
    return paging.cut([_shown(one) for one in found], limit, lambda one: one.contact_id)


def _shown(one: Suppressed) -> SuppressedShown:
    return SuppressedShown(
        contact_id=one.contact_id, name=one.name, phone=one.phone, reason=one.reason
    )


def _estimate(found: Forecast) -> EstimateShown:
    return EstimateShown(
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        per_day=dict(found.per_day),
        limited_by=found.limited_by.value,
        expires=found.expires,
    )
