"""A workspace's own words for opt-outs and opt-ins, and what is answered to them."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from recado.api.access import Admin, Viewer
from recado.domain.optout import PAYLOADS, WORDS, Wish, key
from recado.features.wishes import confirming, settings
from recado.platform.postgres import Transaction

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
    confirm: bool = Field(True, description="answer whoever opts out or in by writing")
    opt_out_confirmation: Text | None = Field(None, description="null: the built-in text")
    opt_in_confirmation: Text | None = None


class BuiltIn(BaseModel):
    """What is understood in every workspace, and what is answered without texts of its own."""

    opt_out_words: list[str]
    opt_in_words: list[str]
    opt_out_payloads: list[str]
    opt_in_payloads: list[str]
    opt_out_confirmation: str
    opt_in_confirmation: str


class ConsentSettingsShown(ConsentSettings):
    """The workspace's own settings, and what there is without them."""

    built_in: BuiltIn


@router.get("/consent")
async def get_consent_settings(access: Viewer) -> ConsentSettingsShown:
    """The workspace's own words, payloads and texts, and the built-in ones."""
    async with access.transaction() as tx:
        return await _shown(tx, await settings.saved(tx))


@router.put("/consent")
async def put_consent_settings(access: Admin, given: ConsentSettings) -> ConsentSettingsShown:
    """Set some or all; holds for the next message that comes in."""
    async with access.transaction() as tx:
        return await _shown(tx, await settings.save(tx, given.model_dump(exclude_unset=True)))


async def _shown(tx: Transaction, saved: Mapping[str, Any]) -> ConsentSettingsShown:
    texts = await confirming.texts(tx)
    built_in: dict[str, Any] = {}
    for wish in Wish:
        built_in[key(wish, "words")] = list(WORDS[wish])
        built_in[key(wish, "payloads")] = list(PAYLOADS[wish])
        built_in[key(wish, "confirmation")] = texts[wish]
    return ConsentSettingsShown(**saved, built_in=BuiltIn(**built_in))
