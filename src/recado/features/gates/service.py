"""Closing and opening gates."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.ids import ChannelId, ContactId, RunId, WorkspaceId
from recado.platform import logging
from recado.platform.redis import key, script

log = logging.get(__name__)

OPEN = frozenset({"running", "preparing"})
GRANT_LIFE = 0.025  # seconds; a message that was let pass has left, or never will, after so long
_TRIES = 3  # a connection that was open before Redis restarted fails once
_LIFE = 3600  # seconds; a claim is looked at again every few seconds, so this is for ever


def run_gate(workspace_id: WorkspaceId, run_id: RunId) -> str:
    """The key that is there while a run is closed."""
    return key(workspace_id, "gate", "run", run_id)


def channel_gate(workspace_id: WorkspaceId, channel_id: ChannelId) -> str:
    """The key that is there while a channel is paused."""
    return key(workspace_id, "gate", "channel", channel_id)


def contact_gate(workspace_id: WorkspaceId, contact_id: ContactId | None) -> str:
    """The key that is there while a contact must not be written to."""
    return key(workspace_id, "gate", "contact", contact_id)


async def sync_runs(
    redis: "Redis", workspace_id: WorkspaceId, statuses: Mapping[RunId, str]
) -> None:
    """Close the gates of runs that may not send; after this returns, nothing of theirs leaves.

    Runs that may send again are opened by the workers that drive them.
    """
    await _close(
        redis,
        {
            run_gate(workspace_id, run): status
            for run, status in statuses.items()
            if status not in OPEN
        },
    )


async def close_channels(
    redis: "Redis", workspace_id: WorkspaceId, channels: Iterable[ChannelId], why: str
) -> None:
    """Close the gates of channels; after this returns, no campaign sends through them."""
    await _close(redis, {channel_gate(workspace_id, channel): why for channel in channels})


async def close_contacts(
    redis: "Redis", workspace_id: WorkspaceId, contacts: Iterable[ContactId], why: str
) -> None:
    """Close the gates of contacts; after this returns, nothing leaves for them."""
    await _close(redis, {contact_gate(workspace_id, contact): why for contact in contacts})


async def open_contacts(
    redis: "Redis", workspace_id: WorkspaceId, contacts: Iterable[ContactId]
) -> None:
    """Open the gates of contacts at once, for a person who waits; workers would do it as well."""
    names = [contact_gate(workspace_id, contact) for contact in contacts]
    if names:
        try:
            await redis.delete(*names)
        except (RedisError, OSError) as error:
            log.warning("gates not opened", error=str(error))


async def reopen(redis: "Redis", seen: Mapping[str, str]) -> None:
    """Open gates that have no reason any more, unless they were closed again meanwhile.

    Args:
        redis: Where the gates are.
        seen: Gate → what it held when it shut a message out, before PostgreSQL was asked.
    """
    if seen:
        await script(redis, __package__ or "", "reopen.lua")(keys=list(seen), args=[*seen.values()])


async def _close(redis: "Redis", gates: Mapping[str, str]) -> None:
    if not gates:
        return
    # No two closings look alike, so that none is undone in place of another.
    held = {gate: f"{why}:{secrets.token_hex(4)}" for gate, why in gates.items()}
    for tries_left in reversed(range(_TRIES)):
        try:
            async with redis.pipeline(transaction=False) as pipe:
                for gate, value in held.items():
                    pipe.set(gate, value, ex=_LIFE)
                await pipe.execute()
        except (RedisError, OSError) as error:
            if not tries_left:
                log.warning("gates not written", error=str(error))
                return
        else:
            break
    # What was let pass a moment ago is on the wire by then, or its grant has died.
    await asyncio.sleep(GRANT_LIFE)
