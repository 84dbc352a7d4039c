"""A pace that is changed while a campaign runs holds for the very next message."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api
from tests.integration.dispatch.driving import Number, Simulator
from tests.support.processes import Installation

from recado.domain.ids import WorkspaceId
from recado.features.dispatch import leases
from recado.platform import clock
from recado.platform.runtime import Runtime


@pytest.fixture
async def api(
    installation: Installation, runtime: Runtime, workspace: WorkspaceId
) -> AsyncIterator[Api]:
    """An owner's calls to the running installation."""
    async with aiohttp.ClientSession(installation.url) as session:
        yield Api(session, await factories.api_key(runtime, workspace))


@pytest.mark.parametrize(
    ("saved_at", "own"),
    [("settings/campaigns", {}), ("settings/presets/lento", {"preset": "lento"})],
)
async def test_a_saved_pace_holds_for_the_very_next_message(
    saved_at: str,
    own: dict[str, str],
    api: Api,
    simulator: Simulator,
    new_number: Callable[..., Awaitable[Number]],
) -> None:
    """The channel has given its turn back for most of a minute when the pace is raised."""
    wish = {"preset": "cloud"} if own else {}
    await api("PUT", saved_at, {**wish, "perMinute": 4})
    number = await new_number(**own)
    await number.execute("DELETE FROM drive")  # a worker process is to drive it
    run = await number.run(12)
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await leases.wake(tx, [number.channel_id], clock.now())
    assert await simulator.saw(number.number, 4) == 4
    await api("PUT", saved_at, {**wish, "perMinute": 7})
    assert await simulator.saw(number.number, 7) == 7
    await api("PUT", saved_at, {**wish, "perMinute": None})
    await number.completed(run)
    assert (await simulator.stats(number.number))["duplicates"] == 0
