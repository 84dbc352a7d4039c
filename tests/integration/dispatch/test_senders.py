"""A campaign with several numbers: who sends what."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from tests.integration.dispatch.driving import Number, Simulator, until

from recado.domain.ids import RunId
from recado.features.dispatch import failover

NewNumber = Callable[..., Awaitable[Number]]


@pytest.fixture
async def numbers(number: Number, new_number: NewNumber) -> list[Number]:
    """Three numbers of one workspace and of one pace."""
    made = [number, await new_number(), await new_number()]
    await number.execute("""UPDATE channel SET pacing = pacing || '{"perSecond": 30}'""")
    return made


async def shares(simulator: Simulator, numbers: list[Number]) -> list[int]:
    stats = [await simulator.stats(one.number) for one in numbers]
    assert sum(one["duplicates"] for one in stats) == 0
    return [one["accepted"] for one in stats]


async def bind(number: Number, run_id: RunId, place: int, sender: Number) -> None:
    """Every third delivery of a run may be sent by one number only."""
    await number.execute(
        "UPDATE delivery SET sender_id = %(sender)s WHERE run_id = %(run)s AND id %% 3 = %(place)s",
        sender=sender.channel_id,
        run=run_id,
        place=place,
    )


async def test_numbers_of_one_pace_share_a_campaign_equally(
    numbers: list[Number], simulator: Simulator
) -> None:
    run_id = await numbers[0].run(180, channels=[one.channel_id for one in numbers[1:]])
    async with asyncio.timeout(60):
        await asyncio.gather(*(one.driver().drive() for one in numbers))
    found = await shares(simulator, numbers)
    assert sum(found) == 180
    assert all(40 <= share <= 80 for share in found), found
    assert (await numbers[0].run_row(run_id))["status"] == "completed"


async def test_what_is_bound_to_a_number_leaves_through_that_one_alone(
    numbers: list[Number], simulator: Simulator
) -> None:
    one, other, _ = numbers
    run_id = await one.run(30, channels=[other.channel_id])
    await bind(one, run_id, 0, one)
    await bind(one, run_id, 1, other)
    async with asyncio.timeout(60):
        # It rests, though ten still wait: they are none of its business.
        assert await one.driver().drive() is None
        assert await shares(simulator, [one, other]) == [20, 0]
        assert await other.driver().drive() is None
    assert await shares(simulator, [one, other]) == [20, 10]
    assert (await one.run_row(run_id))["status"] == "completed"


async def test_a_number_takes_what_is_its_own_and_what_is_anybodys_alike(number: Number) -> None:
    run_id = await number.run(30)
    await bind(number, run_id, 0, number)
    ledger = number.ledger()
    await ledger.take()
    claimed = await ledger.claim(await ledger.plan(), 10)
    taken = {one.reference.delivery_id for one in claimed}
    rows = await number.deliveries(run_id)
    assert Counter(row["sender_id"] == number.channel_id for row in rows if row["id"] in taken) == {
        True: 5,
        False: 5,
    }


async def dealt(numbers: list[Number], count: int = 30, *, fail_over: bool = True) -> RunId:
    """A run whose deliveries are bound to three numbers in equal parts."""
    one, *others = numbers
    run_id = await one.run(count, channels=[other.channel_id for other in others])
    for place, sender in enumerate(numbers):
        await bind(one, run_id, place, sender)
    await one.execute("UPDATE campaign SET fail_over = %(may)s", may=fail_over)
    return run_id


async def bound(number: Number, run_id: RunId) -> Counter[int]:
    """How many deliveries of a run each number has, by its id; 0: any number."""
    return Counter(row["sender_id"] for row in await number.deliveries(run_id))


HOW_ONE_DROPS_OUT = [
    "UPDATE channel SET paused_reason = '190: expired' WHERE id = %(id)s",
    "UPDATE channel SET status = 'disconnected' WHERE id = %(id)s",
    "UPDATE channel SET status = 'blocked' WHERE id = %(id)s",
    "UPDATE channel SET deleted_at = now() WHERE id = %(id)s",
    "DELETE FROM campaign_channel WHERE channel_id = %(id)s",
]
PAUSED, *_, DELETED, LEFT = HOW_ONE_DROPS_OUT


@pytest.mark.parametrize("how", HOW_ONE_DROPS_OUT)
async def test_for_a_number_that_has_dropped_out_the_others_step_in(
    how: str, numbers: list[Number]
) -> None:
    one, two, three = numbers
    run_id = await dealt(numbers)
    await one.execute(how, id=one.channel_id)
    await failover.set_free(one.runtime, one.workspace_id)
    assert await bound(one, run_id) == {0: 10, two.channel_id: 10, three.channel_id: 10}
    ledger = two.ledger()
    await ledger.take()
    plan = await ledger.plan()
    assert len(await ledger.claim(plan, 50)) == 20


@pytest.mark.parametrize(("how", "waits"), [(PAUSED, True), (DELETED, False), (LEFT, False)])
async def test_what_has_begun_waits_for_its_number_while_that_may_come_back(
    how: str, waits: bool, numbers: list[Number]
) -> None:
    run_id = await dealt(numbers, 3)
    one = numbers[0]
    await one.execute("UPDATE delivery SET parts = 2, next_part = 2, lane = 2")
    await one.execute(how, id=one.channel_id)
    await failover.set_free(one.runtime, one.workspace_id)
    assert (await bound(one, run_id))[one.channel_id if waits else 0] == 1
    ledger = numbers[1].ledger()
    await ledger.take()
    plan = await ledger.plan()
    assert len(await ledger.claim(plan, 50)) == (1 if waits else 2)


async def test_where_no_number_may_step_in_each_delivery_waits_for_its_own(
    numbers: list[Number],
) -> None:
    run_id = await dealt(numbers, fail_over=False)
    await numbers[0].execute(PAUSED, id=numbers[0].channel_id)
    assert await failover.set_free(numbers[0].runtime, numbers[0].workspace_id) == 0
    assert await bound(numbers[0], run_id) == {one.channel_id: 10 for one in numbers}


async def test_where_no_number_is_left_to_step_in_nothing_changes(numbers: list[Number]) -> None:
    run_id = await dealt(numbers)
    for one in numbers:
        await one.execute(PAUSED, id=one.channel_id)
    assert await failover.set_free(numbers[0].runtime, numbers[0].workspace_id) == 0
    assert 0 not in await bound(numbers[0], run_id)


async def test_a_number_whose_token_has_expired_is_stepped_in_for_at_once(
    numbers: list[Number], simulator: Simulator
) -> None:
    one, two, three = numbers
    run_id = await dealt(numbers, 60)
    await simulator.faults(
        {"fault": {"kind": "error", "code": 190}, "match": {"channel": one.number}, "count": 1}
    )

    async def freed() -> bool:
        """By whoever has the job: a worker process, if there is one, or this test."""
        await failover.set_free(one.runtime, one.workspace_id)
        return not any(
            row["sender_id"] == one.channel_id and row["status"] == "pending"
            for row in await one.deliveries(run_id)
        )

    async with asyncio.timeout(60):
        await one.driver().drive()
        await until(freed, "the others' turn")
        # Being woken, they may be a worker process's by now.
        await asyncio.gather(two.driver().drive(), three.driver().drive())
    await one.completed(run_id)
    assert sum(await shares(simulator, numbers)) == 60
