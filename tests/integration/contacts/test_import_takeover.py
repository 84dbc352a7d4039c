"""Imports whose workers die, come twice or meet another import, on a real PostgreSQL."""

import asyncio
import sys
from typing import Any

import pytest
from tests.integration.contacts.files import Store, everyone, figures, rows, state

from recado.domain.ids import WorkspaceId
from recado.features.contacts.importing import service, work
from recado.features.contacts.importing.errors import ImportInterrupted
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime


class _Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


@pytest.mark.parametrize(
    "death",
    [
        ("note_read", 1),
        ("note_read", 2),
        ("merge_staged", 1),
        ("merge_staged", 2),
        ("note_merged", 1),
        ("note_merged", 2),
        ("finish", 1),
    ],
)
async def test_an_import_killed_at_any_point_is_taken_up_without_counting_twice(
    runtime: Runtime,
    workspace: WorkspaceId,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    death: tuple[str, int],
) -> None:
    statement, nth = death
    import_id = await store(rows(10) + "\nRuim,123\n" + "Pessoa 0 de novo,31980000000\n")
    calls = 0
    run_statement = Transaction.run

    async def dying(self: Transaction, sql: Any, **values: Any) -> int:
        nonlocal calls
        touched = await run_statement(self, sql, **values)
        if sql == work.SQL[statement]:
            calls += 1
            if calls == nth:
                raise _Killed
        return touched

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "run", dying)
        with pytest.raises(_Killed):
            await work.run(runtime.db, workspace, import_id, people_at_once=3)
    await work.run(runtime.db, workspace, import_id, people_at_once=4)
    done = await state(runtime, workspace, import_id)
    assert (done.status, figures(done)) == ("completed", (12, 10, 1, 0, 1))
    assert len(await everyone(runtime, workspace)) == 10
    async with runtime.db.workspace(workspace) as tx:
        assert len(await service.errors(tx, import_id, after=0, limit=10)) == 1


_WORKER = """
import asyncio, sys
from recado.domain.ids import ImportId, WorkspaceId
from recado.features.contacts.importing import work
from recado.platform.postgres import Database

url, workspace, import_id = sys.argv[1], WorkspaceId(int(sys.argv[2])), ImportId(int(sys.argv[3]))
asyncio.run(work.run(Database(url), workspace, import_id, people_at_once=50))
"""


async def test_an_import_whose_worker_is_killed_by_the_system_is_taken_up(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    import_id = await store(rows(10_000) + "\nRuim,123\n")
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WORKER, runtime.db.url, str(workspace), str(import_id)
    )
    while not (await state(runtime, workspace, import_id)).created:
        assert worker.returncode is None
    worker.kill()
    await worker.wait()
    left = await state(runtime, workspace, import_id)
    assert (left.status, left.total) == ("running", 10_001)
    assert 0 < left.created < 10_000
    await work.run(runtime.db, workspace, import_id)
    done = await state(runtime, workspace, import_id)
    assert (done.status, figures(done)) == ("completed", (10_001, 10_000, 0, 0, 1))
    assert len(await everyone(runtime, workspace)) == 10_000


async def test_two_workers_on_one_import_count_each_row_once(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    import_id = await store(rows(200))
    await asyncio.gather(
        *(work.run(runtime.db, workspace, import_id, people_at_once=7) for _ in range(3))
    )
    done = await state(runtime, workspace, import_id)
    assert (done.status, figures(done)) == ("completed", (200, 200, 0, 0, 0))


async def test_two_imports_of_the_same_people_in_opposite_order_do_not_block_each_other(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    header, *lines = rows(600).split("\n")
    one = await store("\n".join([header, *lines]), list_name="Moradores")
    other = await store("\n".join([header, *reversed(lines)]), list_name="Moradores")
    await asyncio.gather(
        *(work.run(runtime.db, workspace, each, people_at_once=50) for each in (one, other))
    )
    first = await state(runtime, workspace, one)
    second = await state(runtime, workspace, other)
    assert first.created + second.created == 600
    assert first.total == second.total == 600
    assert first.skipped + second.skipped == 600
    assert len(await everyone(runtime, workspace)) == 600


async def test_a_worker_of_the_queue_does_the_import(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    import_id = await store(rows(20))
    async with runtime.queue.app.open_async():
        await runtime.queue.app.run_worker_async(
            queues=["imports"], wait=False, install_signal_handlers=False
        )
    assert figures(await state(runtime, workspace, import_id)) == (20, 20, 0, 0, 0)


async def test_an_import_without_a_job_is_given_up(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    worked, lost = await store(rows(5)), await store(rows(5))
    async with runtime.db.system() as tx:
        async with tx.taking("recado_jobs", schema="procrastinate"):
            await tx.run(
                "UPDATE procrastinate_jobs SET status = 'failed'"
                " WHERE args ->> 'import_id' = %(lost)s",
                lost=str(lost),
            )
        await service.abandon_unworked(tx)
    assert (await state(runtime, workspace, worked)).status == "pending"
    given_up = await state(runtime, workspace, lost)
    assert (given_up.status, given_up.error_code) == ("failed", ImportInterrupted.code)
