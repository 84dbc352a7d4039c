"""A campaign with several numbers: who sends what."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from tests.integration.dispatch.driving import Number, Simulator

from recado.domain.ids import RunId

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
    async with asyncio.timeout(30):
        await asyncio.gather(*(one.driver().drive() for one in numbers))
    found = await shares(simulator, numbers)
    assert sum(found) == 180
    assert all(45 <= share <= 75 for share in found), found
    assert (await numbers[0].run_row(run_id))["status"] == "completed"


async def test_what_is_bound_to_a_number_leaves_through_that_one_alone(
    numbers: list[Number], simulator: Simulator
) -> None:
    one, other, _ = numbers
    run_id = await one.run(30, channels=[other.channel_id])
    await bind(one, run_id, 0, one)
    await bind(one, run_id, 1, other)
    async with asyncio.timeout(20):
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
