"""Connecting a phone to a channel, for providers that drive a WhatsApp account."""

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.status import HTTP_204_NO_CONTENT

from recado.api.access import Access, Admin
from recado.domain.ids import ChannelId
from recado.features.channels import service
from recado.features.connections import sessions
from recado.features.connections.sessions import Picture
from recado.providers.base import Transport

router = APIRouter(prefix="/api/v1/channels", tags=["channels"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


class LoginAsked(BaseModel):
    """How to connect: by a picture to scan, or with a ``phone`` by a code to type on it."""

    model_config = ConfigDict(extra="forbid")

    phone: str | None = Field(None, pattern=r"^\+?[0-9 ().-]{8,30}$")


class LoginShown(BaseModel):
    """What a person needs to connect the phone; nothing where it is connected."""

    status: str
    qr: str | None = Field(description="a data: address of the picture to scan")
    code: str | None = Field(description="the text in that picture")
    pairing_code: str | None = Field(description="to be typed on the phone")
    expires_at: datetime | None = Field(description="when a new one must be asked for")
    detail: str | None = Field(description="why there is none")


@router.post("/{channel_id}/login")
async def login(
    request: Request, access: Admin, channel_id: Id, asked: LoginAsked | None = None
) -> LoginShown:
    """Begin to connect a phone. A picture is good for a minute at most: then ask for the next."""
    given = asked.phone if asked else None
    status, picture = await sessions.login(
        access.runtime,
        _transport(request),
        access.workspace_id,
        ChannelId(channel_id),
        phone=re.sub(r"[^0-9]", "", given) if given else None,
    )
    return _shown(status, picture)


@router.get("/{channel_id}/login")
async def get_login(access: Admin, channel_id: Id) -> LoginShown:
    """The newest picture, as the provider sends new ones by itself; asks the provider nothing."""
    status = await _status(access, channel_id)
    picture = await sessions.latest(
        access.runtime.redis, access.workspace_id, ChannelId(channel_id)
    )
    return _shown(status, picture)


@router.post("/{channel_id}/logout", status_code=HTTP_204_NO_CONTENT)
async def logout(request: Request, access: Admin, channel_id: Id) -> None:
    """End the phone's session; nothing leaves through the channel until one is connected again."""
    await sessions.logout(
        access.runtime, _transport(request), access.workspace_id, ChannelId(channel_id)
    )


async def _status(access: Access, channel_id: int) -> str:
    async with access.transaction() as tx:
        channel = await service.get(tx, ChannelId(channel_id))
        sessions.must_connect_phones(channel.provider)
        return channel.status


def _shown(status: str, picture: Picture | None) -> LoginShown:
    if picture is None or status == "connected":
        return LoginShown(
            status=status, qr=None, code=None, pairing_code=None, expires_at=None, detail=None
        )
    return LoginShown(
        status=status,
        qr=picture.qr or None,
        code=picture.code or None,
        pairing_code=picture.pairing_code or None,
        expires_at=picture.expires_at,
        detail=picture.detail or None,
    )


def _transport(request: Request) -> Transport:
    transport: Transport = request.app.state.transport
    return transport
