"""Presets of pacing: the built-in ones and a workspace's own."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.status import HTTP_204_NO_CONTENT

from recado.api import paging
from recado.api.access import Admin, Viewer
from recado.features.dispatch import leases
from recado.features.settings import presets
from recado.platform import clock

router = APIRouter(prefix="/api/v1/settings/presets", tags=["settings"])

Name = Annotated[str, Path(max_length=200)]


class PresetShown(BaseModel):
    """A preset, wherever ``preset`` is accepted."""

    name: str
    built_in: bool
    given: dict[str, Any] = Field(description="the keys it was made of")
    pacing: dict[str, Any] = Field(description="every key, as it holds")


@router.get("")
async def list_presets(access: Viewer) -> paging.Page[PresetShown]:
    """The built-in ones, then the workspace's own."""
    async with access.transaction() as tx:
        return paging.Page(items=[_shown(one) for one in await presets.everyone(tx)])


@router.put("/{name}")
async def put_preset(access: Admin, name: Name, given: dict[str, Any]) -> PresetShown:
    """Make or change one; holds for the very next message of whoever goes by it."""
    async with access.transaction() as tx:
        preset = await presets.save(tx, name, given)
        await leases.hasten(tx, clock.now())
    return _shown(preset)


@router.delete("/{name}", status_code=HTTP_204_NO_CONTENT)
async def delete_preset(access: Admin, name: Name) -> None:
    """Delete one that nothing goes by any more."""
    async with access.transaction() as tx:
        await presets.delete(tx, name)


def _shown(preset: presets.Preset) -> PresetShown:
    return PresetShown(
        name=preset.name,
        built_in=preset.built_in,
        given=dict(preset.given),
        pacing=dict(preset.pacing),
    )
