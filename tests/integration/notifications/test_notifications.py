"""What people are told, in their language, once a cause until they have read it."""

import pytest
from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.notifications.kinds import WORDINGS, Kind, told
from recado.features.notifications.service import notify
from recado.platform import i18n
from recado.platform.runtime import Runtime


@pytest.fixture
async def channel(runtime: Runtime, workspace: WorkspaceId) -> ChannelId:
    return await factories.bare_channel(runtime, workspace)


async def paused(runtime: Runtime, workspace: WorkspaceId, channel: ChannelId, why: str) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await notify(tx, Kind.CHANNEL_PAUSED, channel_id=channel, reason=why)


async def test_the_same_is_told_once_until_it_is_read_and_then_anew(
    api: Api, runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    await paused(runtime, workspace, channel, "190: token")
    await paused(runtime, workspace, channel, "131031: {locked}")
    (one,) = (await api("GET", "notifications", unread="true"))["items"]
    assert (one["kind"], one["severity"], one["times"]) == ("channel_paused", "error", 2)
    assert (one["channel_id"], one["read_at"]) == (channel, None)
    assert one["params"]["reason"] == "131031: {locked}"
    read = await api("POST", f"notifications/{one['id']}/read")
    assert read["read_at"] is not None
    assert (await api("GET", "notifications", unread="true"))["items"] == []
    await paused(runtime, workspace, channel, "190: token")
    assert [row["times"] for row in (await api("GET", "notifications"))["items"]] == [1, 2]
    assert await api("POST", "notifications/read") == {"count": 1}


async def test_they_come_in_pages(
    api: Api, runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    for number in range(3):
        other = await factories.bare_channel(runtime, workspace)
        await paused(runtime, workspace, other, str(number))
    first = await api("GET", "notifications", limit=2)
    rest = await api("GET", "notifications", limit=2, cursor=first["next_cursor"])
    reasons = [row["params"]["reason"] for row in first["items"] + rest["items"]]
    assert reasons == ["2", "1", "0"]


async def test_a_sentence_names_channel_and_reason_in_the_callers_language(
    api: Api, runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    await paused(runtime, workspace, channel, "190: token")
    for language, word in (("pt-BR", "parado"), ("en", "paused")):
        headers = {"Accept-Language": language}
        (one,) = (await api("GET", "notifications", headers=headers))["items"]
        assert word in one["message"]
        assert "190: token" in one["message"]
        assert one["params"]["channel"] in one["message"]


async def test_a_change_that_is_undone_is_not_told(
    api: Api, runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await notify(tx, Kind.CHANNEL_PAUSED, channel_id=channel, reason="x")
        await tx.session.rollback()
    assert (await api("GET", "notifications"))["items"] == []


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_every_kind_has_a_sentence_in_every_language(locale: str) -> None:
    translator = i18n.translator(locale)
    for kind, wording in WORDINGS.items():
        assert told(kind, {"channel": "a", "campaign": "b", "reason": "c"}, translator)
        if locale == "pt_BR":
            assert translator.gettext(wording.sentence) != wording.sentence


async def test_the_health_of_a_channel_is_shown(api: Api, channel: ChannelId) -> None:
    shown = await api("GET", f"channels/{channel}")
    assert shown["health"] == {
        "breaker": "closed",
        "breaker_until": None,
        "host": "simulator",
        "host_breaker": "closed",
        "host_breaker_until": None,
        "sends_at_once": 5,
        "errors_in_a_row": 0,
        "paused_until": None,
        "paused_reason": None,
    }
    assert (await api("GET", "channels"))["items"][0]["health"] == shown["health"]
