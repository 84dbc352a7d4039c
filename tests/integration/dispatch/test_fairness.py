"""Nobody starves: runs on one number, first sends and retries, workspaces on one worker."""

import asyncio
from collections import Counter

from tests import factories
from tests.integration.dispatch.driving import Number, Simulator

from recado.domain.ids import RunId, WorkspaceId
from recado.features.dispatch.leases import Lease, Leases
from recado.platform.runtime import Runtime

SMALL = 20


async def giant(number: Number, count: int) -> RunId:
    """A run with so many deliveries that wait, made faster than others."""
    run_id = await number.run(1)
    await number.execute(
        "WITH person AS (INSERT INTO contact (workspace_id, name, phone, phone_key)"
        " SELECT %(workspace_id)s, 'Pessoa', '+' || n, n"
        " FROM generate_series(5511900000001, 5511900000000 + %(count)s) AS n"
        " RETURNING workspace_id, id, phone, phone_key)"
        " INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
        " SELECT workspace_id, %(run)s, id, phone, phone_key, 'pending' FROM person",
        workspace_id=number.workspace_id,
        count=count,
        run=run_id,
    )
    await number.execute("SELECT refresh_delivery_statistics()")
    return run_id


async def run_of_each(number: Number, simulator: Simulator) -> list[RunId]:
    """The run of every message that was accepted, in their order."""
    rows = await number.rows("SELECT id, run_id FROM delivery WHERE status <> 'pending'")
    runs = {str(row["id"]): RunId(row["run_id"]) for row in rows}
    return [runs[row["reference"].split(".")[0]] for row in await simulator.log(number.number)]


async def test_ten_small_campaigns_beside_a_giant_end_as_if_there_were_ten_more_of_them(
    number: Number, simulator: Simulator
) -> None:
    big = await giant(number, 10_000)
    small = [await number.run(SMALL) for _ in range(10)]
    driver = number.driver()
    driving = asyncio.create_task(driver.drive())
    await number.completed(*small)
    driver.stop()
    await driving
    order = await run_of_each(number, simulator)
    # Those of a moment overtake each other on their way.
    for upto in range(44, 11 * SMALL, 22):
        counts = Counter(order[:upto])
        assert all(abs(counts[run] - upto / 11) <= 8 for run in [big, *small]), (upto, counts)
    last = max(at for at, run in enumerate(order) if run != big)
    assert last < 11 * SMALL + 64
    assert (await number.run_row(big))["pending"] > 9_000


async def test_where_one_leaves_at_a_time_every_run_has_its_turn(number: Number) -> None:
    """However slow a number, and whoever drives it: the giant is not the first each time."""
    runs = [await number.run(40), *[await number.run(4) for _ in range(4)]]
    lease, turns = number.lease(), []
    for _ in range(15):
        ledger = number.ledger(lease)
        await ledger.take()
        (claim,) = await ledger.claim(await ledger.plan(), 1)
        turns.append(claim.run_id)
        await ledger.release([claim.reference])
        lease = Lease(lease.workspace_id, lease.channel_id, lease.token + 1, ledger.rota.last_run)
    assert turns == runs * 3


async def test_the_worker_after_this_one_knows_whose_turn_it_is(quiet_number: Number) -> None:
    run_id = await quiet_number.run(1)
    workers = Leases(quiet_number.runtime.db, "one", 30)
    await quiet_number.execute(
        "INSERT INTO drive (workspace_id, channel_id, due_at)"
        " SELECT workspace_id, id, now() FROM channel"
    )
    (lease,) = await workers.take(10)
    await workers.give_back(lease, 0, run_id)
    (again,) = await workers.take(10)
    assert again.last_run == run_id


async def test_retries_keep_no_first_send_waiting_nor_the_other_way_round(number: Number) -> None:
    run_id = await number.run(60)
    rows = await number.deliveries(run_id)
    await number.execute(
        "UPDATE delivery SET lane = 1, due_at = now() - interval '1 hour' WHERE id = ANY(%(ids)s)",
        ids=[row["id"] for row in rows[:30]],
    )
    ledger = number.ledger()
    await ledger.take()
    retries = {row["id"] for row in rows[:30]}
    claimed = await ledger.claim(await ledger.plan(), 20)
    assert sum(one.reference.delivery_id in retries for one in claimed) == 10


async def due_channels(runtime: Runtime, count: int) -> WorkspaceId:
    """A workspace with so many channels that have been due for long."""
    workspace = await factories.workspace(runtime)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "WITH made AS (INSERT INTO channel (workspace_id, name, provider, key, secrets)"
            " SELECT current_workspace_id(), n, 'simulator', n, '' FROM"
            " generate_series(1, %(count)s) AS n RETURNING id)"
            " INSERT INTO drive (workspace_id, channel_id, due_at) SELECT"
            " current_workspace_id(), id, now() - interval '1 hour' / (id %% 100 + 1) FROM made",
            count=count,
        )
    return workspace


async def test_a_workspace_with_one_channel_need_not_wait_for_one_with_hundreds(
    quiet_number: Number,
) -> None:
    runtime = quiet_number.runtime
    worker = Leases(runtime.db, "one", 30)
    many, one = await due_channels(runtime, 200), await due_channels(runtime, 1)
    taken = Counter(lease.workspace_id for lease in await worker.take(10))
    assert (taken[one], taken[many]) == (1, 9)


async def test_no_workspace_gets_all_places_of_a_worker(quiet_number: Number) -> None:
    runtime = quiet_number.runtime
    worker, places = Leases(runtime.db, "one", 30), 100
    many = await due_channels(runtime, 200)
    while taken := await worker.take(places):
        places -= len(taken)
    assert places == 10
    late = [await due_channels(runtime, 1) for _ in range(3)]
    assert {lease.workspace_id for lease in await worker.take(places)} == set(late)
    # Another worker takes the rest.
    others = Counter(lease.workspace_id for lease in await Leases(runtime.db, "two", 30).take(1000))
    assert others == {many: 110}


async def test_the_channels_of_a_dead_worker_are_taken_over_in_turns_too(
    quiet_number: Number,
) -> None:
    runtime = quiet_number.runtime
    many, one = await due_channels(runtime, 50), await due_channels(runtime, 1)
    dead = Leases(runtime.db, "dead", -1)
    assert len(await dead.take(1000)) == 51
    taken = Counter(lease.workspace_id for lease in await Leases(runtime.db, "one", 30).take(10))
    assert (taken[one], taken[many]) == (1, 9)
