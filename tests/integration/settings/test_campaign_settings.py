"""Settings of campaigns through the API."""

from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.features.dispatch.plans import load_plan
from recado.platform.runtime import Runtime


async def test_every_setting_has_a_default(api: Api) -> None:
    settings = await api("GET", "settings/campaigns")
    assert settings["messageInterval"] == 30
    assert settings["suppressionTagNames"] == ["DNC", "OPT-OUT", "STOP"]
    assert settings["unknownGraceMinutes"] == 15


async def test_a_saved_setting_holds_for_the_next_plan_of_a_channel_without_its_own(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    await api("PUT", "settings/campaigns", {"perMinute": 7, "messageInterval": 2.5})
    plan = await load_plan(runtime, workspace, channel)
    assert (plan.channel.pacing.per_minute, plan.channel.pacing.message_interval) == (7, 2.5)
    await api("PATCH", f"channels/{channel}", {"pacing": {"perMinute": 3}})
    plan = await load_plan(runtime, workspace, channel)
    assert (plan.channel.pacing.per_minute, plan.channel.pacing.message_interval) == (3, 2.5)
    shown = await api("GET", f"channels/{channel}")
    assert shown["pacing"]["perMinute"] == 3


async def test_some_may_be_set_and_the_others_stay(api: Api) -> None:
    await api("PUT", "settings/campaigns", {"capDaily": 10})
    settings = await api("PUT", "settings/campaigns", {"capHourly": None})
    assert (settings["capDaily"], settings["capHourly"]) == (10, None)


async def test_wrong_settings_are_named_and_nothing_is_saved(api: Api) -> None:
    refused = await api(
        "PUT",
        "settings/campaigns",
        {
            "capDaily": 5,
            "perMinute": -1,
            "suppressionTagNames": "DNC",
            "unknownGraceMinutes": 1.5,
            "colour": "blue",
        },
        status=422,
    )
    assert set(refused["error"]["fields"]) == {
        *("perMinute", "suppressionTagNames", "unknownGraceMinutes", "colour")
    }
    assert (await api("GET", "settings/campaigns"))["capDaily"] == 2000


async def test_one_workspaces_settings_are_not_anothers(api: Api, other_api: Api) -> None:
    await api("PUT", "settings/campaigns", {"perMinute": 1})
    assert (await other_api("GET", "settings/campaigns"))["perMinute"] == 20
