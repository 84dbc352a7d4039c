"""Channels: the numbers that messages leave from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from recado.api import paging
from recado.api.access import Access, Admin, Viewer
from recado.api.idempotency import IdempotentRoute
from recado.domain import pacing
from recado.domain.ids import ChannelId
from recado.features.channels import service
from recado.features.channels.models import Channel
from recado.features.connections import numbers
from recado.features.contacts.schemas import Label
from recado.features.dispatch import leases, mood
from recado.features.settings import service as settings
from recado.platform import clock
from recado.providers.base import Transport

router = APIRouter(prefix="/api/v1/channels", tags=["channels"], route_class=IdempotentRoute)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Name = Annotated[Label, Field(max_length=100)]


class NewChannel(BaseModel):
    """A number to connect. ``config`` depends on the provider; secrets never come back."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    provider: str
    config: dict[str, Any] = {}
    pacing: dict[str, Any] | None = None


class ChannelChanges(BaseModel):
    """What may be changed later; of the config only what is given, credentials for example."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    config: dict[str, Any] | None = None
    pacing: dict[str, Any] | None = None


class ChannelHealth(BaseModel):
    """How a channel has answered lately, and what holds it back.

    The breakers are those of the channel and of the host that it shares with others: ``closed``
    lets everything pass, ``open`` nothing until its time, ``half_open`` one to try.
    """

    breaker: str
    breaker_until: datetime | None
    host: str
    host_breaker: str
    host_breaker_until: datetime | None
    sends_at_once: int
    errors_in_a_row: int
    paused_until: datetime | None
    paused_reason: str | None


class ChannelShown(BaseModel):
    """A number as everyone may see it."""

    id: int
    name: str
    provider: str
    status: str
    detail: str | None
    paused_until: datetime | None
    paused_reason: str | None
    display_number: str | None = Field(description="as the provider writes it")
    quality: str | None = Field(description="GREEN, YELLOW, RED or UNKNOWN")
    tier: int | None = Field(description="whom it may reach in 24 hours; null is any, or not told")
    throughput: str | None = Field(description="how fast it may send, in the provider's word")
    webhook_url: str
    config: dict[str, Any]
    pacing: dict[str, Any]
    health: ChannelHealth | None = Field(description="null while Redis is away")
    created_at: datetime


class CheckShown(BaseModel):
    """A channel's state as its provider tells it."""

    status: str
    detail: str


@router.post("", status_code=HTTP_201_CREATED)
async def create_channel(request: Request, access: Admin, new: NewChannel) -> ChannelShown:
    """Connect a number."""
    async with access.transaction() as tx:
        channel = await service.create(
            tx,
            access.runtime,
            _transport(request),
            name=new.name,
            provider=new.provider,
            config=new.config,
            pacing_given=new.pacing,
        )
    return await _checked(request, access, channel.id)


@router.get("")
async def list_channels(
    access: Viewer, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[ChannelShown]:
    """Channels, the oldest first."""
    async with access.transaction() as tx:
        found = await service.everyone(tx, limit=limit + 1, after=paging.decode(cursor))
        saved = await settings.saved(tx)
    shown = await _shown(access, found, saved)
    return paging.cut(shown, limit, lambda channel: channel.id)


@router.get("/{channel_id}")
async def get_channel(access: Viewer, channel_id: Id) -> ChannelShown:
    """One channel."""
    async with access.transaction() as tx:
        channel = await service.get(tx, ChannelId(channel_id))
        saved = await settings.saved(tx)
    return (await _shown(access, [channel], saved))[0]


@router.patch("/{channel_id}")
async def change_channel(
    request: Request, access: Admin, channel_id: Id, changes: ChannelChanges
) -> ChannelShown:
    """Rename it, change its pace or its credentials; holds for the very next message."""
    now = clock.now()
    async with access.transaction() as tx:
        if changes.config is not None:
            await service.reconfigure(
                tx, access.runtime, _transport(request), ChannelId(channel_id), changes.config
            )
        channel = await service.change(
            tx,
            ChannelId(channel_id),
            name=changes.name,
            pacing_given=changes.pacing,
            now=now,
        )
        await leases.wake(tx, [ChannelId(channel_id)], now)
        saved = await settings.saved(tx)
    if changes.config is not None:
        return await _checked(request, access, channel_id)
    return (await _shown(access, [channel], saved))[0]


@router.delete("/{channel_id}", status_code=HTTP_204_NO_CONTENT)
async def delete_channel(access: Admin, channel_id: Id) -> None:
    """Take it out of use; what it sent stays on record."""
    async with access.transaction() as tx:
        await service.remove(tx, ChannelId(channel_id), clock.now())


@router.post("/{channel_id}/check")
async def check_channel(request: Request, access: Admin, channel_id: Id) -> CheckShown:
    """Ask the provider how the number is; a connected one goes on sending."""
    async with access.transaction() as tx:
        answer = await service.check(tx, access.runtime, _transport(request), ChannelId(channel_id))
        await leases.wake(tx, [ChannelId(channel_id)], clock.now())
    await _checked(request, access, channel_id)
    return CheckShown(status=answer.status, detail=answer.detail)


async def _checked(request: Request, access: Access, channel_id: int) -> ChannelShown:
    """A channel whose provider was asked a moment ago, after what follows from the answer."""
    await numbers.follow(
        access.runtime, _transport(request), access.workspace_id, ChannelId(channel_id)
    )
    return await get_channel(access, channel_id)


def _transport(request: Request) -> Transport:
    transport: Transport = request.app.state.transport
    return transport


async def _shown(
    access: Access, channels: Sequence[Channel], saved: Mapping[str, Any]
) -> list[ChannelShown]:
    opened = [service.opened_channel(channel, access.runtime, saved) for channel in channels]
    health = await mood.health_of(access.runtime.redis, access.workspace_id, opened)
    return [
        ChannelShown(
            id=channel.id,
            name=channel.name,
            provider=channel.provider,
            status=channel.status,
            detail=channel.status_detail,
            paused_until=channel.paused_until,
            paused_reason=channel.paused_reason,
            display_number=channel.display_number,
            quality=channel.quality,
            tier=channel.tier,
            throughput=channel.throughput,
            webhook_url=service.webhook_url(access.runtime, channel),
            config=channel.config,
            pacing={"preset": channel.pacing.get("preset"), **pacing.shown(one.pacing)},
            health=_health(channel, health.get(one.id)),
            created_at=channel.created_at,
        )
        for channel, one in zip(channels, opened, strict=True)
    ]


def _health(channel: Channel, health: mood.Health | None) -> ChannelHealth | None:
    if health is None:
        return None
    return ChannelHealth(
        **asdict(health),
        paused_until=channel.paused_until,
        paused_reason=channel.paused_reason,
    )
