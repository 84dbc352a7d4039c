"""Campaigns with a schedule, in a time that a test tells."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.api.product import Api, FinishJobs
from tests.integration.campaigns.asking import wish

from recado.domain.ids import CampaignId, RunId, WorkspaceId
from recado.features.campaigns import jobs
from recado.features.dispatch.finishing import finish_runs
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

    async def change(self, status: int = 200, **changes: Any) -> Any:
        return await self.api("PATCH", f"campaigns/{self.id}", changes, status=status)

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


async def waiting_jobs(runtime: Runtime, task: str) -> list[dict[str, Any]]:
    """Arguments and times of the jobs of one task."""
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        return await tx.all(
            "SELECT args, scheduled_at FROM procrastinate_jobs WHERE task_name = %(task)s",
            task=task,
        )
