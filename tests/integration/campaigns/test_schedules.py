"""Campaigns that start, end and start again at set times, whoever was away meanwhile."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.api.product import Api, FinishJobs
from tests.integration.campaigns.asking import wish

from recado.domain.ids import CampaignId, RunId, WorkspaceId
from recado.features.campaigns import jobs
from recado.features.dispatch.finishing import finish_runs
from recado.features.dispatch.jobs import sweep_runs
from recado.platform import clock
from recado.platform.runtime import Runtime

MONDAY = datetime(2031, 3, 3, 12, tzinfo=UTC)  # nine in São Paulo
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Watch:
    """The time as a test tells it."""

    now = MONDAY - DAY


@pytest.fixture
def watch() -> Iterator[Watch]:
    told = Watch()
    with clock.driven_by(lambda: told.now):
        yield told


class Planned:
    """A campaign to three people with a schedule, and what becomes of it."""

    def __init__(
        self, api: Api, runtime: Runtime, workspace: WorkspaceId, finish: FinishJobs
    ) -> None:
        self.api, self.runtime, self.workspace = api, runtime, workspace
        self.finish_jobs = finish
        self.id = 0

    async def make(self, *, start: bool = True, **schedule: Any) -> "Planned":
        given = await wish(self.runtime, self.workspace, schedule=schedule)
        self.id = (await self.api("POST", "campaigns", given, status=201))["id"]
        if start:
            await self.move("start")
        return self

    async def move(self, action: str, status: int = 202) -> Any:
        return await self.api("POST", f"campaigns/{self.id}/{action}", status=status)

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.api("GET", f"campaigns/{self.id}")
        return found

    async def progress(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.api("GET", f"campaigns/{self.id}/progress")
        return found

    async def due(self) -> None:
        """The job of its start, whenever that comes to run."""
        await jobs.start_due(self.runtime, self.workspace, CampaignId(self.id))
        await self.finish_jobs()

    async def runs(self) -> list[dict[str, Any]]:
        return await self.rows("SELECT * FROM run ORDER BY number")

    async def rows(self, statement: Any, **parameters: Any) -> list[dict[str, Any]]:
        async with self.runtime.db.workspace(self.workspace) as tx:
            return await tx.all(statement, **parameters)

    async def send(self, count: int | None = None) -> None:
        """As if so many of the waiting had been sent, or all of them."""
        async with self.runtime.db.workspace(self.workspace) as tx:
            await tx.run(
                "UPDATE delivery SET status = 'sent' WHERE id IN (SELECT id FROM delivery"
                " WHERE status = 'pending' ORDER BY id LIMIT %(count)s)",
                count=count,
            )
            rows = await tx.all("SELECT id FROM run")
            await finish_runs(tx, [RunId(row["id"]) for row in rows])


@pytest.fixture
async def planned(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs, watch: Watch
) -> AsyncIterator[Planned]:
    yield Planned(api, runtime, workspace, finish_jobs)
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        await tx.run("DELETE FROM procrastinate_jobs")  # years ahead of the others'


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
    jobs_waiting = await _jobs(runtime, "campaigns:expire")
    assert [job["scheduled_at"] for job in jobs_waiting] == [end]
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


async def _jobs(runtime: Runtime, task: str) -> list[dict[str, Any]]:
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        return await tx.all(
            "SELECT args, scheduled_at FROM procrastinate_jobs WHERE task_name = %(task)s",
            task=task,
        )
