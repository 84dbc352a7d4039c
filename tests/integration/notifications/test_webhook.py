"""A workspace's own system is told of each notification once, signed, and nobody else is."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.features.notifications.webhook import tell_all
from recado.platform import outbound, settings
from recado.platform.runtime import Runtime


@dataclass
class System:
    """A workspace's own system."""

    url: str = ""
    status: int = 204
    calls: list[tuple[str, bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.calls.append((request.headers["X-Recado-Signature"], await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def system() -> AsyncIterator[System]:
    opened = System()
    app = web.Application()
    app.router.add_post("/recado", opened.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    opened.url = f"http://127.0.0.1:{runner.addresses[0][1]}/recado"
    yield opened
    await runner.cleanup()


@pytest.fixture
async def happened(api: Api, runtime: Runtime, workspace: WorkspaceId, system: System) -> int:
    """Two things; returns the channel of the first."""
    channel = await factories.bare_channel(runtime, workspace)
    other = await factories.bare_channel(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await notify(tx, Kind.CHANNEL_PAUSED, channel_id=channel, reason="190: token")
        await notify(tx, Kind.CHANNEL_PAUSED, channel_id=other, reason="190: token")
    await api("PUT", "settings/campaigns", {"notificationsWebhook": system.url})
    return channel


async def test_each_is_told_once_and_signed(
    api: Api, runtime: Runtime, system: System, happened: int
) -> None:
    assert await tell_all(runtime) == 2
    assert await tell_all(runtime) == 0
    secret = (await api("GET", "notifications/secret"))["secret"]
    for signature, body in system.calls:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert signature == f"sha256={expected}"
    first = json.loads(system.calls[0][1])
    assert (first["kind"], first["channel_id"]) == ("channel_paused", happened)
    assert "190: token" in first["message"]


async def test_what_was_not_taken_is_told_again(
    runtime: Runtime, system: System, happened: int
) -> None:
    system.status = 500
    assert await tell_all(runtime) == 0
    assert len(system.calls) == 1  # the second would fare alike
    system.status = 200
    assert await tell_all(runtime) == 2


async def test_private_addresses_are_refused_where_strangers_have_workspaces(
    runtime: Runtime, system: System, happened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings.sending().model_copy(update={"allow_private_hosts": False})
    monkeypatch.setattr(settings, "sending", lambda: chosen)
    assert await tell_all(runtime) == 0
    assert system.calls == []
    name = system.url.replace("127.0.0.1", "localhost")
    with pytest.raises(OSError, match="localhost") as caught:
        await outbound.post(name, b"", {}, private=False)
    assert isinstance(caught.value.__cause__, outbound.Refused)
    assert await outbound.post(name, b"", {"X-Recado-Signature": ""}, private=True) == 204


@pytest.mark.parametrize(
    ("ip", "public", "private"),
    [
        ("93.184.215.14", True, True),
        ("10.0.0.7", False, True),
        ("127.0.0.1", False, True),
        ("169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),
        ("::1", False, True),
    ],
)
def test_where_requests_may_go(ip: str, public: bool, private: bool) -> None:
    assert outbound.allowed(ip, private=False) == public
    assert outbound.allowed(ip, private=True) == private


@pytest.mark.parametrize(
    "given", ["ftp://example.org", "http://user:word@example.org/", "x", 7, "http://\x00"]
)
async def test_an_address_that_is_none_is_not_saved(api: Api, given: object) -> None:
    wrong = await api("PUT", "settings/campaigns", {"notificationsWebhook": given}, status=422)
    assert "notificationsWebhook" in wrong["error"]["fields"]
