"""Lists come in pages by cursor, each item once, whatever is added meanwhile."""

from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime

COUNT = 7


@pytest.fixture(params=["campaigns", "channels", "contacts", "lists", "tags", "imports"])
async def resource(request: pytest.FixtureRequest, runtime: Runtime, workspace: WorkspaceId) -> str:
    """A resource that has some items."""
    values = {
        "campaigns": "campaign (workspace_id, name, content, audience)"
        " SELECT current_workspace_id(), 'Campanha ' || n, '{}', '{}'",
        "lists": "list (workspace_id, name) SELECT current_workspace_id(), 'Lista ' || n",
        "tags": "tag (workspace_id, name) SELECT current_workspace_id(), 'tag ' || n",
        "imports": "contact_import (workspace_id, filename)"
        " SELECT current_workspace_id(), n || '.csv'",
    }
    name: str = request.param
    if name == "contacts":
        await factories.contacts(runtime, workspace, COUNT)
    elif name == "channels":
        for _ in range(COUNT):
            await factories.bare_channel(runtime, workspace)
    else:
        async with runtime.db.workspace(workspace) as tx:
            await tx.run(f"INSERT INTO {values[name]} FROM generate_series(1, {COUNT}) AS n")
    return name


async def pages(api: Api, path: str, limit: int) -> list[list[Any]]:
    found = []
    cursor = ""
    while True:
        page = await api("GET", path, limit=limit, cursor=cursor)
        found.append([item["id"] for item in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize(("limit", "sizes"), [(3, [3, 3, 1]), (7, [7]), (1, [1] * 7), (200, [7])])
async def test_pages_hold_every_item_once_in_one_order(
    resource: str, api: Api, limit: int, sizes: list[int]
) -> None:
    found = await pages(api, resource, limit)
    assert [len(page) for page in found] == sizes
    flat = [item for page in found for item in page]
    assert len(set(flat)) == COUNT
    assert flat == sorted(flat, reverse=resource != "channels")


async def test_what_is_added_between_two_pages_repeats_nothing(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    before = await factories.contacts(runtime, workspace, 4)
    first = await api("GET", "contacts", limit=2)
    await factories.contacts(runtime, workspace, 3)
    second = await api("GET", "contacts", limit=2, cursor=first["next_cursor"])
    seen = [item["id"] for page in (first, second) for item in page["items"]]
    assert seen == sorted(before, reverse=True)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", ""])
async def test_a_limit_out_of_range_is_refused(api: Api, resource: str, limit: str) -> None:
    refusal = await api("GET", resource, status=422, limit=limit)
    assert "limit" in refusal["error"]["fields"]


@pytest.mark.parametrize("cursor", ["x", "!", "LTE", "MS41", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ", "é"])
async def test_a_cursor_that_no_list_gave_is_refused(api: Api, resource: str, cursor: str) -> None:
    refusal = await api("GET", resource, status=422, cursor=cursor)
    assert refusal["error"]["code"] == "wrong_cursor"
