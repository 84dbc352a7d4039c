"""Changing a campaign on its way, and deleting one."""

from datetime import timedelta
from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api
from tests.integration.campaigns.planning import DAY, HOUR, MONDAY, Planned, Watch, waiting_jobs

from recado.domain.ids import WorkspaceId
from recado.domain.runs import RunState
from recado.features.campaigns import deleting, jobs
from recado.platform.runtime import Runtime

WINDOW = {"weekdays": [1, 2], "from": "09:00", "to": "18:00", "timezone": "America/Sao_Paulo"}


async def test_a_draft_may_be_changed_in_everything(
    planned: Planned, runtime: Runtime, workspace: WorkspaceId
) -> None:
    await planned.make(start=False, end_at=MONDAY.isoformat(), window=WINDOW)
    people = await factories.contacts(runtime, workspace, 2)
    channels = [await factories.bare_channel(runtime, workspace) for _ in range(2)]
    changed = await planned.change(
        name="Rateio",
        channel_ids=channels,
        audience={"contact_ids": people},
        content={"type": "text", "text": "Olá {nome}"},
        schedule={"start_at": (MONDAY - HOUR).isoformat(), "end_at": None},
        pacing={"perMinute": 5},
        fail_over=False,
    )
    assert changed["schedule"] == {"start_at": (MONDAY - HOUR).isoformat(), "window": WINDOW}
    assert (changed["name"], changed["channel_ids"]) == ("Rateio", channels)
    assert changed["audience"]["contact_ids"] == people
    assert (changed["content"]["text"], changed["pacing"]) == ("Olá {nome}", {"perMinute": 5})
    assert await planned.shown() == changed
    await planned.move("start")
    assert (await planned.shown())["starts_at"] == "2031-03-03T11:00:00Z"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"channel_ids": []}, "channel_needed"),
        ({"channel_ids": [9_999_999]}, "unknown_audience"),
        ({"audience": {"tags": ["nenhuma"]}}, "unknown_audience"),
        ({"content": {"type": "text", "text": "Olá {ninguem}"}}, "unknown_variable"),
        ({"pacing": {"speed": 1}}, "invalid_pacing"),
        ({"schedule": {"window": {**WINDOW, "from": "9"}}}, "invalid_schedule"),
        ({"schedule": {"end_at": "2031-01-01T00:00:00Z"}}, "invalid_schedule"),
        ({"starts_at": None}, "invalid_input"),
    ],
)
async def test_a_change_is_checked_as_a_new_campaign_is(
    changes: dict[str, Any], code: str, planned: Planned
) -> None:
    await planned.make(start=False)
    before = await planned.shown()
    error = (await planned.change(422, **changes))["error"]
    assert error["code"] == code
    assert await planned.shown() == before


@pytest.mark.parametrize("state", RunState)
async def test_what_may_be_changed_follows_from_the_state(
    state: RunState, planned: Planned, runtime: Runtime
) -> None:
    await planned.make(start=False, start_at=MONDAY.isoformat())
    async with runtime.db.workspace(planned.workspace) as tx:
        await tx.run("UPDATE campaign SET status = %(state)s", state=state.value)
    await planned.change(name="Outro nome")
    on_its_way = state not in {RunState.COMPLETED, RunState.CANCELLED, RunState.FAILED}
    await planned.change(200 if on_its_way else 409, schedule={"window": WINDOW})
    await planned.change(200 if on_its_way else 409, pacing={"perMinute": 5})
    answer = await planned.change(
        200 if state is RunState.DRAFT else 409, content={"type": "text", "text": "Olá"}
    )
    if state is not RunState.DRAFT:
        assert answer["error"]["code"] == "not_changeable"
        assert "content" in answer["error"]["message"]


async def test_a_changed_start_moves_the_start(planned: Planned, watch: Watch) -> None:
    await planned.make(start_at=MONDAY.isoformat())
    later = MONDAY + 2 * HOUR
    assert (await planned.change(schedule={"start_at": later.isoformat()}))["starts_at"] == (
        "2031-03-03T14:00:00Z"
    )
    watch.now = MONDAY
    await planned.due()  # the job of the time that was
    assert (await planned.progress())["status"] == "scheduled"
    earlier = MONDAY + HOUR
    await planned.change(schedule={"start_at": earlier.isoformat()})
    deferred = await waiting_jobs(planned.runtime, "campaigns:start_scheduled")
    assert [job["scheduled_at"] for job in deferred] == [MONDAY, later, earlier]
    watch.now = earlier
    await planned.due()
    watch.now = later
    await planned.due()
    assert len(await planned.runs()) == 1


async def test_a_scheduled_campaign_is_not_left_without_a_start(planned: Planned) -> None:
    await planned.make(start_at=MONDAY.isoformat())
    error = (await planned.change(422, schedule={"start_at": None}))["error"]
    assert set(error["fields"]) == {"schedule.start_at"}
    error = (
        await planned.change(
            422,
            schedule={
                "start_at": (MONDAY - 3 * DAY).isoformat(),
                "end_at": MONDAY.isoformat(),
                "repeat": {"every": "month"},
            },
        )
    )["error"]
    assert set(error["fields"]) == {"schedule.end_at"}


async def test_a_recurring_campaign_on_its_way_takes_its_new_rhythm(
    planned: Planned, watch: Watch
) -> None:
    await planned.make(start_at=MONDAY.isoformat(), repeat={"every": "day"})
    watch.now = MONDAY
    await planned.due()
    changed = await planned.change(schedule={"repeat": {"every": "week"}})
    assert changed["starts_at"] == "2031-03-10T12:00:00Z"
    changed = await planned.change(schedule={"repeat": None})
    assert changed["starts_at"] is None
    await planned.send()
    assert (await planned.progress())["status"] == "completed"


async def test_a_changed_schedule_of_a_running_campaign_wakes_its_channels_and_moves_its_end(
    planned: Planned, watch: Watch, runtime: Runtime, workspace: WorkspaceId
) -> None:
    watch.now = MONDAY
    await planned.make(end_at=(MONDAY + HOUR).isoformat())
    await planned.finish_jobs()
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE drive SET due_at = NULL")
    await planned.change(schedule={"end_at": (MONDAY + DAY).isoformat()})
    assert [row["due_at"] for row in await planned.rows("SELECT due_at FROM drive")] == [MONDAY]
    [run] = await planned.runs()
    watch.now = MONDAY + HOUR
    await jobs.expire(runtime, workspace, run["id"])  # the job of the end that was
    assert (await planned.progress())["pending"] == 3
    ends = [job["scheduled_at"] for job in await waiting_jobs(runtime, "campaigns:expire")]
    assert ends == [MONDAY + HOUR, MONDAY + DAY]


async def test_contacts_who_wait_for_their_hours_are_looked_at_anew_when_those_change(
    planned: Planned, watch: Watch, runtime: Runtime, workspace: WorkspaceId
) -> None:
    watch.now = MONDAY
    await planned.make(window={**WINDOW, "timezone": "contact"})
    await planned.finish_jobs()
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE delivery SET due_at = %(at)s", at=MONDAY + DAY)
    await planned.change(pacing={"perMinute": 10})
    await planned.finish_jobs()
    due = {row["due_at"] for row in await planned.rows("SELECT due_at FROM delivery")}
    assert due == {MONDAY + DAY}
    await planned.change(schedule={"window": None})
    await planned.finish_jobs()
    assert {row["due_at"] for row in await planned.rows("SELECT due_at FROM delivery")} == {MONDAY}


@pytest.mark.parametrize("state", RunState)
async def test_a_draft_and_what_is_over_may_be_deleted(
    state: RunState, planned: Planned, api: Api, runtime: Runtime
) -> None:
    await planned.make(start=False)
    async with runtime.db.workspace(planned.workspace) as tx:
        await tx.run("UPDATE campaign SET status = %(state)s", state=state.value)
    deletable = state in {"draft", "completed", "cancelled", "failed"}
    answer = await api("DELETE", f"campaigns/{planned.id}", status=204 if deletable else 409)
    await api("GET", f"campaigns/{planned.id}", status=404 if deletable else 200)
    if not deletable:
        assert answer["error"]["code"] == "campaign_active"


async def test_a_deleted_campaign_is_out_of_sight_at_once_and_kept_while_limits_need_it(
    planned: Planned, api: Api, watch: Watch, runtime: Runtime, workspace: WorkspaceId
) -> None:
    await planned.make()
    await planned.finish_jobs()
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "UPDATE delivery SET status = 'failed' WHERE id = (SELECT min(id) FROM delivery)"
        )
    await planned.move("cancel")
    await planned.finish_jobs()
    [dead] = (await api("GET", "dead-letters"))["items"]
    await api("DELETE", f"campaigns/{planned.id}", status=204)
    for path in ("", "/progress", "/deliveries"):
        await api("GET", f"campaigns/{planned.id}{path}", status=404)
    await api("DELETE", f"campaigns/{planned.id}", status=404)
    assert (await api("GET", "campaigns"))["items"] == []
    assert (await api("GET", "dead-letters"))["items"] == []
    assert (await api("POST", "dead-letters/retry", {"ids": [dead["id"]]}))["count"] == 0

    watch.now += timedelta(hours=24)
    await deleting.purge(runtime.db, watch.now)
    assert len(await planned.rows("SELECT id FROM delivery")) == 3
    watch.now += timedelta(hours=2)
    await deleting.purge(runtime.db, watch.now)
    for table in ("campaign", "run", "delivery"):
        assert await planned.rows(f"SELECT id FROM {table}") == []
