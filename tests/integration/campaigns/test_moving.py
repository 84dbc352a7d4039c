"""Starting, pausing, resuming and cancelling."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.api.product import Api, FinishJobs
from tests.integration.campaigns.asking import wish

from recado.domain.ids import CampaignId, WorkspaceId
from recado.domain.runs import TRANSITIONS, RunEvent, RunState
from recado.domain.transitions import NotAllowed
from recado.features.campaigns import service
from recado.platform import clock
from recado.platform.runtime import Runtime

ACTIONS = {
    "start": RunEvent.START,
    "pause": RunEvent.PAUSE,
    "resume": RunEvent.RESUME,
    "cancel": RunEvent.CANCEL,
}


@pytest.fixture
async def campaign(api: Api, runtime: Runtime, workspace: WorkspaceId) -> int:
    given = await wish(runtime, workspace)
    made: int = (await api("POST", "campaigns", given, status=201))["id"]
    return made


async def status(api: Api, campaign: int) -> str:
    found: str = (await api("GET", f"campaigns/{campaign}"))["status"]
    return found


async def move(api: Api, campaign: int, *actions: str) -> Any:
    for action in actions:
        answer = await api("POST", f"campaigns/{campaign}/{action}", status=202)
    return answer


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", RunState)
async def test_a_campaign_moves_where_the_table_has_a_way_and_else_says_that_it_cannot(
    state: RunState, action: str, campaign: int, api: Api, runtime: Runtime
) -> None:
    workspace = WorkspaceId((await api("GET", "workspace"))["id"])
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE campaign SET status = %(state)s", state=state.value)
        if state not in {RunState.DRAFT, RunState.SCHEDULED}:
            await tx.run(
                "INSERT INTO run (workspace_id, campaign_id, number, status)"
                " VALUES (current_workspace_id(), %(campaign)s, 1, %(state)s)",
                campaign=campaign,
                state=state.value,
            )
    after = TRANSITIONS[ACTIONS[action]].get(state)
    answer = await api("POST", f"campaigns/{campaign}/{action}", status=202 if after else 409)
    assert await status(api, campaign) == (after or state)
    if after:
        assert answer["status"] == after
        async with runtime.db.workspace(workspace) as tx:
            [run] = await tx.all("SELECT status FROM run ORDER BY number DESC LIMIT 1") or [{}]
        assert run.get("status", after) == after
    else:
        assert answer["error"]["code"] == "not_allowed_in_state"


async def test_a_campaign_started_twice_is_refused_and_written_down_once(
    campaign: int, api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    async def start() -> int:
        async with api.request("POST", f"campaigns/{campaign}/start") as answer:
            return int(answer.status)

    assert sorted(await asyncio.gather(*(start() for _ in range(4)))) == [202, 409, 409, 409]
    await finish_jobs()
    assert await start() == 409
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.value("SELECT count(*) FROM run") == 1
        assert await tx.value("SELECT count(*) FROM delivery") == 3


async def test_a_start_wakes_its_channels_once_its_audience_is_written_down(
    campaign: int, api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    due = "SELECT due_at <= now() AS due FROM drive"
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.all(due) == []
    await move(api, campaign, "start")
    await finish_jobs()
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.all(due) == [{"due": True}]
        await tx.run("UPDATE drive SET due_at = NULL")
    await move(api, campaign, "pause", "resume")
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.all(due) == [{"due": True}]


async def test_a_pause_says_by_whom_and_a_resumed_campaign_no_longer(
    campaign: int, api: Api, finish_jobs: FinishJobs
) -> None:
    await move(api, campaign, "start")
    await finish_jobs()
    assert (await move(api, campaign, "pause"))["paused_reason"] == "by_person"
    assert (await api("GET", f"campaigns/{campaign}/progress"))["paused_reason"] == "by_person"
    assert (await move(api, campaign, "resume"))["paused_reason"] is None


async def test_a_cancelled_campaign_cancels_what_waits(
    campaign: int, api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    await move(api, campaign, "start")
    await finish_jobs()
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "UPDATE delivery SET status = 'sent' WHERE id = (SELECT min(id) FROM delivery)"
        )
    await move(api, campaign, "cancel")
    await finish_jobs()
    found = await api("GET", f"campaigns/{campaign}/progress")
    assert (found["status"], found["sent"], found["cancelled"]) == ("cancelled", 1, 2)
    page = await api("GET", f"campaigns/{campaign}/deliveries")
    reasons = [item["reason"] for item in page["items"]]
    assert reasons == [None, "campaign_cancelled", "campaign_cancelled"]


async def test_a_campaign_with_a_time_waits_for_it_and_then_starts_by_itself(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    at = clock.now() + timedelta(hours=1)
    given = await wish(runtime, workspace, schedule={"start_at": at.isoformat()})
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    assert (await move(api, campaign, "start"))["status"] == "scheduled"
    await finish_jobs()
    assert await status(api, campaign) == "scheduled"
    refusal = await api("POST", f"campaigns/{campaign}/start", status=409)
    assert refusal["error"]["code"] == "not_allowed_in_state"
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        assert await tx.value("SELECT scheduled_at FROM procrastinate_jobs") == at
        await tx.run("UPDATE procrastinate_jobs SET scheduled_at = now()")
    with clock.driven_by(lambda: at):
        await finish_jobs()
    found = await api("GET", f"campaigns/{campaign}/progress")
    assert (found["status"], found["pending"]) == ("running", 3)


async def test_a_campaign_cancelled_before_its_time_never_starts(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    at = clock.now() + timedelta(hours=1)
    given = await wish(runtime, workspace, schedule={"start_at": at.isoformat()})
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    await move(api, campaign, "start", "cancel")
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        await tx.run("UPDATE procrastinate_jobs SET scheduled_at = now()")
    with clock.driven_by(lambda: at):
        await finish_jobs()
    assert await status(api, campaign) == "cancelled"


async def test_a_campaign_cancelled_while_its_start_is_under_way_does_not_start(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    at = clock.now() + timedelta(hours=1)
    given = await wish(runtime, workspace, schedule={"start_at": at.isoformat()})
    campaign = CampaignId((await api("POST", "campaigns", given, status=201))["id"])
    await move(api, campaign, "start")
    async with runtime.db.workspace(workspace) as tx:
        assert (await service.get(tx, campaign)).status == "scheduled"
        await move(api, campaign, "cancel")
        with pytest.raises(NotAllowed):
            await service.begin(tx, runtime, campaign, clock.now())
    assert await status(api, campaign) == "cancelled"


async def test_a_campaign_whose_time_has_passed_starts_at_once(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    given = await wish(runtime, workspace, schedule={"start_at": "2020-01-01T10:00:00-03:00"})
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    assert (await move(api, campaign, "start"))["status"] == "preparing"


async def test_progress_tells_each_delivery_once_and_sent_counts_what_came_further(
    campaign: int, api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    await move(api, campaign, "start")
    await finish_jobs()
    states = ["sent", "delivered", "read", "failed", "unknown", "expired", "sending"]
    async with runtime.db.workspace(workspace) as tx:
        run = await tx.value("SELECT id FROM run")
        await tx.run(
            "INSERT INTO delivery (workspace_id, run_id, phone, phone_key, status)"
            " SELECT current_workspace_id(), %(run)s, s, s, s FROM unnest(%(states)s::text[]) s",
            run=run,
            states=states,
        )
    found = await api("GET", f"campaigns/{campaign}/progress")
    assert {key: found[key] for key in ("total", "pending", "sent", "delivered", "read")} == {
        "total": 10, "pending": 3, "sent": 3, "delivered": 2, "read": 1,
    }  # fmt: skip
    assert [found[key] for key in ("failed", "unknown", "expired", "sending")] == [1] * 4
    assert found["success_rate"] == 0.6
    everyone = [
        item["status"] for item in (await api("GET", f"campaigns/{campaign}/deliveries"))["items"]
    ]
    assert sorted(everyone) == sorted([*states, *["pending"] * 3])
