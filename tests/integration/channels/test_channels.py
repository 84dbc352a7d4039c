"""Numbers are connected, changed, checked and taken out of use."""

import asyncio
import itertools
from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api
from tests.support.processes import Installation, free_port

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels import service
from recado.features.connections import jobs as connections
from recado.platform import settings
from recado.platform.runtime import Runtime

_numbers = itertools.count(400_000_000_000_001)
SECRETS = {
    "access_token": "EAAtokenEAA",
    "app_secret": "segredo-do-app",
    "verify_token": "confere-isto",
}


def meta(name: str = "Portaria", **changes: Any) -> dict[str, Any]:
    """A number at Meta as one may ask for it; its provider does not answer."""
    config = {
        "phone_number_id": str(next(_numbers)),
        "waba_id": "300000000000001",
        "base_url": "http://127.0.0.1:1",
        **SECRETS,
        **changes,
    }
    return {"name": name, "provider": "meta", "config": config}


async def status_of(api: Api, method: str, path: str, body: object = None) -> int:
    async with api.request(method, path, body) as answer:
        return int(answer.status)


async def test_a_channel_s_secrets_never_come_back_and_are_kept_sealed(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    made = await api("POST", "channels", meta(), status=201)
    path = f"channels/{made['id']}"
    answers = [
        made,
        await api("GET", path),
        await api("GET", "channels"),
        await api("PATCH", path, {"name": "Outra"}),
        await api("POST", f"{path}/check"),
        await api("POST", "channels", meta("Outra"), status=409),
    ]
    async with runtime.db.system() as tx:
        rows = await tx.all("SELECT c::text AS row FROM channel c")
        rows += await tx.all("SELECT r::text AS row FROM channel_route r")
    for secret in SECRETS.values():
        assert secret not in str(answers)
        assert secret not in str(rows)
    assert set(made["config"]) == {"phone_number_id", "waba_id", "base_url", "api_version"}
    async with runtime.db.workspace(workspace) as tx:
        opened = service.opened_channel(await service.get(tx, ChannelId(made["id"])), runtime)
    assert {key: opened.config[key] for key in SECRETS} == SECRETS


async def test_a_channel_s_credentials_can_be_given_anew_but_not_its_number(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    made = await api("POST", "channels", meta(), status=201)
    path = f"channels/{made['id']}"
    changed = await api("PATCH", path, {"config": {"access_token": "EAAnovoEAA"}})
    assert "EAAnovoEAA" not in str(changed)
    async with runtime.db.workspace(workspace) as tx:
        opened = service.opened_channel(await service.get(tx, ChannelId(made["id"])), runtime)
    assert opened.config == {
        **{key: value for key, value in meta()["config"].items() if key != "phone_number_id"},
        "phone_number_id": made["config"]["phone_number_id"],
        "api_version": made["config"]["api_version"],
        "access_token": "EAAnovoEAA",
    }
    other = {"config": {"phone_number_id": str(next(_numbers))}}
    assert (await api("PATCH", path, other, status=409))["error"]["code"] == "other_number"
    wrong = await api("PATCH", path, {"config": {"access_token": "", "cor": "azul"}}, status=422)
    assert {"config.access_token", "config.cor"} <= wrong["error"]["fields"].keys()


async def test_a_new_number_of_the_cloud_api_goes_at_the_cloud_s_pace(api: Api) -> None:
    made = await api("POST", "channels", meta(), status=201)
    assert made["pacing"]["preset"] == "cloud"
    assert (made["pacing"]["perSecond"], made["pacing"]["inFlight"]) == (80, 64)
    assert made["pacing"]["messageInterval"] is None
    slower = {**meta("Devagar"), "pacing": {"preset": "conservative", "perMinute": 5}}
    made = await api("POST", "channels", slower, status=201)
    assert (made["pacing"]["perMinute"], made["pacing"]["messageInterval"]) == (5, 30)


async def test_a_number_with_high_throughput_goes_faster_unless_its_own_pace_says_otherwise(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    paces: list[dict[str, Any]] = [{}, {"perSecond": 20}, {"preset": "moderate"}]
    made = [
        await api("POST", "channels", {**meta(str(place)), "pacing": pace}, status=201)
        for place, pace in enumerate(paces)
    ]
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE channel SET throughput = 'HIGH'")
    shown = [await api("GET", f"channels/{one['id']}") for one in made]
    assert [one["pacing"]["perSecond"] for one in shown] == [1000, 20, None]


async def test_a_number_whose_provider_does_not_answer_is_disconnected_and_says_why(
    api: Api,
) -> None:
    made = await api("POST", "channels", meta(), status=201)
    assert made["status"] == "disconnected"
    assert made["detail"]
    checked = await api("POST", f"channels/{made['id']}/check")
    assert checked["status"] == "disconnected"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone_number_id": "12x45"}, "config.phone_number_id"),
        ({"phone_number_id": ""}, "config.phone_number_id"),
        ({"waba_id": None}, "config.waba_id"),
        ({"access_token": ""}, "config.access_token"),
        ({"app_secret": "  "}, "config.app_secret"),
        ({"verify_token": ""}, "config.verify_token"),
        ({"base_url": "ftp://example.org"}, "config.base_url"),
        ({"base_url": "graph.facebook.com"}, "config.base_url"),
        ({"api_version": "latest"}, "config.api_version"),
        ({"phone": "5531999990001"}, "config.phone"),
    ],
)
async def test_a_wrong_configuration_is_refused_by_its_field_and_without_its_value(
    api: Api, changes: dict[str, Any], field: str
) -> None:
    refusal = await api("POST", "channels", meta(**changes), status=422)
    assert refusal["error"]["code"] == "invalid_channel_config"
    assert set(refusal["error"]["fields"]) == {field}
    assert (await api("GET", "channels"))["items"] == []


async def test_a_provider_that_nobody_knows_is_refused(api: Api) -> None:
    refusal = await api("POST", "channels", {**meta(), "provider": "pigeon"}, status=422)
    assert refusal["error"]["code"] == "unknown_provider"


async def test_a_name_belongs_to_one_channel_until_that_is_removed(
    api: Api, other_api: Api
) -> None:
    made = await api("POST", "channels", meta("Portaria"), status=201)
    refusal = await api("POST", "channels", meta("PORTARIA"), status=409)
    assert refusal["error"]["code"] == "channel_name_taken"
    second = await api("POST", "channels", meta("Síndico"), status=201)
    refusal = await api("PATCH", f"channels/{second['id']}", {"name": "portaria"}, status=409)
    assert refusal["error"]["code"] == "channel_name_taken"
    await other_api("POST", "channels", meta("Portaria"), status=201)
    await api("DELETE", f"channels/{made['id']}", status=204)
    await api("POST", "channels", meta("portaria"), status=201)


async def test_a_number_belongs_to_one_workspace_until_it_is_removed_there(
    api: Api, other_api: Api
) -> None:
    wanted = meta()
    made = await api("POST", "channels", wanted, status=201)
    for caller in (api, other_api):
        refusal = await caller("POST", "channels", {**wanted, "name": "Mesmo"}, status=409)
        assert refusal["error"]["code"] == "number_taken"
        assert "Mesmo" not in str(await caller("GET", "channels"))
    await api("DELETE", f"channels/{made['id']}", status=204)
    await other_api("POST", "channels", wanted, status=201)


async def test_of_many_who_connect_a_number_at_once_one_has_it(api: Api, other_api: Api) -> None:
    wanted = meta()
    calls = [
        status_of(caller, "POST", "channels", {**wanted, "name": str(place)})
        for place, caller in enumerate([api, other_api] * 3)
    ]
    assert sorted(await asyncio.gather(*calls)) == [201, *[409] * 5]


async def test_a_changed_pace_is_laid_over_the_old_one_and_wakes_the_channel(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    made = await api("POST", "channels", meta(), status=201)
    path = f"channels/{made['id']}"
    changed = await api("PATCH", path, {"pacing": {"perSecond": 20}})
    assert (changed["pacing"]["perSecond"], changed["pacing"]["inFlight"]) == (20, 64)
    changed = await api("PATCH", path, {"pacing": {"inFlight": 4}, "name": "Nova"})
    assert (changed["pacing"]["perSecond"], changed["pacing"]["inFlight"]) == (20, 4)
    assert changed["name"] == "Nova"
    assert await api("GET", path) == changed
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.value("SELECT due_at <= now() FROM drive")
    refused: list[dict[str, Any]] = [
        {"pacing": {"perSecond": 0}},
        {"config": {"cor": "azul"}},
        {"name": ""},
        {"provider": "x"},
    ]
    for wrong in refused:
        await api("PATCH", path, wrong, status=422)
    assert await api("GET", path) == changed


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("draft", 204),
        ("scheduled", 409),
        ("preparing", 409),
        ("running", 409),
        ("paused", 409),
        ("completed", 204),
        ("cancelled", 204),
        ("failed", 204),
    ],
)
async def test_a_channel_that_a_campaign_sends_through_stays(
    status: str, answer: int, api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "WITH made AS (INSERT INTO campaign (workspace_id, name, status, content, audience)"
            " VALUES (current_workspace_id(), 'x', %(status)s, '{}', '{}') RETURNING id)"
            " INSERT INTO campaign_channel (workspace_id, campaign_id, channel_id, position)"
            " SELECT current_workspace_id(), id, %(channel)s, 0 FROM made",
            status=status,
            channel=channel,
        )
    assert await status_of(api, "DELETE", f"channels/{channel}") == answer
    gone = answer == 204
    assert await status_of(api, "GET", f"channels/{channel}") == (404 if gone else 200)
    assert await status_of(api, "DELETE", f"channels/{channel}") == (404 if gone else 409)
    assert len((await api("GET", "channels"))["items"]) == (0 if gone else 1)


async def test_a_removed_channel_s_address_is_unknown_and_its_row_stays(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    made = await api("POST", "channels", meta(), status=201)
    await api("DELETE", f"channels/{made['id']}", status=204)
    async with runtime.db.system() as tx:
        kept = await tx.all(
            "SELECT c.deleted_at IS NOT NULL AS deleted, r.channel_key FROM channel c"
            " LEFT JOIN channel_route r ON r.channel_id = c.id"
            " WHERE c.workspace_id = %(workspace)s",
            workspace=workspace,
        )
    assert kept == [{"deleted": True, "channel_key": None}]


async def test_a_channel_on_the_simulator_is_connected_and_a_check_lets_it_go_on(
    api: Api, installation: Installation, runtime: Runtime, workspace: WorkspaceId
) -> None:
    wanted = {"name": "simulador", "provider": "simulator"}
    made = await api("POST", "channels", wanted, status=201)
    assert (made["status"], made["pacing"]["preset"]) == ("connected", "cloud")
    path = f"channels/{made['id']}"
    async with runtime.db.workspace(workspace) as tx:
        await service.pause(tx, ChannelId(made["id"]), until=None, reason="190: token expired")
    assert (await api("GET", path))["paused_reason"] == "190: token expired"
    assert (await api("POST", f"{path}/check"))["status"] == "connected"
    assert (await api("GET", path))["paused_reason"] is None


async def test_what_the_provider_knows_of_a_number_is_kept_on_its_channel(
    api: Api, installation: Installation, runtime: Runtime, workspace: WorkspaceId
) -> None:
    del installation
    made = await api("POST", "channels", {"name": "s", "provider": "simulator"}, status=201)
    known = ("display_number", "quality", "tier", "throughput")
    first = {name: made[name] for name in known}
    assert first["quality"] == "GREEN"
    assert first["throughput"] == "STANDARD"
    assert first["display_number"]
    forgotten = (
        "UPDATE channel SET display_number = NULL, throughput = NULL, quality = 'RED', tier = 1"
    )
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(forgotten)
    assert await connections.for_all(runtime, "ask") >= 1
    await connections.ask_once(runtime, workspace, ChannelId(made["id"]))
    shown = await api("GET", f"channels/{made['id']}")
    assert {name: shown[name] for name in known} == first
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(forgotten)
    await api("POST", f"channels/{made['id']}/check")
    shown = await api("GET", f"channels/{made['id']}")
    assert {name: shown[name] for name in known} == first
    kinds = {item["kind"] for item in (await api("GET", "notifications"))["items"]}
    assert "quality_better" in kinds


async def test_while_the_simulator_is_away_no_channel_is_made_on_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("RECADO_SIMULATOR_URL", f"http://127.0.0.1:{free_port()}")
        settings.sending.cache_clear()
        refusal = await api("POST", "channels", {"name": "x", "provider": "simulator"}, status=503)
    settings.sending.cache_clear()
    assert refusal["error"]["code"] == "simulator_away"
    assert (await api("GET", "channels"))["items"] == []
