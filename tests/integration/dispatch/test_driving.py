"""One channel driven by one driver, through everything that may go wrong around it."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from tests.integration.dispatch.driving import Number, Simulator, until
from tests.integration.dispatch.transports import Answering, FarAway, Unlucky

from recado.features.dispatch import driver as driver_module
from recado.features.dispatch import takeover, turnstile
from recado.features.gates import service as gates
from recado.platform.redis import key
from recado.providers.base import HttpAnswer, HttpRequest


@pytest.fixture(autouse=True)
async def nothing_is_left_behind(number: Number) -> AsyncIterator[None]:
    """Whatever happened: no slot is taken for ever, nothing is claimed by nobody."""
    yield
    flight = key(number.workspace_id, "channel", number.channel_id, "flight")
    assert await number.runtime.redis.zrange(flight, 0, -1) == []
    assert not await number.rows("SELECT id FROM delivery WHERE status = 'sending'")


async def test_every_contact_gets_its_message_once(number: Number, simulator: Simulator) -> None:
    run_id = await number.run(300)
    assert await number.driver().drive() is None
    stats = await simulator.stats(number.number)
    assert (stats["accepted"], stats["duplicates"]) == (300, 0)
    run = await number.run_row(run_id)
    assert (run["pending"], run["sending"], run["status"]) == (0, 0, "completed")
    assert run["sent"] + run["delivered"] + run["read"] == 300


async def test_grants_that_die_in_the_middle_of_others_send_nothing_twice(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(250)
    network = Unlucky(number.transport, rate=0.3)
    assert await number.driver(transport=network).drive() is None
    stats = await simulator.stats(number.number)
    assert (stats["accepted"], stats["duplicates"]) == (250, 0)
    assert network.died > 20
    assert (await number.run_row(run_id))["status"] == "completed"


async def test_connections_slower_than_a_grant_cost_no_turn(
    number: Number, simulator: Simulator
) -> None:
    """Else a channel whose pause is longer than its connections live would never send."""
    await number.run(3, pacing={"messageInterval": 1})
    network = FarAway(number.transport, idle_seconds=0.5)
    async with asyncio.timeout(20):
        await number.driver(transport=network).drive()
    assert network.opened >= 2
    times = [row["at"] for row in await simulator.log(number.number)]
    assert len(times) == 3
    assert all(0.9 < later - earlier < 2.5 for earlier, later in itertools.pairwise(times))


async def test_what_has_waited_too_long_for_its_turn_goes_back(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "LONGEST_TURN_SECONDS", 0.2)
    monkeypatch.setattr(driver_module, "IDLE_WAIT", 0.05)
    run_id = await number.run(3, pacing={"inFlight": 1})
    answered = asyncio.Event()

    async def slow(_: HttpRequest) -> HttpAnswer:
        await answered.wait()
        return HttpAnswer(200, {}, b'{"messages": [{"id": "wamid.1"}]}')

    driving = asyncio.create_task(number.driver(transport=Answering(slow)).drive())

    async def two_wait_again() -> bool:
        rows = await number.deliveries(run_id)
        back = [row for row in rows if row["status"] == "pending" and row["claims"] == 1]
        return len(back) == 2 and {row["attempts"] for row in back} == {0}

    try:
        await until(two_wait_again, "the claims' return")
    finally:
        answered.set()
    assert await driving is None
    assert await number.statuses(run_id) == {"sent": 3}


async def test_a_run_ends_at_once_though_its_last_message_cannot_be_written(
    number: Number,
) -> None:
    run_id = await number.run(2, text="{nome}")
    await number.execute("UPDATE contact SET name = ''")
    assert await number.driver().drive() is None
    rows = await number.deliveries(run_id)
    assert [(row["status"], row["error_code"]) for row in rows] == [("failed", "empty_text")] * 2
    assert (await number.run_row(run_id))["status"] == "completed"


async def test_a_text_that_comes_out_too_long_fails_alone(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(2, text="Olá {nome}")
    contacts = await number.rows("SELECT min(id) AS id FROM contact")
    await number.execute(
        "UPDATE contact SET name = repeat('a', 5000) WHERE id = %(id)s", id=contacts[0]["id"]
    )
    await number.driver().drive()
    rows = await number.deliveries(run_id)
    assert [row["error_code"] for row in rows] == ["text_too_long", None]
    assert (await simulator.stats(number.number))["accepted"] == 1


async def test_a_text_of_its_own_that_makes_no_sense_fails_alone(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(3)
    first = (await number.deliveries(run_id))[0]["id"]
    await number.execute("UPDATE delivery SET text = 'Olá {nome' WHERE id = %(id)s", id=first)
    async with asyncio.timeout(20):
        await number.driver().drive()
    rows = await number.deliveries(run_id)
    assert [row["error_code"] for row in rows] == ["bad_text", None, None]


async def test_an_answer_with_words_that_no_database_takes_is_recorded_all_the_same(
    number: Number,
) -> None:
    async def answer(request: HttpRequest) -> HttpAnswer:
        body = b'{"messages": [{"id": "wamid.\\u0000' + b"x" * 9000 + b'"}]}'
        return HttpAnswer(200, {}, body)

    run_id = await number.run(3)
    async with asyncio.timeout(20):
        await number.driver(transport=Answering(answer)).drive()
    assert await number.statuses(run_id) == {"sent": 3}


async def test_an_opt_out_by_a_contact_that_is_gone_stops_nothing(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(40)
    first = (await number.deliveries(run_id))[0]
    to = {"to": first["phone"]}
    await simulator.faults(
        {"fault": {"kind": "latency", "ms": 700}, "match": to},
        {"fault": {"kind": "error", "code": 131050}, "match": to},
    )
    driving = asyncio.create_task(number.driver().drive())
    await asyncio.sleep(1.4)  # its request is on the wire, behind the pause of a new channel
    await number.execute("DELETE FROM contact WHERE id = %(id)s", id=first["contact_id"])
    async with asyncio.timeout(20):
        await driving
    assert (await number.run_row(run_id))["status"] == "completed"


async def test_a_contact_without_a_reason_to_be_shut_out_is_written_to(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(20)
    contact = (await number.deliveries(run_id))[0]["contact_id"]
    await gates.close_contacts(number.runtime.redis, number.workspace_id, [contact], "opted_out")
    async with asyncio.timeout(20):
        await number.driver().drive()
    assert (await simulator.stats(number.number))["accepted"] == 20


async def test_a_saved_pace_holds_for_the_very_next_message(
    number: Number, simulator: Simulator
) -> None:
    await number.run(200)
    driver = number.driver()
    driving = asyncio.create_task(driver.drive())
    await simulator.saw(number.number, 20)
    await number.execute(
        """UPDATE channel SET pacing = pacing || '{"messageInterval": 60}' WHERE id = %(id)s""",
        id=number.channel_id,
    )
    driver.notice()
    before = (await simulator.stats(number.number))["requests"]
    async with asyncio.timeout(20):
        assert (await driving or 0) > 30  # given back until the next message is due
    # What was let pass while the change was read: a tenth of a second's worth.
    assert (await simulator.stats(number.number))["requests"] <= before + 16
    await number.execute("UPDATE run SET status = 'cancelled'")


async def test_a_change_whose_notification_was_lost_is_seen_soon(
    number: Number, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "PLAN_SECONDS", 0.2)
    await number.run(120)
    driving = asyncio.create_task(number.driver().drive())
    await simulator.saw(number.number, 5)
    late = await number.run(5)
    async with asyncio.timeout(20):
        await driving
    assert (await number.run_row(late))["status"] == "completed"
    log = await simulator.log(number.number)
    theirs = {str(row["id"]) for row in await number.deliveries(late)}
    places = [at for at, row in enumerate(log) if row["reference"].split(".")[0] in theirs]
    assert max(places) < 110  # among the others, not after them


async def test_two_drivers_on_one_channel_send_nothing_twice(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(250)
    drivers = [number.driver() for _ in range(2)]  # both believe that it is theirs
    first = asyncio.create_task(drivers[0].drive())
    await asyncio.sleep(2)
    second = asyncio.create_task(drivers[1].drive())
    async with asyncio.timeout(40):
        await asyncio.gather(first, second)
    stats = await simulator.stats(number.number)
    assert stats["duplicates"] == 0
    counts = await number.statuses(run_id)
    unknown = counts.pop("unknown", 0)
    assert stats["distinct"] >= sum(counts.values())
    assert sum(counts.values()) + unknown == 250
    assert unknown <= 64


async def test_claims_made_after_a_channel_was_lost_are_found(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(30)
    late = number.ledger()  # of a worker that is stopped for a while
    await late.take()
    plan = await late.plan()
    driving = asyncio.create_task(number.driver().drive())
    await simulator.saw(number.number, 1)
    stray = await late.claim(plan, 5)
    async with asyncio.timeout(20):
        await driving
    counts = await number.statuses(run_id)
    assert sum(counts.values()) == 30
    assert counts["unknown"] <= len(stray)
    assert (await number.run_row(run_id))["status"] == "completed"


async def test_what_an_earlier_driver_surely_did_not_send_is_sent(
    number: Number, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if PostgreSQL goes away after the earlier lease was revoked in Redis."""
    run_id = await number.run(30)
    dead = number.ledger()
    await dead.take()
    assert len(await dead.claim(await dead.plan(), 10)) == 10
    driver = number.driver()

    async def away(*_: object, **__: object) -> None:
        raise OSError("PostgreSQL is away")

    with monkeypatch.context() as patch:
        patch.setattr(takeover, "left_behind", away)
        with pytest.raises(OSError, match="away"):
            await driver._step()
    async with asyncio.timeout(20):
        await driver.drive()
    assert (await simulator.stats(number.number))["accepted"] == 30
    assert "unknown" not in await number.statuses(run_id)
