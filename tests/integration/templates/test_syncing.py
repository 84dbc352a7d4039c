"""An account's templates are stored as its provider lists them, and stay in step with that."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.integration.api.product import Api, FinishJobs
from tests.integration.templates.playing import Account, template

from recado.features.templates.jobs import blueprint
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.simulator.testing import Simulator


class Refusing:
    """A server of Meta's that has been asked for templates too often, and counts how often."""

    def __init__(self) -> None:
        self.asked = 0
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += "message_templates" in request.path
        error = {"code": 80008, "message": "(#80008) There have been too many calls."}
        return web.json_response({"error": error}, status=400, headers={"Retry-After": "3600"})


async def connect(api: Api, url: str) -> int:
    config = {
        "phone_number_id": "400000000000900",
        "waba_id": "400000000000901",
        "access_token": "token",
        "app_secret": "segredo",
        "verify_token": "confere",
        "base_url": url,
    }
    made = await api(
        "POST", "channels", {"name": "x", "provider": "meta", "config": config}, status=201
    )
    return int(made["id"])


async def sweep(runtime: Runtime, finish_jobs: FinishJobs) -> None:
    """What is done every five minutes."""
    await blueprint(runtime).tasks["sweep"].func(timestamp=0)
    await finish_jobs()


async def kinds(api: Api) -> list[str]:
    return [one["kind"] for one in (await api("GET", "notifications"))["items"]]


async def test_the_templates_of_a_new_channel_are_there_by_themselves(
    account: Account, finish_jobs: FinishJobs
) -> None:
    assert await account.stored() == {}
    await finish_jobs()
    found = (await account.stored())["aviso"]
    assert (found["status"], found["language"]) == ("APPROVED", "pt_BR")
    assert (found["variables"], found["named"], found["header"]) == (["1", "2"], False, None)


async def test_what_is_no_longer_listed_is_gone_and_comes_back(
    account: Account, api: Api, runtime: Runtime
) -> None:
    account.lists(*(template(f"t{n:03}") for n in range(230)))
    assert len(await account.sync()) == 230  # three pages
    account.lists(template("t000"), template("t001", category="UTILITY", status="REJECTED"))
    assert [(one["name"], one["status"]) for one in await account.sync()] == [
        ("t000", "APPROVED"),
        ("t001", "REJECTED"),
    ]
    async with runtime.db.workspace(account.workspace) as tx:
        gone = await tx.value("SELECT count(*) FROM template WHERE gone_at IS NOT NULL")
    assert gone == 228
    assert await kinds(api) == ["template_category", "template_stopped"]
    account.lists(template("t002"), template("t000"))
    assert len(await account.sync()) == 2
    assert [one["name"] for one in await account.sync()] == ["t000", "t002"]
    assert len(await kinds(api)) == 2


async def test_a_list_is_asked_for_again_when_it_is_due(
    account: Account, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    await finish_jobs()
    account.lists(template("novo"))
    await sweep(runtime, finish_jobs)
    assert set(await account.stored()) == {"aviso"}
    later = datetime.now(UTC) + timedelta(hours=6, minutes=1)
    with clock.driven_by(lambda: later):
        await sweep(runtime, finish_jobs)
    assert set(await account.stored()) == {"novo"}


async def test_news_of_a_template_that_nobody_knows_bring_the_list(
    account: Account, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    await finish_jobs()
    account.lists(template("aviso"), template("novo"))
    await account.hears(runtime, account.news("novo", "APPROVED", after=1))
    await finish_jobs()
    assert set(await account.stored()) == {"aviso"}
    later = datetime.now(UTC) + timedelta(minutes=1)
    with clock.driven_by(partial(datetime.fromtimestamp, later.timestamp(), UTC)):
        await sweep(runtime, finish_jobs)
    assert set(await account.stored()) == {"aviso", "novo"}


async def test_a_provider_that_asks_for_a_pause_gets_it(
    api: Api, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    async with Refusing() as server:
        channel = await connect(api, server.url)
        await finish_jobs()
        assert server.asked == 1
        refusal = await api("GET", f"channels/{channel}/templates", status=503)
        assert refusal["error"]["code"] == "template_list_held_back"
        for minutes, asked in ((59, 1), (61, 2)):
            later = datetime.now(UTC) + timedelta(minutes=minutes)
            with clock.driven_by(partial(datetime.fromtimestamp, later.timestamp(), UTC)):
                await sweep(runtime, finish_jobs)
            assert server.asked == asked


async def test_two_channels_of_an_account_share_its_templates(
    account: Account, api: Api, simulator: Simulator, finish_jobs: FinishJobs
) -> None:
    second = {**account.registration(), "phone_number_id": str(int(account.number) + 500_000)}
    simulator.control("channels", second)
    config = {**second, "verify_token": "c", "base_url": f"{simulator.url}/meta"}
    new = {"name": "outro", "provider": "meta", "config": config}
    made = await api("POST", "channels", new, status=201)
    await finish_jobs()
    found = await api("GET", f"channels/{made['id']}/templates", refresh="false")
    assert [one["name"] for one in found["items"]] == ["aviso"]


async def test_nobody_elses_templates_are_shown(
    account: Account, other_api: Api, finish_jobs: FinishJobs
) -> None:
    """A workspace that claims the same account sees what it was told itself."""
    await finish_jobs()
    number = str(int(account.number) + 700_000)
    config = {
        **account.registration(),
        "phone_number_id": number,
        "access_token": "wrong",
        "verify_token": "c",
        "base_url": f"{account.simulator.url}/meta",
    }
    new = {"name": "deles", "provider": "meta", "config": config}
    made = await other_api("POST", "channels", new, status=201)
    await finish_jobs()
    path = f"channels/{made['id']}/templates"
    assert await other_api("GET", path, refresh="false") == {"synced_at": None, "items": []}
    assert (await other_api("GET", path, status=503))["error"]["code"] == "provider_call_failed"
