"""Campaigns through providers that drive a phone: connected over the API, delivered by callback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api, until
from tests.support.processes import Installation

from recado.bootstrap import open_runtime
from recado.cli import checks
from recado.domain.ids import WorkspaceId
from recado.domain.pacing import CONSERVATIVE, KEYS
from recado.features.users.roles import Role
from recado.platform.runtime import Runtime

COUNT = 20
QUICK = {**dict.fromkeys(KEYS), "inFlight": 10}


@dataclass
class Phone:
    """An instance at a simulated server, and the workspace that is to send through it."""

    provider: str
    name: str
    config: dict[str, str]
    api: Api
    runtime: Runtime
    workspace: WorkspaceId
    simulator: aiohttp.ClientSession

    async def control(self, path: str, body: object = None) -> Any:
        method = "GET" if body is None else "POST"
        async with self.simulator.request(method, f"/_sim/{path}", json=body) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    async def connect(self, **more: Any) -> Any:
        given = {"name": self.name, "provider": self.provider, "config": self.config, **more}
        return await self.api("POST", "channels", given, status=201)

    async def told(self) -> Any:
        """The instance as its server knows it."""
        found = await self.control("channels")
        return next(one for one in found if one.get("channel") == self.name)


@pytest.fixture(params=["evolution", "uazapi"])
async def phone(request: pytest.FixtureRequest, installation: Installation) -> AsyncIterator[Phone]:
    runtime = open_runtime()
    workspace = await factories.workspace(runtime)
    name = f"loja-{workspace}"
    config = {"base_url": f"{installation.simulator_url}/{request.param}"}
    if request.param == "evolution":
        known = {"instance": name, "api_key": f"chave-{workspace}"}
        config |= known
    else:
        known = {"token": f"chave-{workspace}", "name": name}
        config["token"] = known["token"]
    async with (
        aiohttp.ClientSession(installation.url) as http,
        aiohttp.ClientSession(installation.simulator_url) as simulator,
    ):
        api = Api(http, await factories.api_key(runtime, workspace))
        made = Phone(request.param, name, config, api, runtime, workspace, simulator)
        await made.control("channels", {"provider": request.param, **known})
        yield made
        await made.control("faults", {"rules": []})
    await runtime.close()


async def test_a_phone_is_connected_at_a_careful_pace_and_called_back_from(phone: Phone) -> None:
    made = await phone.connect()
    assert (made["status"], made["pacing"]["preset"]) == ("connected", "conservative")
    assert made["pacing"]["messageInterval"] == CONSERVATIVE.message_interval
    assert (await phone.told())["callback_url"] == made["webhook_url"]
    assert set(made["config"]) < set(phone.config)
    assert f"chave-{phone.workspace}" not in str(made)
    again = {"name": "outra", "provider": phone.provider, "config": phone.config}
    refusal = await phone.api("POST", "channels", again, status=409)
    assert refusal["error"]["code"] == "number_taken"


async def test_a_phone_that_is_not_there_yet_and_a_wrong_key_say_what_is_missing(
    phone: Phone,
) -> None:
    told = {"provider": phone.provider, "channel": phone.name}
    await phone.control("connection", {**told, "state": "logged_out"})
    made = await phone.connect()
    assert made["status"] == "disconnected"
    await phone.control("connection", {**told, "state": "connecting"})
    check = f"channels/{made['id']}/check"
    assert (await phone.api("POST", check))["status"] == "connecting"
    secret = "api_key" if phone.provider == "evolution" else "token"
    key = {**phone.config, secret: "invalid"}
    wrong = await phone.connect(name="errada", config={**key, **_elsewhere(phone)})
    assert wrong["status"] == "disconnected"
    assert "401" in wrong["detail"] or "token" in wrong["detail"]


def _elsewhere(phone: Phone) -> dict[str, str]:
    """The same instance by another address, as an address and an instance are one channel."""
    return {"base_url": phone.config["base_url"].replace("127.0.0.1", "localhost")}


async def test_administrators_see_that_evolution_is_used(
    phone: Phone, installation: Installation
) -> None:
    await phone.connect()
    for role, told in ((Role.ADMIN, phone.provider == "evolution"), (Role.OPERATOR, False)):
        email, password = await factories.user(phone.runtime, phone.workspace, role)
        cookies = aiohttp.CookieJar(unsafe=True)  # else none are kept of a bare address
        async with aiohttp.ClientSession(installation.url, cookie_jar=cookies) as http:
            form = {"email": email, "password": password}
            async with http.post("/login?next=/campaigns", data=form) as answer:
                page = await answer.text()
        assert answer.url.path == "/campaigns"
        assert ("Evolution API" in page) == told
    if phone.provider == "evolution":
        found = {one.name for one in await asyncio.to_thread(checks.findings)}
        assert "Evolution API" in found


async def test_a_campaign_reaches_everyone_through_a_phone_and_is_delivered(phone: Phone) -> None:
    channel = await phone.connect(pacing=QUICK)
    # The third message is taken, and its answer lost.
    lost = {"match": {"channel": phone.name}, "after": 2, "count": 1}
    await phone.control("faults", {"rules": [{**lost, "fault": {"kind": "accept_then_drop"}}]})
    people = await factories.contacts(phone.runtime, phone.workspace, COUNT)
    given = {
        "name": "Assembleia",
        "channel_ids": [channel["id"]],
        "audience": {"contact_ids": people},
        "content": {"type": "text", "text": "Olá {nome}, {{{{assembleia}}}}"},
    }
    campaign = f"campaigns/{(await phone.api('POST', 'campaigns', given, status=201))['id']}"
    await phone.api("POST", f"{campaign}/start", status=202)
    # Where our reference comes back, what was in doubt is known to have arrived.
    doubtful = 0 if phone.provider == "uazapi" else 1

    async def delivered() -> bool:
        found = await phone.api("GET", f"{campaign}/progress")
        return bool(found["status"] == "completed" and found["delivered"] == COUNT - doubtful)

    await until(delivered)
    found = await phone.api("GET", f"{campaign}/progress")
    assert (found["unknown"], found["failed"]) == (doubtful, 0)
    log = await phone.control(f"log?channel={phone.name}")
    assert Counter(Counter(entry["to"] for entry in log).values()) == {1: COUNT}
    texts = {entry["text"].replace("\N{WORD JOINER}", "") for entry in log}
    assert all(text.endswith(", {{assembleia}}") for text in texts)
