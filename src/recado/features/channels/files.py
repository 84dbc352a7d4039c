"""Files handed to a channel's provider ahead of their messages, each of them once."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from redis.exceptions import RedisError

from recado.domain.ids import WorkspaceId
from recado.features.channels.service import OpenChannel
from recado.platform import redis
from recado.platform.runtime import Runtime
from recado.providers.base import Transport, Upload

# Meta: an upload lives 30 days. A campaign that begins with one has a day at least.
KEPT: Final = timedelta(days=29)
USABLE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file at the provider: its id there, until when it is good, and whether it was there."""

    id: str
    expires_at: datetime
    reused: bool = False


async def upload(
    runtime: Runtime,
    transport: Transport,
    *,
    workspace_id: WorkspaceId,
    channel: OpenChannel,
    file: Upload,
    now: datetime,
) -> Uploaded:
    """Hand over a file, unless the channel's number has the same one already.

    What is there is remembered in Redis: after a flush a file is handed over once more.

    Raises:
        InvalidInput: The provider does not take such a file.
        Unsupported, CallFailed: Of the provider.
    """
    digest = hashlib.sha256(file.content + b"\0" + file.mime_type.encode()).hexdigest()
    name = redis.key(workspace_id, "file", channel.id, digest)
    with suppress(RedisError, OSError):
        if known := await runtime.redis.get(name):
            identifier, _, until = str(known).partition(" ")
            return Uploaded(identifier, datetime.fromisoformat(until), reused=True)
    identifier = await channel.adapter.upload(transport, channel.config, file)
    expires_at = now + USABLE
    with suppress(RedisError, OSError):
        await runtime.redis.set(name, f"{identifier} {expires_at.isoformat()}", ex=KEPT)
    return Uploaded(identifier, expires_at)
