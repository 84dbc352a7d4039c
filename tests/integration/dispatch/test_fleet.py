"""A worker's channels: no error of one stops it or the others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
import pytest
from tests import factories
from tests.integration.dispatch.driving import Number, Simulator, until

from recado.domain.ids import ChannelId, RunId
from recado.features.dispatch import fleet as fleet_module
from recado.features.dispatch.fleet import Fleet
from recado.features.dispatch.jobs import sweep_runs
from recado.features.dispatch.leases import wake, wake_run
from recado.features.limits.limiter import ChannelLimiter
from recado.platform import clock, settings
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport

PATIENCE = 30.0

Workers = Callable[[str], AbstractAsyncContextManager[Fleet]]


@pytest.fixture
def working(
    quiet_runtime: Runtime, quiet_database_url: str, transport: AiohttpTransport
) -> Workers:
    """A worker's fleet in this process, for as long as its block."""

    @asynccontextmanager
    async def run(owner: str) -> AsyncIterator[Fleet]:
        fleet, stop = Fleet(quiet_runtime, transport, owner), asyncio.Event()
        task = asyncio.create_task(fleet.run(quiet_database_url, stop))
        try:
            yield fleet
            assert not task.done(), "the worker has ended"
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE):
                await task

    return run


async def start(number: Number, run_id: RunId) -> None:
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await wake_run(tx, run_id, clock.now())


async def test_what_is_woken_is_driven_and_given_back(
    quiet_number: Number, working: Workers, simulator: Simulator
) -> None:
    run_id = await quiet_number.run(20)
    async with working("one") as fleet:
        await start(quiet_number, run_id)
        await quiet_number.completed(run_id)
        await asyncio.gather(*fleet._tasks)
    (row,) = await quiet_number.rows("SELECT owner, due_at FROM drive")
    assert (row["owner"], row["due_at"]) == (None, None)
    assert (await simulator.stats(quiet_number.number))["duplicates"] == 0


async def test_a_channel_whose_driver_failed_is_driven_again_by_the_same_worker(
    quiet_number: Number, working: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "AFTER_FAILURE_SECONDS", 0.3)
    run_id = await quiet_number.run(3)
    (channel,) = await quiet_number.rows("SELECT secrets FROM channel")
    await quiet_number.execute("UPDATE channel SET secrets = 'sealed with another key'")
    async with working("one"):
        await start(quiet_number, run_id)

        async def tried_again() -> bool:
            return bool(await quiet_number.rows("SELECT FROM drive WHERE token > 1"))

        await until(tried_again)
        await quiet_number.execute("UPDATE channel SET secrets = %(s)s", s=channel["secrets"])
        await quiet_number.completed(run_id)


async def test_a_channel_that_fails_for_ever_keeps_no_other_waiting(
    quiet_number: Number, working: Workers, quiet_runtime: Runtime
) -> None:
    broken = await factories.bare_channel(quiet_runtime, quiet_number.workspace_id)
    await quiet_number.execute("UPDATE channel SET secrets = 'x' WHERE id = %(id)s", id=broken)
    run_id = await quiet_number.run(3)
    async with working("one"):
        async with quiet_runtime.db.workspace(quiet_number.workspace_id) as tx:
            await wake(tx, [broken, quiet_number.channel_id], clock.now())
        await quiet_number.completed(run_id)


async def test_a_worker_outlives_errors_of_the_database_of_any_kind(
    quiet_number: Number, working: Workers, quiet_database_url: str
) -> None:
    with psycopg.connect(quiet_database_url, autocommit=True) as superuser:
        async with working("one"):
            superuser.execute("ALTER TABLE drive RENAME TO moved")
            await asyncio.sleep(0.5)  # it looks for work, and finds that there is no such table
            superuser.execute("ALTER TABLE moved RENAME TO drive")
            run_id = await quiet_number.run(3)
            await start(quiet_number, run_id)
            await quiet_number.completed(run_id)


async def test_a_worker_that_stops_gives_back_what_it_has_just_leased(
    quiet_number: Number,
    quiet_runtime: Runtime,
    transport: AiohttpTransport,
    quiet_database_url: str,
) -> None:
    await quiet_number.run(5_000)
    async with quiet_runtime.db.workspace(quiet_number.workspace_id) as tx:
        await wake(tx, [quiet_number.channel_id], clock.now())
    fleet, stop = Fleet(quiet_runtime, transport, "one"), asyncio.Event()
    leased = fleet._leases.take

    async def stop_meanwhile(most: int) -> object:
        found = await leased(most)
        stop.set()
        return found

    fleet._leases.take = stop_meanwhile  # type: ignore[method-assign, assignment]
    async with asyncio.timeout(PATIENCE):
        await fleet.run(quiet_database_url, stop)
    (row,) = await quiet_number.rows("SELECT owner FROM drive")
    assert row["owner"] is None


async def test_two_workers_share_the_channels_and_send_nothing_twice(
    quiet_number: Number, working: Workers, simulator: Simulator
) -> None:
    run_id = await quiet_number.run(60)
    async with working("one"), working("two"):
        await start(quiet_number, run_id)
        await quiet_number.completed(run_id)
    stats = await simulator.stats(quiet_number.number)
    assert (stats["accepted"], stats["duplicates"]) == (60, 0)


async def test_runs_on_one_channel_move_on_together(
    quiet_number: Number, working: Workers, simulator: Simulator
) -> None:
    """A large run does not keep a small one waiting for its end."""
    large, small = await quiet_number.run(800), await quiet_number.run(20)
    async with working("one"):
        await start(quiet_number, large)
        await quiet_number.completed(small)
        row = await quiet_number.run_row(large)
        assert row["status"] == "running"
        assert row["pending"] > 200
    log = await simulator.log(quiet_number.number)
    theirs = {str(row["id"]) for row in await quiet_number.deliveries(small)}
    places = [at for at, row in enumerate(log) if row["reference"].split(".")[0] in theirs]
    assert max(places) < 120


async def sweep(number: Number) -> None:
    """Find what has been lying idle for long; here that means: at once."""
    await number.execute("UPDATE run SET changed_at = now() - interval '1 hour'")
    await sweep_runs(number.runtime)


async def test_the_sweeper_wakes_what_nobody_woke(quiet_number: Number) -> None:
    await quiet_number.run(3)
    await sweep(quiet_number)
    (row,) = await quiet_number.rows("SELECT channel_id, due_at FROM drive")
    assert row["channel_id"] == ChannelId(quiet_number.channel_id)
    assert row["due_at"] <= clock.now()


async def test_the_sweeper_completes_what_is_done(quiet_number: Number) -> None:
    run_id = await quiet_number.run(3)
    await quiet_number.execute("UPDATE delivery SET status = 'sent'")
    await sweep(quiet_number)
    assert (await quiet_number.run_row(run_id))["status"] == "completed"


@pytest.mark.parametrize("status", ["paused", "cancelled"])
async def test_the_sweeper_wakes_a_channel_whose_worker_died_while_sending(
    quiet_number: Number, status: str
) -> None:
    await quiet_number.run(3, status=status)
    await quiet_number.execute("UPDATE delivery SET status = 'sending'")
    await sweep(quiet_number)
    assert await quiet_number.rows("SELECT FROM drive WHERE due_at <= now()")


async def test_the_sweeper_has_the_rest_of_a_cancelled_run_cancelled(
    quiet_number: Number, quiet_runtime: Runtime
) -> None:
    run_id = await quiet_number.run(3, status="cancelled")
    await sweep(quiet_number)
    async with quiet_runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        jobs = await tx.all(
            "SELECT args FROM procrastinate_jobs WHERE queueing_lock = %(lock)s",
            lock=f"cancel {run_id}",
        )
    assert [job["args"]["run_id"] for job in jobs] == [run_id]


async def test_the_sweeper_leaves_a_paused_run_alone(quiet_number: Number) -> None:
    await quiet_number.run(3, status="paused")
    await sweep(quiet_number)
    assert await quiet_number.rows("SELECT FROM drive") == []


@pytest.fixture
def usual_leases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leases as long as they are where nobody tests."""
    monkeypatch.delenv("RECADO_LEASE_SECONDS")
    settings.sending.cache_clear()
    yield
    monkeypatch.undo()
    settings.sending.cache_clear()


@pytest.mark.serial  # on a busy machine it takes longer, and time costs statements too
async def test_batches_keep_the_statements_for_a_message_under_a_tenth(
    quiet_number: Number, usual_leases: None, working: Workers, quiet_database_url: str
) -> None:
    messages, per_second = 1_000, 160
    await quiet_number.execute(
        """UPDATE channel SET pacing = '{"preset": "cloud", "perSecond": 160}'"""
    )
    run_id = await quiet_number.run(messages)
    with psycopg.connect(quiet_database_url, autocommit=True) as superuser:
        superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        superuser.execute("SELECT pg_stat_statements_reset()")
        async with working("one") as fleet:
            await start(quiet_number, run_id)
            await asyncio.sleep(
                messages / per_second
            )  # asking whether it is done would count as well
            await asyncio.gather(*fleet._tasks)
        rows = superuser.execute(
            "SELECT calls, left(query, 100) FROM pg_stat_statements s"
            " JOIN pg_roles r ON r.oid = s.userid"
            " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND r.rolname LIKE 'recado_%' AND query !~* '^(BEGIN|COMMIT|SELECT set_config)'"
            " ORDER BY calls DESC"
        ).fetchall()
    assert (await quiet_number.run_row(run_id))["status"] == "completed"
    statements = sum(calls for calls, _ in rows)
    assert 0 < statements < messages / 10, rows


async def test_a_database_that_redis_is_ahead_of_is_driven_all_the_same(
    quiet_number: Number, working: Workers
) -> None:
    """It was restored from a backup, or it is a new one beside an old Redis."""
    run_id = await quiet_number.run(3)
    ahead = ChannelLimiter(
        quiet_number.runtime.redis, quiet_number.workspace_id, quiet_number.channel_id, 5_000
    )
    await ahead.take([])
    async with working("one"):
        await start(quiet_number, run_id)
        await quiet_number.completed(run_id)
    (row,) = await quiet_number.rows("SELECT token FROM drive")
    assert row["token"] > 5_000
