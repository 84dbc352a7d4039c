"""Jobs are as durable as what made them necessary, and outlive servers and workers."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from procrastinate.blueprints import Blueprint
from procrastinate.exceptions import TaskNotFound
from tests.integration.api.product import until

from recado import embedded
from recado.platform import migrations, queue
from recado.platform.postgres import DATABASE_AWAY, Database
from recado.platform.queue import JobQueue

PATIENCE = 30.0
QUEUE = {"ai": 2}

_HANGING = """
import asyncio, sys
from procrastinate.blueprints import Blueprint
from recado.platform.queue import JobQueue

tasks = Blueprint()

@tasks.task(name="note", queue="ai")
async def note(*, number: int) -> None:
    print("taken", flush=True)
    await asyncio.sleep(3600)

jobs = JobQueue(sys.argv[1])
jobs.add("tests", tasks)
asyncio.run(jobs.run({"ai": 1}, stop=asyncio.Event()))
"""


class Notes:
    """What the jobs of a test have done."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._changed = asyncio.Condition()

    def blueprint(self) -> Blueprint:
        tasks = Blueprint()

        @tasks.task(name="note", queue="ai")
        async def note(*, number: int) -> None:
            async with self._changed:
                self.numbers.append(number)
                self._changed.notify_all()

        return tasks

    async def wait_for(self, numbers: list[int]) -> None:
        """Return once exactly these have been noted."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: sorted(self.numbers) == sorted(numbers))


@pytest.fixture(scope="module")
def url(ordinary_url: str) -> str:
    migrations.upgrade(ordinary_url)
    return ordinary_url


@pytest.fixture(scope="module")
async def db(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    yield opened
    await opened.close()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def jobs(url: str, notes: Notes) -> JobQueue:
    made = JobQueue(url)
    made.add("tests", notes.blueprint())
    return made


@asynccontextmanager
async def working(jobs: JobQueue) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    running = asyncio.create_task(jobs.run(QUEUE, stop=stop))
    yield stop
    stop.set()
    async with asyncio.timeout(PATIENCE):
        await running


async def waiting(db: Database) -> list[dict[str, Any]]:
    async with db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        return await tx.all("SELECT args, status, attempts FROM procrastinate_jobs ORDER BY id")


async def nothing_waits(db: Database) -> bool:
    return await waiting(db) == []


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.2)


@pytest.fixture(autouse=True)
async def no_jobs_left(db: Database) -> AsyncIterator[None]:
    yield
    async with db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        await tx.run("TRUNCATE procrastinate_jobs CASCADE")


async def test_a_job_commits_with_the_transaction_that_made_it_necessary(
    db: Database, jobs: JobQueue, notes: Notes
) -> None:
    async with db.system() as tx:
        await tx.run("INSERT INTO workspace (name) VALUES ('with its job')")
        await jobs.defer(tx, "tests:note", number=1)
    async with working(jobs):
        await notes.wait_for([1])
    assert await waiting(db) == []


async def test_a_job_rolls_back_with_the_transaction_that_made_it_necessary(
    db: Database, jobs: JobQueue
) -> None:
    async def fail() -> None:
        async with db.system() as tx:
            await jobs.defer(tx, "tests:note", number=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await waiting(db) == []


async def test_a_job_that_waits_already_neither_repeats_nor_aborts_the_transaction(
    db: Database, jobs: JobQueue
) -> None:
    for number in (1, 2):
        async with db.system() as tx:
            await tx.run("INSERT INTO workspace (name) VALUES ('once')")
            await jobs.defer(tx, "tests:note", once="note", number=number)
            await jobs.defer(tx, "tests:note", once="note", number=number)
            assert await tx.value("SELECT current_user") == "recado_system"
    assert [job["args"] for job in await waiting(db)] == [{"number": 1}]
    async with db.system() as tx:
        assert await tx.value("SELECT count(*) FROM workspace WHERE name = 'once'") == 2


async def test_a_job_is_deferred_inside_a_workspace_and_leaves_it_bound(
    db: Database, jobs: JobQueue
) -> None:
    async with db.system() as tx:
        [workspace] = [await tx.value("INSERT INTO workspace (name) VALUES ('x') RETURNING id")]
    async with db.workspace(workspace) as tx:
        await jobs.defer(tx, "tests:note", number=3)
        assert await tx.value("SELECT current_user") == "recado_app"
        assert await tx.value("SELECT current_setting('search_path')") == "public"
    assert [job["args"] for job in await waiting(db)] == [{"number": 3}]


async def test_a_task_that_nobody_knows_is_not_deferred(db: Database, jobs: JobQueue) -> None:
    with pytest.raises(TaskNotFound):
        async with db.system() as tx:
            await jobs.defer(tx, "tests:nothing")


async def test_workers_are_counted_while_they_work(db: Database, jobs: JobQueue) -> None:
    async def alive() -> bool:
        async with db.system() as tx:
            return await jobs.workers_alive(tx) == len(QUEUE)

    async with working(jobs):
        await until(alive)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_the_runner_works_on_after_postgresql_has_restarted(
    mode: embedded.postgres.StopMode,
    own_servers: embedded.EmbeddedServers,
    db: Database,
    jobs: JobQueue,
    notes: Notes,
) -> None:
    async with working(jobs):
        async with db.system() as tx:
            await jobs.defer(tx, "tests:note", number=1)
        await notes.wait_for([1])
        await until(lambda: nothing_waits(db))
        await asyncio.to_thread(own_servers.restart_postgres, mode)
        async with db.system() as tx:
            await jobs.defer(tx, "tests:note", number=2)
        await notes.wait_for([1, 2])


@contextmanager
def hanging_worker(url: str) -> Iterator[Callable[[], None]]:
    """A worker process that takes a job and never ends it; what is yielded kills it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HANGING, url], stdout=subprocess.PIPE, text=True
    )

    def kill() -> None:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        process.kill()
        process.wait()

    try:
        yield kill
    finally:
        process.kill()
        process.communicate()


async def test_the_job_of_a_killed_worker_is_done_by_another(
    url: str, db: Database, jobs: JobQueue, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "STALLED_AFTER_SECONDS", 1.0)
    async with db.system() as tx:
        await jobs.defer(tx, "tests:note", number=7)
    with hanging_worker(url) as kill:
        await asyncio.to_thread(kill)
    [job] = await waiting(db)
    assert job["status"] == "doing"
    async with working(jobs):
        await notes.wait_for([7])
    assert await waiting(db) == []


async def test_a_job_that_takes_every_worker_down_is_given_up_in_the_end(
    db: Database, jobs: JobQueue, notes: Notes
) -> None:
    async with db.system() as tx:
        await jobs.defer(tx, "tests:note", number=9)
        async with tx.taking("recado_jobs", schema="procrastinate"):
            await tx.run(
                "UPDATE procrastinate_jobs SET status = 'doing', attempts = %(most)s",
                most=queue.MOST_TAKEOVERS,
            )

    async def given_up() -> bool:
        return [job["status"] for job in await waiting(db)] == ["failed"]

    async with working(jobs):
        await until(given_up)
    assert notes.numbers == []


async def test_a_dead_workers_job_is_left_to_one_that_waits_under_its_name(
    db: Database, jobs: JobQueue
) -> None:
    for number in (1, 2):
        async with db.system() as tx:
            await jobs.defer(tx, "tests:note", once="same", number=number)
            async with tx.taking("recado_jobs", schema="procrastinate"):
                if number == 1:  # taken by a worker that no longer is
                    await tx.run("UPDATE procrastinate_jobs SET status = 'doing'")
    async with jobs.app.open_async():
        [dead] = await jobs.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=0)
        await jobs._take_over(dead)
    [left] = await waiting(db)
    assert (left["status"], left["args"]["number"]) == ("todo", 2)


async def test_while_postgresql_is_away_a_transaction_says_so() -> None:
    away = Database("postgresql://postgres:x@127.0.0.1:1/recado", pool_size=2)
    with pytest.raises(DATABASE_AWAY):
        await _answer(away)
    await away.close()


async def _answer(db: Database) -> None:
    async with db.system() as tx:
        await tx.value("SELECT 1")


async def test_what_is_to_follow_a_commit_follows_nothing_else(db: Database) -> None:
    told: list[str] = []

    async def tell() -> None:
        told.append("committed")

    async def fail() -> None:
        async with db.system() as tx:
            tx.after_commit(tell)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert told == []
    async with db.system() as tx:
        tx.after_commit(tell)
        assert told == []
    assert told == ["committed"]
