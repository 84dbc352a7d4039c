"""One channel driven by one driver."""

from tests.integration.dispatch.driving import Number, Simulator


async def test_every_contact_gets_its_message_once(number: Number, simulator: Simulator) -> None:
    run_id = await number.run(300)
    assert await number.driver().drive() is None
    stats = await simulator.stats(number.number)
    assert (stats["accepted"], stats["duplicates"]) == (300, 0)
    run = await number.run_row(run_id)
    assert (run["pending"], run["sending"], run["status"]) == (0, 0, "completed")
    assert run["sent"] + run["delivered"] + run["read"] == 300
