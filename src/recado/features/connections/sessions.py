"""Connecting a phone to a channel, and ending that: pictures to scan, codes to type.

The latest picture stands in Redis for as long as it is good. After a flush the next one comes by
itself, or is asked for.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels import service
from recado.features.channels.service import OpenChannel
from recado.features.connections import standing
from recado.features.connections.standing import Connection
from recado.platform import clock
from recado.platform.redis import key
from recado.platform.runtime import Runtime
from recado.providers.base import Transport, Unsupported
from recado.providers.events import ChannelStatus, QrEvent
from recado.providers.registry import provider as provider_named

PICTURE_SECONDS: Final = 60.0
"""Evolution: the first picture is good for a minute, those after it for twenty seconds."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a person needs to connect a phone.

    Attributes:
        at: When it was made.
        expires_at: When it is worth nothing any more.
        qr: A data: address of a picture to scan; empty where there is none.
        code: The text in that picture.
        pairing_code: To be typed on the phone.
        detail: Why there is none.
    """

    at: datetime
    expires_at: datetime
    qr: str = ""
    code: str = ""
    pairing_code: str = ""
    detail: str = ""


async def keep_pictures(
    redis: "Redis", workspace_id: WorkspaceId, events: Mapping[ChannelId, QrEvent]
) -> None:
    """Keep the newest picture of each channel."""
    for channel, event in events.items():
        picture = Picture(
            at=event.at,
            expires_at=event.at + timedelta(seconds=PICTURE_SECONDS),
            qr=event.image,
            code=event.code,
            pairing_code=event.pairing_code,
            detail=event.detail,
        )
        await _keep(redis, workspace_id, channel, picture)


async def latest(
    redis: "Redis", workspace_id: WorkspaceId, channel_id: ChannelId
) -> Picture | None:
    """The newest picture that is still good, or what was said in place of one."""
    kept = None
    with suppress(RedisError, OSError):
        kept = await redis.get(_name(workspace_id, channel_id))
    if kept is None:
        return None
    picture = msgspec.json.decode(kept, type=Picture)
    return picture if picture.expires_at > clock.now() else None


async def login(
    runtime: Runtime,
    transport: Transport,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    *,
    phone: str | None,
) -> tuple[ChannelStatus, Picture | None]:
    """Begin to connect a phone; ``phone``: its digits, for a code in place of a picture.

    Raises:
        NotFound: There is no such channel.
        CallFailed, Unsupported: Of the provider.
    """
    channel = await _opened(runtime, workspace_id, channel_id)
    at = clock.now()
    answer = await channel.adapter.login(transport, channel.config, phone=phone)
    told = Connection(answer.status, at, returns=True)
    await standing.connections(runtime, workspace_id, {channel_id: told})
    if not (answer.image or answer.code or answer.pairing_code):
        return answer.status, await latest(runtime.redis, workspace_id, channel_id)
    seconds = PICTURE_SECONDS if answer.seconds is None else answer.seconds
    picture = Picture(
        at=at,
        expires_at=at + timedelta(seconds=seconds),
        qr=answer.image,
        code=answer.code,
        pairing_code=answer.pairing_code,
    )
    await _keep(runtime.redis, workspace_id, channel_id, picture)
    return answer.status, picture


async def logout(
    runtime: Runtime, transport: Transport, workspace_id: WorkspaceId, channel_id: ChannelId
) -> None:
    """End the phone's session; nothing leaves through the channel until one is connected again.

    Raises:
        NotFound: There is no such channel.
        CallFailed, Unsupported: Of the provider.
    """
    channel = await _opened(runtime, workspace_id, channel_id)
    await channel.adapter.logout(transport, channel.config)
    gone = Connection("disconnected", clock.now(), "logged out", returns=True)
    await standing.connections(runtime, workspace_id, {channel_id: gone})


def must_connect_phones(provider: str) -> None:
    """Raises Unsupported where no phone is connected by a picture."""
    if not provider_named(provider).capabilities.connects_by_qr:
        raise Unsupported(provider=provider, what="login")


async def _opened(
    runtime: Runtime, workspace_id: WorkspaceId, channel_id: ChannelId
) -> OpenChannel:
    """Read before the provider is asked, so that no connection waits for its answer."""
    async with runtime.db.workspace(workspace_id) as tx:
        return service.opened_channel(await service.get(tx, channel_id), runtime)


async def _keep(
    redis: "Redis", workspace_id: WorkspaceId, channel_id: ChannelId, picture: Picture
) -> None:
    name, left = _name(workspace_id, channel_id), picture.expires_at - clock.now()
    known = await latest(redis, workspace_id, channel_id)
    if known is not None and (known.qr, known.pairing_code) == (picture.qr, picture.pairing_code):
        return  # told again, by a callback that does not say how long it is good
    if left > timedelta(0) and (known is None or known.at <= picture.at):
        with suppress(RedisError, OSError):
            await redis.set(name, msgspec.json.encode(picture), px=left)


def _name(workspace_id: WorkspaceId, channel_id: ChannelId) -> str:
    return key(workspace_id, "channel", channel_id, "qr")
