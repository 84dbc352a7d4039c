"""What limits there are and what they hold, through the API."""

from typing import Any

from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import ChannelId, DeliveryId, Reference, RunId, WorkspaceId
from recado.features.dispatch.leases import Lease
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.plans import load_plan
from recado.features.limits.asks import Asking
from recado.platform.runtime import Runtime


async def running(runtime: Runtime, workspace_id: WorkspaceId) -> tuple[ChannelId, RunId]:
    """A channel with a campaign on it that waits for two deliveries."""
    channel = ChannelId(await factories.bare_channel(runtime, workspace_id))
    async with runtime.db.workspace(workspace_id) as tx:
        campaign = await tx.value(
            "INSERT INTO campaign"
            " (workspace_id, name, status, content, audience, pacing, created_by)"
            " VALUES (%(w)s, 'c', 'running', '{\"type\": \"text\", \"text\": \"oi\"}', '{}',"
            " '{\"perMinute\": 7}', 'key:3') RETURNING id",
            w=workspace_id,
        )
        await tx.run(
            "INSERT INTO campaign_channel VALUES (%(w)s, %(campaign)s, %(channel)s, 0)",
            w=workspace_id,
            campaign=campaign,
            channel=channel,
        )
        run = await tx.value(
            "INSERT INTO run (workspace_id, campaign_id, number, status, materialised_at)"
            " VALUES (%(w)s, %(campaign)s, 1, 'running', now()) RETURNING id",
            w=workspace_id,
            campaign=campaign,
        )
        await tx.run(
            "INSERT INTO delivery (workspace_id, run_id, phone, phone_key, status)"
            " VALUES (%(w)s, %(run)s, '1', '1', 'pending'), (%(w)s, %(run)s, '2', '2', 'pending')",
            w=workspace_id,
            run=run,
        )
    return channel, RunId(run)


async def leaving(
    runtime: Runtime, workspace_id: WorkspaceId, channel: ChannelId, run_id: RunId, count: int
) -> int:
    """Let so many requests leave, if they may; returns how many did."""
    ledger = Ledger(runtime, Lease(workspace_id, channel, 1))
    await ledger.take()
    path = (await load_plan(runtime, workspace_id, channel)).path(run_id)
    asking = [
        Asking(Reference(DeliveryId(place), 1, 1), run_id, None) for place in range(1, count + 1)
    ]
    grant = await ledger.reserve(asking, {run_id: path})
    while grant is None:
        grant = await ledger.reserve(asking, {run_id: path})
    return len(grant.granted)


def by_name(limits: list[dict[str, Any]], scope: str) -> dict[str, dict[str, Any]]:
    return {limit["name"]: limit for limit in limits if limit["scope"] == scope}


async def test_what_a_limit_allows_and_holds_is_shown(
    api: Api, other_api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channel, run_id = await running(runtime, workspace)
    await api("PATCH", f"channels/{channel}", {"pacing": {"capHourly": 20}})
    assert await leaving(runtime, workspace, channel, run_id, 7) == 7
    (shown,) = (await api("GET", "rate-limits"))["items"]
    assert (shown["id"], shown["running"], shown["slots"], shown["waiting"]) == (channel, 7, 64, 2)
    own = by_name(shown["limits"], "channel")
    assert own.keys() == {"perSecond", "capHourly"}
    hourly = own["capHourly"]
    assert (hourly["limit"], hourly["used"], hourly["left"], hourly["refills_at"]) == (
        *(20, 7, 13),
        None,
    )
    slow = by_name(shown["limits"], "campaign")["perMinute"]
    assert (slow["used"], slow["left"]) == (7, 0)
    assert slow["refills_at"] is not None
    assert (await other_api("GET", "rate-limits"))["items"] == []


async def test_a_limit_of_the_workspace_holds_for_the_very_next_message(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channel, run_id = await running(runtime, workspace)
    given = {
        "workspace": {"perMinute": 2, "perDay": 50},
        "contact": {"perContactDaily": 3},
        "channels": {str(channel): {"capDaily": 40}},
    }
    shown = await api("PUT", "rate-limits", given)
    assert {limit["name"]: limit["limit"] for limit in shown["workspace"]} == {
        "perMinute": 2,
        "perDay": 50,
    }
    assert shown["contact"] == {"perContactDaily": 3}
    assert by_name(shown["items"][0]["limits"], "channel")["capDaily"]["limit"] == 40
    assert await leaving(runtime, workspace, channel, run_id, 5) == 2
    shown = await api("PUT", "rate-limits", {"workspace": {"perMinute": None}})
    assert [(limit["name"], limit["used"]) for limit in shown["workspace"]] == [("perDay", 2)]
    assert await leaving(runtime, workspace, channel, run_id, 4) == 4


async def test_senseless_limits_are_refused_and_nothing_is_saved(api: Api) -> None:
    for given in (
        {"workspace": {"perSecond": 0}},
        {"workspace": {"perFortnight": 9}},
        {"contact": {"perContactDaily": -1}},
        {"channels": {"999999": {"capDaily": 4}}, "workspace": {"perSecond": 4}},
    ):
        status = 404 if "channels" in given else 422
        await api("PUT", "rate-limits", given, status=status)
    assert (await api("GET", "rate-limits"))["workspace"] == []


async def test_channels_come_in_pages(api: Api, runtime: Runtime, workspace: WorkspaceId) -> None:
    channels = [await factories.bare_channel(runtime, workspace) for _ in range(3)]
    first = await api("GET", "rate-limits?limit=2")
    second = await api("GET", f"rate-limits?limit=2&cursor={first['next_cursor']}")
    found = [one["id"] for page in (first, second) for one in page["items"]]
    assert found == channels
    assert second["next_cursor"] is None
