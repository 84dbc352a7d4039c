"""Who has come and gone is known by the time it was said, and told to people once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.connections import sessions, standing
from recado.features.connections.standing import Connection
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.events import ChannelStatus, QrEvent

NOW = clock.now()


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
async def channel(runtime: Runtime, workspace: WorkspaceId) -> ChannelId:
    return await factories.bare_channel(runtime, workspace)


async def say(
    runtime: Runtime,
    workspace: WorkspaceId,
    channel: ChannelId,
    *said: tuple[ChannelStatus, float],
    returns: bool = False,
) -> dict[str, Any]:
    """Have states told, each by its second; returns the channel then."""
    for status, second in said:
        told = Connection(status, later(second), "401", returns=returns)
        await standing.connections(runtime, workspace, {channel: told})
    async with runtime.db.workspace(workspace) as tx:
        row = await tx.one(
            "SELECT status, paused_reason, paused_until FROM channel WHERE id = %(id)s", id=channel
        )
    assert row is not None
    return dict(row)


async def test_what_is_older_than_what_is_known_changes_nothing(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    known = await say(runtime, workspace, channel, ("connected", 2), ("disconnected", 1))
    assert (known["status"], known["paused_reason"]) == ("connected", None)
    known = await say(runtime, workspace, channel, ("disconnected", 4), ("connected", 3))
    assert (known["status"], known["paused_reason"]) == ("disconnected", "disconnected: 401")


@pytest.mark.parametrize(("returns", "told"), [(True, []), (False, ["channel_disconnected"])])
async def test_people_are_told_once_of_a_phone_that_only_they_can_connect(
    returns: bool,
    told: list[str],
    runtime: Runtime,
    api: Api,
    workspace: WorkspaceId,
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    said: list[tuple[ChannelStatus, float]] = [("disconnected", 1), ("disconnected", 1)]
    await say(runtime, workspace, channel, *said, returns=returns)
    items = (await api("GET", "notifications"))["items"]
    assert [item["kind"] for item in items] == told
    assert all(item["times"] == 1 for item in items)


async def test_a_phone_that_is_back_ends_no_other_pause(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE channel SET paused_reason = '190: token'")
    known = await say(runtime, workspace, channel, ("disconnected", 1), ("connected", 2))
    assert (known["status"], known["paused_reason"]) == ("connected", "190: token")


async def test_a_pause_of_a_moment_becomes_one_that_the_phone_ends(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE channel SET paused_reason = 'x', paused_until = now() + '1 minute'")
    known = await say(runtime, workspace, channel, ("connecting", 1))
    assert (known["paused_reason"], known["paused_until"]) == ("disconnected: 401", None)
    known = await say(runtime, workspace, channel, ("connected", 2))
    assert known["paused_reason"] is None


async def test_the_newest_picture_counts_until_it_is_worth_nothing(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    async def keep(image: str, seconds: float) -> str | None:
        event = QrEvent(image=image, at=clock.now() + timedelta(seconds=seconds))
        await sessions.keep_pictures(runtime.redis, workspace, {channel: event})
        found = await sessions.latest(runtime.redis, workspace, channel)
        return found.qr if found else None

    assert await keep("data:old", -90) is None
    assert await keep("data:first", -20) == "data:first"
    assert await keep("data:second", -10) == "data:second"
    assert await keep("data:first", -20) == "data:second"
    left = await runtime.redis.ttl(f"recado:{{{workspace}}}:channel:{channel}:qr")
    assert 0 < left <= sessions.PICTURE_SECONDS - 10
