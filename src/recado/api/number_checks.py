"""Checks of contacts' numbers: beginning one, following it, cancelling it."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.status import HTTP_202_ACCEPTED

from recado.api import paging
from recado.api.access import Operator, Viewer
from recado.api.idempotency import IdempotentRoute
from recado.domain.ids import ChannelId, CheckId
from recado.features.campaigns.schemas import Audience, Id
from recado.features.checks import service
from recado.features.checks.models import Check
from recado.platform import clock

router = APIRouter(prefix="/api/v1/contacts/checks", tags=["contacts"], route_class=IdempotentRoute)

InPath = Annotated[int, Path(ge=1, le=2**63 - 1)]


class NewCheck(BaseModel):
    """Whose numbers are to be asked for, and through which channel."""

    model_config = ConfigDict(extra="forbid")

    channel_id: Id
    audience: Audience


class CheckStarted(BaseModel):
    """The check that has been started."""

    id: int


class CheckShown(BaseModel):
    """How a check goes. checked = valid + dead + unknown; at its end that is total."""

    id: int
    channel_id: int
    status: Literal["pending", "running", "completed", "cancelled", "failed"]
    total: int = Field(description="numbers to be asked for")
    skipped: int = Field(description="not asked for: it is known for less than 30 days")
    checked: int
    valid: int
    dead: int
    unknown: int = Field(description="the provider did not say, or the contact was deleted")
    detail: str | None = Field(description="why the last call failed")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, check: Check) -> "CheckShown":
        """A check's row."""
        given = {name: getattr(check, name) for name in cls.model_fields if name != "checked"}
        return cls(**given, checked=check.valid + check.dead + check.unknown)


@router.post("", status_code=HTTP_202_ACCEPTED)
async def begin_check(access: Operator, new: NewCheck) -> CheckStarted:
    """Ask the channel's provider which numbers are on WhatsApp, in the background."""
    async with access.transaction() as tx:
        made = await service.begin(
            tx, access.runtime, ChannelId(new.channel_id), new.audience, clock.now()
        )
        return CheckStarted(id=made.id)


@router.get("")
async def list_checks(
    access: Viewer, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[CheckShown]:
    """Checks, newest first."""
    async with access.transaction() as tx:
        found = await service.page(tx, before=paging.decode(cursor), limit=limit + 1)
    return paging.cut([CheckShown.of(one) for one in found], limit, lambda one: one.id)


@router.get("/{check_id}")
async def get_check(access: Viewer, check_id: InPath) -> CheckShown:
    """How a check goes."""
    async with access.transaction() as tx:
        return CheckShown.of(await service.get(tx, CheckId(check_id)))


@router.post("/{check_id}/cancel", status_code=HTTP_202_ACCEPTED)
async def cancel_check(access: Operator, check_id: InPath) -> CheckShown:
    """Ask for no more numbers; what was found is kept."""
    async with access.transaction() as tx:
        return CheckShown.of(await service.cancel(tx, CheckId(check_id), clock.now()))
