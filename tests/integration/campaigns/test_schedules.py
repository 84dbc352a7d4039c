"""Campaigns that start, end and start again at set times, whoever was away meanwhile."""

from datetime import UTC, datetime, timedelta

from tests.integration.campaigns.planning import DAY, HOUR, MONDAY, Planned, Watch, waiting_jobs

from recado.domain.ids import WorkspaceId
from recado.features.campaigns import jobs
from recado.features.dispatch.jobs import sweep_runs
from recado.platform.runtime import Runtime


async def test_a_start_missed_by_an_hour_is_made_up_for_once(
    planned: Planned, watch: Watch, runtime: Runtime
) -> None:
    await planned.make(start_at=MONDAY.isoformat())
    assert (await planned.shown())["starts_at"] == "2031-03-03T12:00:00Z"
    watch.now = MONDAY - timedelta(seconds=1)
    await planned.due()
    assert (await planned.progress())["status"] == "scheduled"
    watch.now = MONDAY + HOUR
    await jobs.sweep_schedules(runtime)  # the job that was to do it has got lost
    await planned.due()
    await jobs.sweep_schedules(runtime)
    await planned.finish_jobs()
    progress = await planned.progress()
    assert (progress["status"], progress["pending"]) == ("running", 3)
    assert len(await planned.runs()) == 1
    assert (await planned.shown())["starts_at"] is None


async def test_a_start_missed_beyond_its_end_sends_nothing_and_says_so(
    planned: Planned, watch: Watch, runtime: Runtime
) -> None:
    await planned.make(start_at=MONDAY.isoformat(), end_at=(MONDAY + HOUR).isoformat())
    watch.now = MONDAY + 2 * HOUR
    await planned.due()
    await jobs.sweep_schedules(runtime)
    progress = await planned.progress()
    assert (progress["status"], progress["total"], progress["expired"]) == ("completed", 3, 3)
    page = await planned.api("GET", f"campaigns/{planned.id}/deliveries")
    assert {item["reason"] for item in page["items"]} == {"schedule_ended"}


async def test_what_is_left_at_the_end_expires_and_the_campaign_completes(
    planned: Planned, watch: Watch, runtime: Runtime, workspace: WorkspaceId
) -> None:
    watch.now = MONDAY
    end = MONDAY + HOUR
    await planned.make(end_at=end.isoformat())
    await planned.finish_jobs()
    await planned.send(1)
    [run] = await planned.runs()
    waiting = await waiting_jobs(runtime, "campaigns:expire")
    assert [job["scheduled_at"] for job in waiting] == [end]
    watch.now = end - timedelta(seconds=1)
    await jobs.expire(runtime, workspace, run["id"])
    assert (await planned.progress())["pending"] == 2
    watch.now = end
    await jobs.expire(runtime, workspace, run["id"])
    progress = await planned.progress()
    assert (progress["status"], progress["sent"], progress["expired"]) == ("completed", 1, 2)


async def test_what_comes_back_after_the_end_is_found_by_the_sweeper_in_a_paused_campaign_too(
    planned: Planned, watch: Watch, runtime: Runtime
) -> None:
    watch.now = MONDAY
    await planned.make(end_at=(MONDAY + HOUR).isoformat())
    await planned.finish_jobs()
    await planned.move("pause")
    watch.now = MONDAY + 2 * HOUR
    refusal = await planned.move("resume", status=409)
    assert refusal["error"]["code"] == "schedule_ended"
    await jobs.sweep_schedules(runtime)
    progress = await planned.progress()
    assert (progress["status"], progress["expired"]) == ("completed", 3)


async def test_a_campaign_whose_end_has_passed_is_not_started(
    planned: Planned, watch: Watch
) -> None:
    await planned.make(start=False, end_at=(MONDAY + HOUR).isoformat())
    watch.now = MONDAY + 2 * HOUR
    refusal = await planned.move("start", status=409)
    assert refusal["error"]["code"] == "schedule_ended"


async def test_a_campaign_paused_before_its_time_does_not_start_until_it_is_resumed(
    planned: Planned, watch: Watch, runtime: Runtime
) -> None:
    await planned.make(start_at=MONDAY.isoformat())
    await planned.move("pause")
    watch.now = MONDAY + HOUR
    await planned.due()
    await jobs.sweep_schedules(runtime)
    assert (await planned.progress())["status"] == "paused"
    assert await planned.runs() == []
    await planned.move("resume")
    await planned.finish_jobs()
    assert (await planned.progress())["status"] == "running"


async def test_one_that_is_resumed_before_its_time_waits_for_it(
    planned: Planned, watch: Watch
) -> None:
    await planned.make(start_at=MONDAY.isoformat())
    await planned.move("pause")
    assert (await planned.move("resume"))["status"] == "scheduled"
    watch.now = MONDAY
    await planned.due()
    assert (await planned.progress())["status"] == "running"


async def test_a_recurring_campaign_runs_anew_each_time_and_completes_with_the_last(
    planned: Planned, watch: Watch
) -> None:
    await planned.make(
        start_at=MONDAY.isoformat(),
        end_at=(MONDAY + 2 * DAY).isoformat(),
        repeat={"every": "day"},
    )
    watch.now = MONDAY
    await planned.due()
    assert (await planned.shown())["starts_at"] == "2031-03-04T12:00:00Z"
    await planned.send()
    assert (await planned.progress())["status"] == "scheduled"
    watch.now = MONDAY + DAY
    await planned.due()
    assert (await planned.shown())["starts_at"] is None
    await planned.send()
    assert (await planned.progress())["status"] == "completed"
    runs = await planned.runs()
    assert [(run["number"], run["sent"]) for run in runs] == [(1, 3), (2, 3)]


async def test_several_missed_starts_are_one(planned: Planned, watch: Watch) -> None:
    await planned.make(start_at=MONDAY.isoformat(), repeat={"every": "day"})
    watch.now = MONDAY + 5 * DAY + HOUR
    await planned.due()
    assert len(await planned.runs()) == 1
    assert (await planned.shown())["starts_at"] == "2031-03-09T12:00:00Z"


async def test_a_start_that_falls_into_the_run_before_or_into_a_pause_is_passed_over(
    planned: Planned, watch: Watch
) -> None:
    await planned.make(start_at=MONDAY.isoformat(), repeat={"every": "day"})
    watch.now = MONDAY
    await planned.due()
    watch.now = MONDAY + DAY
    await planned.due()
    assert len(await planned.runs()) == 1
    assert (await planned.shown())["starts_at"] == "2031-03-05T12:00:00Z"
    await planned.move("pause")
    await planned.send()
    assert (await planned.progress())["status"] == "paused"
    watch.now = MONDAY + 4 * DAY + HOUR
    await planned.due()
    assert len(await planned.runs()) == 1
    assert (await planned.move("resume"))["status"] == "scheduled"
    assert (await planned.shown())["starts_at"] == "2031-03-08T12:00:00Z"


async def test_a_recurring_campaign_that_is_cancelled_between_two_runs_ends(
    planned: Planned, watch: Watch, runtime: Runtime
) -> None:
    await planned.make(start_at=MONDAY.isoformat(), repeat={"every": "day"})
    watch.now = MONDAY
    await planned.due()
    await planned.send()
    await planned.move("cancel")
    watch.now = MONDAY + DAY
    await planned.due()
    await jobs.sweep_schedules(runtime)
    assert [run["status"] for run in await planned.runs()] == ["completed"]
    assert (await planned.progress())["status"] == "cancelled"


async def test_progress_says_until_when_a_campaign_waits_for_its_hours(
    planned: Planned, watch: Watch, runtime: Runtime
) -> None:
    watch.now = MONDAY
    window = {"weekdays": [1, 2], "from": "14:00", "to": "18:00", "timezone": "UTC"}
    await planned.make(window=window)
    assert (await planned.progress())["waiting_until"] is None
    await planned.finish_jobs()
    assert (await planned.progress())["waiting_until"] == "2031-03-03T14:00:00Z"
    await planned.change(schedule={"end_at": (MONDAY + HOUR).isoformat()})
    assert (await planned.progress())["waiting_until"] is None  # it will not go on any more
    await planned.change(schedule={"end_at": None})
    watch.now = MONDAY + 2 * HOUR
    assert (await planned.progress())["waiting_until"] is None
    async with runtime.db.workspace(planned.workspace) as tx:
        await tx.run(
            "UPDATE campaign SET schedule = jsonb_set(schedule, '{window,timezone}', '\"contact\"')"
        )
        await tx.run("UPDATE delivery SET due_at = %(at)s", at=watch.now)
    assert (await planned.progress())["waiting_until"] is None
    async with runtime.db.workspace(planned.workspace) as tx:
        await tx.run("UPDATE delivery SET due_at = %(at)s", at=MONDAY + DAY)
    assert (await planned.progress())["waiting_until"] == "2031-03-04T12:00:00Z"


async def test_the_sweeper_wakes_nobody_for_a_run_that_waits_for_its_hours(
    planned: Planned, watch: Watch, runtime: Runtime
) -> None:
    watch.now = MONDAY
    window = {"weekdays": [1, 2, 3, 4, 5], "from": "10:00", "to": "12:00", "timezone": "UTC"}
    await planned.make(window=window)
    await planned.finish_jobs()
    async with runtime.db.workspace(planned.workspace) as tx:
        await tx.run("UPDATE drive SET due_at = NULL")
        await tx.run("UPDATE run SET changed_at = now() - interval '1 hour'")
    await sweep_runs(runtime)
    [drive] = await planned.rows("SELECT due_at FROM drive")
    assert drive["due_at"] == datetime(2031, 3, 4, 10, tzinfo=UTC)
