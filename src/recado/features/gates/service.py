"""Closing and opening gates."""

from collections.abc import Iterable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from recado.domain.ids import ContactId, RunId, WorkspaceId
from recado.platform import logging
from recado.platform.redis import key

log = logging.get(__name__)

OPEN = frozenset({"running", "preparing"})


async def sync_runs(
    redis: "Redis", workspace_id: WorkspaceId, statuses: Mapping[RunId, str]
) -> None:
    """Close the gates of runs that may not send, open those of runs that may."""
    closed: dict[FieldT, EncodableT] = {
        f"run:{run}": status for run, status in statuses.items() if status not in OPEN
    }
    opened = [f"run:{run}" for run, status in statuses.items() if status in OPEN]
    name = key(workspace_id, "gates")
    try:
        async with redis.pipeline(transaction=True) as pipe:
            if closed:
                pipe.hset(name, mapping=closed)
            if opened:
                pipe.hdel(name, *opened)
            await pipe.execute()
    except (RedisError, OSError) as error:
        log.warning("gates not written", error=str(error))


async def close_contacts(
    redis: "Redis", workspace_id: WorkspaceId, contacts: Iterable[ContactId], why: str
) -> None:
    """Let nothing more leave for these contacts."""
    mapping: dict[FieldT, EncodableT] = {f"contact:{contact}": why for contact in contacts}
    if mapping:
        try:
            await redis.hset(key(workspace_id, "gates"), mapping=mapping)
        except (RedisError, OSError) as error:
            log.warning("gates not written", error=str(error))


async def open_contacts(
    redis: "Redis", workspace_id: WorkspaceId, contacts: Iterable[ContactId]
) -> None:
    """Let messages leave for these contacts again."""
    names = [f"contact:{contact}" for contact in contacts]
    if names:
        try:
            await redis.hdel(key(workspace_id, "gates"), *names)
        except (RedisError, OSError) as error:
            log.warning("gates not written", error=str(error))
