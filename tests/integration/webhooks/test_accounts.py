"""What is said of a whole account reaches its channels, and nobody else's."""

import itertools
import json
import time

import aiohttp
import pytest
from tests.integration.api.product import Api, FinishJobs
from tests.integration.webhooks.calling import (
    Number,
    callback,
    change,
    connect,
    entry,
    of_account,
    status,
    stored,
)

from recado.domain.ids import WorkspaceId
from recado.features.webhooks import routes
from recado.platform.runtime import Runtime
from recado.providers.meta import webhook

_accounts = itertools.count(310_000_000_000_001)
NEWS = of_account("account_update", event="ACCOUNT_VIOLATION")
SECRET, OTHER_SECRET = "segredo", "outro segredo"


@pytest.fixture
def account() -> str:
    """An account that no other test speaks of."""
    return str(next(_accounts))


async def channels_told(runtime: Runtime, workspace: WorkspaceId) -> list[int]:
    """The channels that something is kept for, in order, each as often as there is something."""
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all("SELECT channel_id FROM callback ORDER BY channel_id")
    return [row["channel_id"] for row in rows]


async def test_what_is_said_of_an_account_reaches_each_channel_of_it_with_the_right_secret(
    api: Api, workspace: WorkspaceId, account: str, http: aiohttp.ClientSession, runtime: Runtime
) -> None:
    first = await connect(api, workspace, account=account)
    assert await first.call(http, callback(entry(NEWS, account=account))) == 200
    assert await channels_told(runtime, workspace) == [first.channel]
    second = await connect(api, workspace, account=account)
    await connect(api, workspace, account=account, app_secret=OTHER_SECRET)
    elsewhere = await connect(api, workspace)
    for address in (first, elsewhere):  # one app has one address, whichever that is
        data = callback(entry(NEWS, account=account))
        assert await first.call(http, data, at=address.path) == 200
    assert await channels_told(runtime, workspace) == [*[first.channel] * 3, *[second.channel] * 2]


async def test_a_claim_to_another_s_account_hears_nothing_and_says_nothing(
    api: Api,
    workspace: WorkspaceId,
    other_api: Api,
    other_workspace: WorkspaceId,
    runtime: Runtime,
) -> None:
    account, http = str(next(_accounts)), api.http
    owner = await connect(api, workspace, account=account)
    claimer = await connect(other_api, other_workspace, account=account, app_secret=OTHER_SECRET)
    data = callback(entry(NEWS, account=account))
    for path in (owner.path, claimer.path):
        assert await owner.call(http, data, at=path) == 200
    assert await channels_told(runtime, other_workspace) == []
    assert await channels_told(runtime, workspace) == [owner.channel] * 2
    for path in (owner.path, claimer.path):  # genuine, but of the claimer alone
        assert await claimer.call(http, data, at=path) == 200
    assert await channels_told(runtime, workspace) == [owner.channel] * 2
    assert await channels_told(runtime, other_workspace) == [claimer.channel] * 2


async def test_numbers_and_accounts_of_two_workspaces_in_one_body_are_kept_apart(
    api: Api,
    workspace: WorkspaceId,
    other_api: Api,
    other_workspace: WorkspaceId,
    runtime: Runtime,
) -> None:
    mine, theirs = str(next(_accounts)), str(next(_accounts))
    number = await connect(api, workspace, account=mine)
    other = await connect(other_api, other_workspace, account=theirs)
    reported = status("sent", reference="1.1.1")
    data = callback(
        entry(change(number, reported), of_account("account_update", event="A"), account=mine),
        entry(change(other, reported), of_account("account_update", event="B"), account=theirs),
        # An account says nothing of another's number, nor a number of another's account.
        entry(change(other, reported), of_account("account_update", event="C"), account=mine),
        entry(NEWS, account=str(next(_accounts))),
    )
    assert await number.call(api.http, data) == 200
    own = [[number.phone_number_id, "A", "C"]]
    assert [said(one) for one in await stored(runtime, workspace)] == own
    its = [[other.phone_number_id, "B", other.phone_number_id]]
    assert [said(one) for one in await stored(runtime, other_workspace)] == its
    stranger = await connect(api, workspace, account=mine, app_secret=OTHER_SECRET)
    assert await stranger.call(api.http, data) == 200  # neither's secret but that one's
    assert [said(one) for one in await stored(runtime, workspace)] == [*own, ["A", "C"]]
    assert [said(one) for one in await stored(runtime, other_workspace)] == its


async def test_a_channel_that_moves_or_goes_takes_its_account_along(
    api: Api, workspace: WorkspaceId, http: aiohttp.ClientSession, runtime: Runtime
) -> None:
    old, new = str(next(_accounts)), str(next(_accounts))
    address = await connect(api, workspace)
    number = await connect(api, workspace, account=old)
    await api("PATCH", f"channels/{number.channel}", {"config": {"waba_id": new}})
    assert await address.call(http, callback(entry(NEWS, account=old))) == 200
    assert await stored(runtime, workspace) == []
    assert await address.call(http, callback(entry(NEWS, account=new))) == 200
    assert await channels_told(runtime, workspace) == [number.channel]
    await api("DELETE", f"channels/{number.channel}", status=204)
    assert await address.call(http, callback(entry(NEWS, account=new))) == 200
    assert await channels_told(runtime, workspace) == [number.channel]


async def test_a_ban_pauses_the_account_s_channels_and_nobody_else_s(
    api: Api,
    workspace: WorkspaceId,
    other_api: Api,
    other_workspace: WorkspaceId,
    finish_jobs: FinishJobs,
) -> None:
    account = str(next(_accounts))
    mine = [await connect(api, workspace, account=account) for _ in range(2)]
    bystander = await connect(api, workspace)
    claimer = await connect(other_api, other_workspace, account=account, app_secret=OTHER_SECRET)
    event = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}
    banned = entry(of_account("account_update", **event), account=account, at=int(time.time()))
    assert await mine[0].call(api.http, callback(banned), at=claimer.path) == 200
    await finish_jobs()
    paused = {
        number.channel: (await caller("GET", f"channels/{number.channel}"))["paused_reason"]
        for caller, number in [*((api, one) for one in [*mine, bystander]), (other_api, claimer)]
    }
    because = "DISABLED_UPDATE: DISABLE"
    assert [paused[number.channel] for number in mine] == [because, because]
    assert (paused[bystander.channel], paused[claimer.channel]) == (None, None)
    kinds = [item["kind"] for item in (await api("GET", "notifications"))["items"]]
    assert kinds == ["account_stopped"]


async def test_a_forged_word_on_an_account_is_refused(
    number: Number, http: aiohttp.ClientSession, runtime: Runtime
) -> None:
    data = callback(entry(NEWS))
    assert await number.call(http, data, secret="falso") == 401
    assert await stored(runtime, number.workspace) == []


def said(body: bytes) -> list[str]:
    """What a kept callback speaks of: numbers by their id, accounts by the event."""
    return [
        next(iter(webhook.external_ids(json.dumps({"entry": [{"changes": [one]}]}).encode())), "")
        or one["value"]["event"]
        for part in json.loads(body)["entry"]
        for one in part["changes"]
    ]


async def test_a_new_secret_holds_at_once_and_loses_nobody_s_share(
    api: Api,
    workspace: WorkspaceId,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes, "SURE_SECONDS", 0.0)
    numbers = [await connect(api, workspace), await connect(api, workspace)]
    both = callback(entry(*(change(one, status("sent")) for one in numbers)))
    assert await numbers[0].call(http, both) == 200
    for one in numbers:
        config = {"app_secret": OTHER_SECRET}
        await api("PATCH", f"channels/{one.channel}", {"config": config})
    assert await numbers[0].call(http, both, secret=OTHER_SECRET) == 200
    assert await numbers[0].call(http, both) == 401
    assert await channels_told(runtime, workspace) == sorted(2 * [one.channel for one in numbers])
