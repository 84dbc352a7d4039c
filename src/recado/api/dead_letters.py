"""Dead letters: seeing them, sending them again, putting them away."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from recado.api import paging
from recado.api.access import Access, Operator, Viewer
from recado.domain.errors import InvalidInput, NotFound
from recado.domain.ids import CampaignId, DeliveryId
from recado.features.deadletters import service
from recado.platform import clock

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

LARGEST_ID = 2**63 - 1
MOST_IDS = 10_000
NO_NUL = r"^[^\x00]*$"  # which PostgreSQL would refuse to look for

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
SomeId = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class DeadLetter(BaseModel):
    """A delivery that ended failed or unknown."""

    id: int
    campaign_id: int
    campaign: str
    contact_id: int | None
    name: str | None
    phone: str
    status: str
    error_code: str | None
    error_class: str | None
    error_detail: str | None
    attempts: int
    channel_id: int | None
    ended_at: datetime | None


class AttemptShown(BaseModel):
    """One try."""

    part: int
    number: int
    channel_id: int
    status: str
    claimed_at: datetime
    ended_at: datetime | None
    provider_id: str | None
    error_code: str | None
    error_class: str | None
    error_detail: str | None


class History(BaseModel):
    """Every try of one delivery."""

    id: int
    attempts: list[AttemptShown]


class Selection(BaseModel):
    """Which dead letters: by id, or all of a campaign, of a code, or of both."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[SomeId], Field(max_length=MOST_IDS)] | None = None
    campaign: SomeId | None = None
    code: Annotated[str, Field(max_length=100, pattern=NO_NUL)] | None = None


class Done(BaseModel):
    """How many it was done to."""

    count: int


class NothingSelected(InvalidInput):
    code = "nothing_selected"
    sentence = "Say which dead letters: give ids, a campaign or a code."


@router.get("")
async def list_dead_letters(
    access: Viewer,
    campaign: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    code: Annotated[str | None, Query(max_length=100, pattern=NO_NUL)] = None,
    limit: paging.Limit = 50,
    cursor: str | None = None,
) -> paging.Page[DeadLetter]:
    """Dead letters, the newest first."""
    wanted = service.Filter(None if campaign is None else CampaignId(campaign), code)
    async with access.transaction() as tx:
        rows = await service.page(tx, wanted, before=paging.decode(cursor), limit=limit + 1)
    return paging.cut([DeadLetter(**row) for row in rows], limit, lambda letter: letter.id)


@router.get("/{delivery_id}")
async def get_history(access: Viewer, delivery_id: Id) -> History:
    """Every try of one delivery."""
    async with access.transaction() as tx:
        rows = await service.history(tx, DeliveryId(delivery_id))
    return History(id=delivery_id, attempts=[AttemptShown(**row) for row in rows])


@router.post("/{delivery_id}/retry")
async def retry_one(access: Operator, delivery_id: Id) -> Done:
    """Send one again; its campaign goes on if it had ended."""
    done = await _retry(access, [DeliveryId(delivery_id)])
    if not done.count:
        raise NotFound("dead letter")
    return done


@router.post("/{delivery_id}/discard")
async def discard_one(access: Operator, delivery_id: Id) -> Done:
    """Put one away."""
    async with access.transaction() as tx:
        count = await service.discard(tx, [DeliveryId(delivery_id)])
    if not count:
        raise NotFound("dead letter")
    return Done(count=count)


@router.post("/retry")
async def retry_many(access: Operator, selection: Selection) -> Done:
    """Send many again."""
    return await _retry(access, await _selected(access, selection))


@router.post("/discard")
async def discard_many(access: Operator, selection: Selection) -> Done:
    """Put many away."""
    count = 0
    for ids in _batches(await _selected(access, selection)):
        async with access.transaction() as tx:
            count += await service.discard(tx, ids)
    return Done(count=count)


async def _retry(access: Access, ids: Sequence[DeliveryId]) -> Done:
    count = 0
    for batch in _batches(ids):
        count += await service.retry(access.runtime, access.workspace_id, batch, clock.now())
    return Done(count=count)


async def _selected(access: Access, selection: Selection) -> list[DeliveryId]:
    if selection.ids is not None:
        return [DeliveryId(one) for one in selection.ids]
    if selection.campaign is None and selection.code is None:
        raise NothingSelected
    campaign = None if selection.campaign is None else CampaignId(selection.campaign)
    async with access.transaction() as tx:
        return await service.ids_of(tx, service.Filter(campaign, selection.code))


def _batches(ids: Sequence[DeliveryId]) -> list[Sequence[DeliveryId]]:
    step = service.AT_ONCE
    return [ids[start : start + step] for start in range(0, len(ids), step)]
