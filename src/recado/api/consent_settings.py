"""A workspace's own words for opt-outs and opt-ins, and what is answered to them."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from recado.api.access import Admin, Viewer
from recado.domain.optout import PAYLOADS, WORDS, Wish, key
from recado.features.wishes import settings

router = APIRouter(prefix="/api/v1/settings", tags=["settings"])

Word = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
Words = Annotated[list[Word], Field(max_length=100)]
Text = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")]


class ConsentSettings(BaseModel):
    """What to set; what is not named stays as it is."""

    model_config = ConfigDict(extra="forbid")

    opt_out_words: Words = Field(default_factory=list)
    opt_in_words: Words = Field(default_factory=list)
    opt_out_payloads: Words = Field(
        default_factory=list, description="what stands behind buttons and lines of lists"
    )
    opt_in_payloads: Words = Field(default_factory=list)


class ConsentSettingsShown(ConsentSettings):
    """The workspace's own settings, and what is understood anyway."""

    built_in: dict[str, list[str]] = Field(description="the same lists as they are everywhere")


@router.get("/consent")
async def get_consent_settings(access: Viewer) -> ConsentSettingsShown:
    """The workspace's own words and payloads, and the built-in ones."""
    async with access.transaction() as tx:
        return _shown(await settings.saved(tx))


@router.put("/consent")
async def put_consent_settings(access: Admin, given: ConsentSettings) -> ConsentSettingsShown:
    """Set some or all; holds for the next message that comes in."""
    async with access.transaction() as tx:
        return _shown(await settings.save(tx, given.model_dump(exclude_unset=True)))


def _shown(saved: dict[str, Any]) -> ConsentSettingsShown:
    built_in = {
        key(wish, kind): list(given[wish])
        for kind, given in (("words", WORDS), ("payloads", PAYLOADS))
        for wish in Wish
    }
    return ConsentSettingsShown(**saved, built_in=built_in)
