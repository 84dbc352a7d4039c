"""Live progress over a WebSocket."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api, FinishJobs

from recado.domain.ids import WorkspaceId
from recado.features.reports import live
from recado.features.users.roles import Role
from recado.platform.runtime import Runtime

PATIENCE = 20.0
Connect = Callable[..., AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]]


@pytest.fixture
async def campaign(api: Api, runtime: Runtime, workspace: WorkspaceId) -> int:
    given = {
        "name": "Assembleia",
        "channel_ids": [await factories.bare_channel(runtime, workspace)],
        "audience": {"contact_ids": await factories.contacts(runtime, workspace, 3)},
        "content": {"type": "text", "text": "Olá"},
    }
    made: int = (await api("POST", "campaigns", given, status=201))["id"]
    return made


@pytest.fixture
def connect(http: aiohttp.ClientSession, owner: str) -> Connect:
    @asynccontextmanager
    async def open_socket(
        campaign: object, key: str | None = owner
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"/api/v1/live?campaign={campaign}"
        async with http.ws_connect(url, headers=headers) as socket:
            yield socket

    return open_socket


async def told(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    message: dict[str, Any] = await socket.receive_json(timeout=PATIENCE)
    return message


async def test_a_watcher_is_told_the_state_at_once_and_the_last_one_always(
    connect: Connect,
    campaign: int,
    api: Api,
    finish_jobs: FinishJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "SHORTEST_INTERVAL", 0.2)
    async with connect(campaign) as socket:
        first = await told(socket)
        assert first["type"] == "campaign.progress"
        assert (first["campaign_id"], first["status"]) == (campaign, "draft")
        await api("POST", f"campaigns/{campaign}/start", status=202)
        await finish_jobs()
        await api("POST", f"campaigns/{campaign}/pause", status=202)
        last = first
        while last["status"] != "paused":
            last = await told(socket)
        del last["type"]
        assert last == await api("GET", f"campaigns/{campaign}/progress")
        assert last["total"] == last["pending"] == 3


async def test_a_viewer_may_watch(
    connect: Connect, campaign: int, runtime: Runtime, workspace: WorkspaceId
) -> None:
    key = await factories.api_key(runtime, workspace, Role.VIEWER)
    async with connect(campaign, key) as socket:
        assert (await told(socket))["status"] == "draft"


async def test_who_shows_no_right_key_is_closed_out(connect: Connect, campaign: int) -> None:
    for key in (None, "rk_1_1_" + "a" * 43):
        async with connect(campaign, key) as socket:
            closed = await socket.receive(timeout=PATIENCE)
            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4401)


async def test_a_campaign_of_another_workspace_is_not_found(
    connect: Connect, campaign: int, other_api: Api
) -> None:
    for number, key in ((campaign, other_api.key), (2**62, other_api.key)):
        async with connect(number, key) as socket:
            closed = await socket.receive(timeout=PATIENCE)
            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4404)


@pytest.mark.parametrize("campaign_given", ["", "x", "0", "-1", str(2**63)])
async def test_a_wrong_id_is_refused_before_the_socket_opens(
    connect: Connect, campaign_given: str
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connect(campaign_given):
            pass
    assert refused.value.status == 403


async def test_another_site_s_page_cannot_open_a_socket_with_a_person_s_session(
    http: aiohttp.ClientSession, campaign: int
) -> None:
    headers = {"Origin": "https://evil.example", "Cookie": "recado_session=x"}
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(f"/api/v1/live?campaign={campaign}", headers=headers)
