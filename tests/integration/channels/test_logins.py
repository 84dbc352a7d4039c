"""A phone is connected to a channel, lost and connected again, as its provider tells of it."""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api, until
from tests.support.processes import Installation

from recado.bootstrap import open_runtime
from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.connections import jobs
from recado.platform.runtime import Runtime

_instances = itertools.count(1)
# How an instance is registered with the simulator, and connected as a channel.
KNOWN: dict[str, Callable[[str], tuple[dict[str, str], dict[str, str]]]] = {
    "evolution": lambda name: (
        {"instance": name, "api_key": "chave"},
        {"instance": name, "api_key": "chave"},
    ),
    "uazapi": lambda name: ({"name": name, "token": name}, {"token": name}),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A channel on an instance of a simulated provider, which calls back."""

    runtime: Runtime
    workspace: WorkspaceId
    provider: str
    api: Api
    simulator: str
    instance: str
    channel: int

    async def shown(self) -> Any:
        """The channel."""
        return await self.api("GET", f"channels/{self.channel}")

    async def login(self, *, status: int = 200, **asked: str) -> Any:
        """Ask for a picture or a code."""
        return await self.api("POST", f"channels/{self.channel}/login", asked, status=status)

    async def becomes(self, status: str) -> Any:
        """Return the channel once a callback has told of a state."""

        async def so() -> bool:
            return bool((await self.shown())["status"] == status)

        await until(so)
        return await self.shown()

    async def phone(self, state: str, **more: Any) -> None:
        """Something happens on the phone."""
        told = {"provider": self.provider, "channel": self.instance, "state": state, **more}
        url = f"{self.simulator}/_sim/connection"
        async with self.api.http.post(url, json=told) as answer:
            assert answer.status == 200, await answer.text()

    async def accepted(self) -> int:
        """How many requests to send have reached the provider's instance."""
        async with self.api.http.get(f"{self.simulator}/_sim/log") as answer:
            log = await answer.json()
        return sum(entry["channel"] == self.instance for entry in log)

    async def rests(self) -> None:
        """Return once a worker has found nothing that may leave."""

        async def so() -> bool:
            async with self.runtime.db.system() as tx:
                row = await tx.one(
                    "SELECT due_at IS NULL AND owner IS NULL AS rests FROM drive"
                    " WHERE channel_id = %(channel)s",
                    channel=self.channel,
                )
            return row is not None and bool(row["rests"])

        await until(so)

    async def told(self) -> list[str]:
        """The kinds of notifications, the oldest first."""
        items = (await self.api("GET", "notifications"))["items"]
        return [item["kind"] for item in reversed(items)]


@pytest.fixture(params=["evolution", "uazapi"])
async def line(installation: Installation, request: Any) -> AsyncIterator[Line]:
    """A channel that no phone is connected to, in a workspace of the running installation."""
    runtime, provider = open_runtime(), request.param
    workspace = await factories.workspace(runtime)
    name, simulator = f"linha-{next(_instances)}", installation.simulator_url
    async with aiohttp.ClientSession(installation.url) as http:
        registration, config = KNOWN[provider](name)
        registration |= {"provider": provider, "state": "close"}
        async with http.post(f"{simulator}/_sim/channels", json=registration) as answer:
            assert answer.status == 201, await answer.text()
        settings = f"{simulator}/_sim/settings"
        await http.post(settings, json={"connect_ms": 0})  # nobody scans by themselves
        api = Api(http, await factories.api_key(runtime, workspace))
        config["base_url"] = f"{simulator}/{provider}"
        wanted = {"name": name, "provider": provider, "config": config}
        made = await api("POST", "channels", wanted, status=201)
        yield Line(runtime, workspace, provider, api, simulator, name, made["id"])
        await http.post(settings, json={"connect_ms": 1000})
    await runtime.close()


async def test_a_phone_is_connected_by_a_picture_and_the_channel_goes_on(line: Line) -> None:
    before = await line.shown()
    assert before["status"] == "disconnected"
    assert before["paused_reason"].startswith("disconnected")
    asked = await line.login()
    assert (asked["status"], asked["qr"][:22]) == ("connecting", "data:image/png;base64,")
    assert datetime.fromisoformat(asked["expires_at"]) > datetime.now(UTC)
    latest = await line.api("GET", f"channels/{line.channel}/login")
    assert latest["qr"] == asked["qr"]
    await line.phone("open")
    after = await line.becomes("connected")
    assert (after["paused_reason"], after["display_number"][:2]) == (None, "55")
    assert (await line.api("GET", f"channels/{line.channel}/login"))["qr"] is None
    assert (await line.login())["status"] == "connected"


async def test_a_check_renews_what_a_channel_waits_for(line: Line) -> None:
    state = {"evolution": "instance/connectionState", "uazapi": "instance/status"}[line.provider]
    rule = {
        "match": {"channel": line.instance, "kind": state},
        "fault": {"kind": "html"},
        "count": 1,
    }
    faults = f"{line.simulator}/_sim/faults"
    async with line.api.http.post(faults, json={"rules": [rule], "append": True}) as answer:
        assert answer.status == 200, await answer.text()
    away = {"evolution": "close", "uazapi": "disconnected"}[line.provider]
    for detail in ("Unreadable answer", away):
        checked = await line.api("POST", f"channels/{line.channel}/check")
        assert checked["detail"].startswith(detail)
        assert (await line.shown())["paused_reason"] == f"disconnected: {checked['detail']}"


async def test_a_phone_is_connected_by_a_code(line: Line) -> None:
    asked = await line.login(phone="+55 (31) 99999-0001")
    assert len(asked["pairing_code"].replace("-", "")) == 8
    refusal = await line.login(phone="x", status=422)
    assert refusal["error"]["code"] == "invalid_input"


async def test_a_lost_phone_comes_back_by_itself_and_one_logged_out_is_told_of(
    line: Line,
) -> None:
    await line.phone("open")
    await line.becomes("connected")
    await line.phone("close", reason=428)
    lost = await line.becomes("connecting")
    assert lost["paused_reason"].startswith("disconnected")
    await line.phone("open")
    assert (await line.becomes("connected"))["paused_reason"] is None
    assert await line.told() == []
    await line.phone("logged_out")
    gone = await line.becomes("disconnected")
    assert gone["paused_reason"].startswith("disconnected: ")
    assert await line.told() == ["channel_disconnected"]


async def test_a_campaign_waits_for_a_lost_phone_and_goes_on_when_it_is_back(line: Line) -> None:
    await line.phone("open")
    await line.becomes("connected")
    pace = {"messageInterval": None, "greaterInterval": None, "perMinute": None, "perSecond": 10}
    await line.api("PATCH", f"channels/{line.channel}", {"pacing": pace})
    await line.phone("logged_out")
    await line.becomes("disconnected")
    contacts = [
        (await line.api("POST", "contacts", {"phone": factories.phone()}, status=201))["id"]
        for _ in range(5)
    ]
    campaign = {
        "name": "c",
        "channel_ids": [line.channel],
        "audience": {"contact_ids": contacts},
        "content": {"type": "text", "text": "Olá"},
    }
    made = await line.api("POST", "campaigns", campaign, status=201)
    path = f"campaigns/{made['id']}"
    await line.api("POST", f"{path}/start", status=202)

    async def reaches(name: str, count: int) -> None:
        async def so() -> bool:
            return bool((await line.api("GET", f"{path}/progress"))[name] == count)

        await until(so)

    await reaches("pending", 5)
    await line.rests()
    assert await line.accepted() == 0
    await line.phone("open")
    await reaches("sent", 5)
    assert await line.accepted() == 5


async def test_a_logout_ends_the_session_and_lets_nothing_leave(line: Line) -> None:
    await line.phone("open")
    await line.becomes("connected")
    await line.api("POST", f"channels/{line.channel}/logout", status=204)
    gone = await line.shown()
    assert gone["status"] == "disconnected"
    assert gone["paused_reason"].startswith("disconnected")
    await line.api("POST", f"channels/{line.channel}/logout", status=204)  # as it is already


async def test_a_check_that_finds_the_phone_lets_the_channel_go_on(line: Line) -> None:
    await line.phone("open")
    await line.becomes("connected")
    assert (await line.api("POST", f"channels/{line.channel}/check"))["status"] == "connected"
    assert (await line.shown())["paused_reason"] is None


async def test_a_phone_that_is_back_is_found_though_nobody_has_said_so(line: Line) -> None:
    await line.phone("open")
    await line.becomes("connected")
    async with line.runtime.db.workspace(line.workspace) as tx:
        await tx.run(
            "UPDATE channel SET status = 'disconnected', paused_reason = 'disconnected',"
            " paused_by = 'connection' WHERE id = %(id)s",
            id=line.channel,
        )
    assert await jobs.for_all(line.runtime, "look") >= 1
    await jobs.look_once(line.runtime, line.workspace, ChannelId(line.channel))
    shown = await line.shown()
    assert (shown["status"], shown["paused_reason"]) == ("connected", None)


async def test_a_provider_without_phones_connects_none(line: Line) -> None:
    made = await line.api("POST", "channels", {"name": "s", "provider": "simulator"}, status=201)
    path = f"channels/{made['id']}"
    for method, call in (("POST", "login"), ("GET", "login"), ("POST", "logout")):
        refusal = await line.api(method, f"{path}/{call}", status=409)
        assert refusal["error"]["code"] == "unsupported_by_provider"
