"""A workspace's own presets of pacing through the API."""

from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api
from tests.integration.campaigns.asking import wish

from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.pacing import PRESETS
from recado.features.dispatch.plans import load_plan
from recado.platform.runtime import Runtime

OWN = {"preset": "moderate", "capDaily": 150}


async def refused(api: Api, method: str, path: str, status: int, body: object = None) -> Any:
    return (await api(method, path, body, status=status))["error"]


async def test_the_built_in_presets_are_listed_before_a_workspaces_own(
    api: Api, other_api: Api
) -> None:
    made = await api("PUT", "settings/presets/noite", OWN)
    assert (made["built_in"], made["given"]) == (False, OWN)
    assert (made["pacing"]["capDaily"], made["pacing"]["messageInterval"]) == (150, 10)
    listed = (await api("GET", "settings/presets"))["items"]
    assert [one["name"] for one in listed] == [*PRESETS, "noite"]
    assert listed[-1] == made
    assert listed[0]["pacing"]["messageInterval"] == 30
    theirs = (await other_api("GET", "settings/presets"))["items"]
    assert [one["name"] for one in theirs] == list(PRESETS)
    assert "preset:noite" not in await api("GET", "settings/campaigns")


async def test_an_own_preset_holds_wherever_a_preset_is_accepted(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    await api("PUT", "settings/presets/noite", OWN)
    channel = ChannelId(await factories.bare_channel(runtime, workspace))
    shown = await api("PATCH", f"channels/{channel}", {"pacing": {"preset": "noite"}})
    assert shown["pacing"]["capDaily"] == 150
    plan = await load_plan(runtime, workspace, channel)
    assert (plan.channel.pacing.cap_daily, plan.channel.pacing.message_interval) == (150, 10)
    await api("PUT", "settings/presets/dia", {"perMinute": 2})
    given = await wish(runtime, workspace, channel_ids=[channel], pacing={"preset": "dia"})
    campaign = await api("POST", "campaigns", given, status=201)
    assert campaign["pacing"] == {"preset": "dia"}
    await api("POST", f"campaigns/{campaign['id']}/start", status=202)
    [run] = (await load_plan(runtime, workspace, channel)).runs.values()
    assert (run.pacing.per_minute, run.pacing.cap_daily) == (2, 150)


async def test_one_workspaces_preset_is_none_in_another(
    api: Api, other_api: Api, runtime: Runtime, other_workspace: WorkspaceId
) -> None:
    await api("PUT", "settings/presets/noite", OWN)
    channel = await factories.bare_channel(runtime, other_workspace)
    body = {"pacing": {"preset": "noite"}}
    error = await refused(other_api, "PATCH", f"channels/{channel}", 422, body)
    assert list(error["fields"]) == ["pacing.preset"]


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("cloud", OWN, 409, "built_in_preset"),
        ("Noite", OWN, 422, "invalid_preset_name"),
        ("noite", {"perMinute": 0}, 422, "invalid_pacing"),
        ("noite", {"preset": "noite"}, 422, "invalid_pacing"),
        ("noite", {"colour": 1}, 422, "invalid_pacing"),
    ],
)
async def test_a_preset_that_cannot_be_is_refused(
    name: str, body: dict[str, Any], status: int, code: str, api: Api
) -> None:
    error = await refused(api, "PUT", f"settings/presets/{name}", status, body)
    assert error["code"] == code
    assert len((await api("GET", "settings/presets"))["items"]) == len(PRESETS)


async def test_a_preset_in_use_stays_until_nothing_goes_by_it(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    await api("PUT", "settings/presets/noite", OWN)
    channel = await factories.bare_channel(runtime, workspace)
    await api("PATCH", f"channels/{channel}", {"name": "portaria", "pacing": {"preset": "noite"}})
    given = await wish(
        runtime, workspace, channel_ids=[channel], name="Aviso", pacing={"preset": "noite"}
    )
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    await api("POST", f"campaigns/{campaign}/start", status=202)
    error = await refused(api, "DELETE", "settings/presets/noite", 409)
    assert error["code"] == "preset_in_use"
    assert "'portaria', 'Aviso'" in error["message"]
    await api("PATCH", f"channels/{channel}", {"pacing": {"preset": "cloud"}})
    await api("POST", f"campaigns/{campaign}/cancel", status=202)
    await api("DELETE", "settings/presets/noite", status=204)
    await refused(api, "DELETE", "settings/presets/noite", 404)
    assert (await refused(api, "DELETE", "settings/presets/cloud", 409))["code"] == (
        "built_in_preset"
    )


async def test_a_workspace_has_a_hundred_presets_at_most(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "INSERT INTO setting (workspace_id, key, value)"
            " SELECT current_workspace_id(), 'preset:p' || n, '{}' FROM generate_series(1, 100) n"
        )
    error = await refused(api, "PUT", "settings/presets/mais", 409, OWN)
    assert error["code"] == "too_many_presets"
    await api("PUT", "settings/presets/p7", OWN)
