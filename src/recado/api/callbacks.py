"""What providers called back with, and having it applied again."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.status import HTTP_202_ACCEPTED

from recado.api import paging
from recado.api.access import Admin
from recado.domain.ids import ChannelId
from recado.features.campaigns.schemas import MOST_IDS, Id
from recado.features.webhooks import replaying
from recado.features.webhooks.replaying import Chosen

router = APIRouter(prefix="/api/v1/callbacks", tags=["callbacks"])


class Choice(BaseModel):
    """Some of the callbacks that are kept; what is left out does not matter."""

    model_config = ConfigDict(extra="forbid")

    channel: Id | None = Field(None, description="the id of a channel")
    since: AwareDatetime | None = Field(None, description="received at this moment or later")
    until: AwareDatetime | None = Field(None, description="received before this moment")
    errors: bool = Field(False, description="only those that could not be read or applied")

    def chosen(self, ids: list[int] | None = None) -> Chosen:
        """As the feature takes it."""
        channel = None if self.channel is None else ChannelId(self.channel)
        return Chosen(channel, self.since, self.until, ids, self.errors)


class Listed(Choice):
    """Which to list, and from where."""

    limit: paging.Limit = 50
    cursor: str | None = None


class Replay(Choice):
    """Which to apply again; one of the keys at least."""

    ids: Annotated[list[Id], Field(max_length=MOST_IDS)] | None = None


class CallbackShown(BaseModel):
    """A callback, without what it says."""

    id: int
    channel_id: int
    channel: str
    provider: str
    received_at: datetime
    processed_at: datetime | None = Field(description="when it was applied last")
    error: str | None = Field(description="why it could not be read or applied")
    bytes: int


class Replayed(BaseModel):
    """How many are being applied again."""

    callbacks: int


@router.get("")
async def list_callbacks(
    access: Admin, asked: Annotated[Listed, Query()]
) -> paging.Page[CallbackShown]:
    """Callbacks of the last seven days, the newest first."""
    async with access.transaction() as tx:
        rows = await replaying.page(
            tx, asked.chosen(), before=paging.decode(asked.cursor), limit=asked.limit + 1
        )
    return paging.cut([CallbackShown(**row) for row in rows], asked.limit, lambda one: one.id)


@router.post("/replay", status_code=HTTP_202_ACCEPTED)
async def replay_callbacks(access: Admin, asked: Replay) -> Replayed:
    """Apply callbacks again; what was applied right stays as it is."""
    async with access.transaction() as tx:
        count = await replaying.again(tx, access.runtime, asked.chosen(asked.ids))
    return Replayed(callbacks=count)
