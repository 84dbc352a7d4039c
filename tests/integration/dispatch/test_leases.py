"""Who drives a channel: one worker at a time, never nobody for long."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests import factories
from tests.integration.dispatch.driving import Number

from recado.domain.ids import ChannelId
from recado.features.dispatch import leases as leases_module
from recado.features.dispatch.leases import Lease, Leases, wake, wake_run
from recado.platform import clock
from recado.platform.runtime import Runtime

SOON = timedelta(seconds=30)


def worker(number: Number, name: str = "one", seconds: float = 30) -> Leases:
    return Leases(number.runtime.db, name, seconds)


async def woken(number: Number, *, in_seconds: float = -1) -> None:
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        at = clock.now() + timedelta(seconds=in_seconds)
        await wake(tx, [number.channel_id], at)


async def drive_row(number: Number) -> dict[str, Any]:
    (row,) = await number.rows(
        "SELECT * FROM drive WHERE channel_id = %(id)s", id=number.channel_id
    )
    return row


async def expired(number: Number) -> None:
    await number.execute("UPDATE drive SET lease_until = now() - interval '1 second'")


async def test_a_due_channel_is_leased_once(quiet_number: Number) -> None:
    await woken(quiet_number)
    (lease,) = await worker(quiet_number).take(10)
    assert (lease.channel_id, lease.token) == (quiet_number.channel_id, 1)
    assert await worker(quiet_number, "two").take(10) == []


async def test_a_channel_is_not_leased_before_its_time(quiet_number: Number) -> None:
    await woken(quiet_number, in_seconds=3600)
    assert await worker(quiet_number).take(10) == []
    seconds = await worker(quiet_number).next_due()
    assert seconds is not None
    assert 3590 < seconds <= 3600


async def test_the_earliest_of_several_wakes_counts(quiet_number: Number) -> None:
    await woken(quiet_number, in_seconds=60)
    await woken(quiet_number, in_seconds=3600)
    seconds = await worker(quiet_number).next_due()
    assert seconds is not None
    assert seconds <= 60


async def test_a_lease_that_is_not_renewed_is_taken_over(quiet_number: Number) -> None:
    await woken(quiet_number)
    (old,) = await worker(quiet_number, "dead").take(10)
    await expired(quiet_number)
    (new,) = await worker(quiet_number, "alive").take(10)
    assert new.token == old.token + 1
    assert await worker(quiet_number, "dead").renew([old]) == set()


async def test_only_what_is_being_driven_is_renewed(quiet_number: Number) -> None:
    """A lease whose driver has failed must run out, though its worker lives on."""
    await woken(quiet_number)
    one = worker(quiet_number)
    (lease,) = await one.take(10)
    await expired(quiet_number)
    assert await one.renew([]) == set()
    assert (await drive_row(quiet_number))["lease_until"] < clock.now()
    assert await one.renew([lease]) == {lease}
    assert (await drive_row(quiet_number))["lease_until"] > clock.now() + timedelta(seconds=20)


async def test_a_channel_that_is_given_back_keeps_the_time_of_its_next_message(
    quiet_number: Number,
) -> None:
    await woken(quiet_number)
    one = worker(quiet_number)
    (lease,) = await one.take(10)
    await one.give_back(lease, 120)
    row = await drive_row(quiet_number)
    assert row["owner"] is None
    assert timedelta(seconds=110) < row["due_at"] - clock.now() < timedelta(seconds=121)


async def test_a_wake_while_a_channel_is_driven_is_not_forgotten(quiet_number: Number) -> None:
    await woken(quiet_number)
    one = worker(quiet_number)
    (lease,) = await one.take(10)
    await woken(quiet_number)
    await one.give_back(lease, None)
    assert len(await one.take(10)) == 1


async def test_a_wake_while_a_channel_is_driven_keeps_no_worker_busy(quiet_number: Number) -> None:
    await woken(quiet_number)
    one = worker(quiet_number)
    await one.take(10)
    await woken(quiet_number)
    seconds = await one.next_due()
    assert seconds is not None
    assert seconds > 20  # nothing to do before the lease runs out


async def test_who_lost_a_channel_gives_nothing_back(quiet_number: Number) -> None:
    await woken(quiet_number)
    (old,) = await worker(quiet_number, "dead").take(10)
    await expired(quiet_number)
    await worker(quiet_number, "alive").take(10)
    await worker(quiet_number, "dead").give_back(old, None)
    assert (await drive_row(quiet_number))["owner"] == "alive"


async def test_a_channel_without_work_has_no_time(quiet_number: Number) -> None:
    await woken(quiet_number)
    one = worker(quiet_number)
    (lease,) = await one.take(10)
    await one.give_back(lease, None)
    assert await one.next_due() is None
    assert await one.take(10) == []


async def test_no_more_are_leased_than_asked_for(
    quiet_number: Number, quiet_runtime: Runtime
) -> None:
    channels = [
        await factories.bare_channel(quiet_runtime, quiet_number.workspace_id) for _ in range(5)
    ]
    async with quiet_runtime.db.workspace(quiet_number.workspace_id) as tx:
        await wake(tx, channels, clock.now() - SOON)
    one = worker(quiet_number)
    assert [len(await one.take(3)) for _ in range(3)] == [3, 2, 0]


async def test_workers_are_told_at_the_commit_and_not_before(
    quiet_number: Number, quiet_database_url: str
) -> None:
    async with await psycopg.AsyncConnection.connect(quiet_database_url, autocommit=True) as heard:
        await heard.execute(f"LISTEN {leases_module.NOTIFICATION}")
        async with quiet_number.runtime.db.workspace(quiet_number.workspace_id) as tx:
            await wake(tx, [quiet_number.channel_id], clock.now())
            assert [note async for note in heard.notifies(timeout=0.1)] == []
        (note,) = [n async for n in heard.notifies(timeout=5, stop_after=1)]
        assert note.payload == f"{quiet_number.workspace_id}:{quiet_number.channel_id}"


async def test_renewing_and_waking_many_channels_never_wait_for_each_other_in_a_circle(
    quiet_number: Number, quiet_runtime: Runtime
) -> None:
    channels = [
        await factories.bare_channel(quiet_runtime, quiet_number.workspace_id) for _ in range(30)
    ]
    run_id = await quiet_number.run(1, channels=channels)
    await woken(quiet_number)
    async with quiet_runtime.db.workspace(quiet_number.workspace_id) as tx:
        await wake(tx, channels, clock.now())
    one = worker(quiet_number)
    leased = await one.take(100)

    async def renewing() -> None:
        for round_ in range(40):
            order = leased if round_ % 2 else leased[::-1]
            assert len(await one.renew(order)) == len(leased)

    async def waking() -> None:
        for _ in range(40):
            async with quiet_runtime.db.workspace(quiet_number.workspace_id) as tx:
                await wake_run(tx, run_id, clock.now())

    async with asyncio.timeout(30):
        await asyncio.gather(renewing(), renewing(), waking(), waking())


def test_a_lease_is_known_by_its_token(quiet_number: Number) -> None:
    lease = Lease(quiet_number.workspace_id, ChannelId(1), 1)
    assert lease != Lease(quiet_number.workspace_id, ChannelId(1), 2)


@pytest.mark.parametrize("wakes", [1, 2])
async def test_waking_a_run_wakes_each_of_its_channels(
    quiet_number: Number, quiet_runtime: Runtime, wakes: int
) -> None:
    other = await factories.bare_channel(quiet_runtime, quiet_number.workspace_id)
    run_id = await quiet_number.run(1, channels=[other])
    for _ in range(wakes):
        async with quiet_runtime.db.workspace(quiet_number.workspace_id) as tx:
            await wake_run(tx, run_id, clock.now() - SOON)
    leased = {lease.channel_id for lease in await worker(quiet_number).take(10)}
    assert leased == {quiet_number.channel_id, other}
