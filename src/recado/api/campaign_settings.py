"""A workspace's settings of campaigns."""

from typing import Any

from fastapi import APIRouter

from recado.api.access import Admin, Viewer
from recado.domain import campaign_settings
from recado.features.dispatch import leases
from recado.features.settings import service
from recado.platform import clock

router = APIRouter(prefix="/api/v1/settings", tags=["settings"])


@router.get("/campaigns")
async def get_campaign_settings(access: Viewer) -> dict[str, Any]:
    """Every setting: as the workspace saved it, or as it is by default."""
    async with access.transaction() as tx:
        return campaign_settings.shown(await service.saved(tx))


@router.put("/campaigns")
async def put_campaign_settings(access: Admin, given: dict[str, Any]) -> dict[str, Any]:
    """Set some or all; holds for the very next message."""
    async with access.transaction() as tx:
        saved = await service.save(tx, given)
        await leases.hasten(tx, clock.now())
    return campaign_settings.shown(saved)
