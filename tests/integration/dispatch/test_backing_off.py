"""Pauses, breakers and what people are told, by what the simulator answers."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from psycopg.types.json import Jsonb
from tests.integration.dispatch.driving import Number, Simulator, until

from recado.domain.ids import RunId
from recado.features.dispatch import mood
from recado.features.dispatch.mood import OF_CHANNEL
from recado.platform import clock


def refusal(code: int, **more: Any) -> dict[str, Any]:
    return {"fault": {"kind": "error", "code": code}, **more}


async def drive(number: Number, *, request_timeout: float = 5.0) -> float | None:
    async with asyncio.timeout(30):
        return await number.driver(request_timeout=request_timeout).drive()


async def paced(number: Number, **pacing: Any) -> None:
    await number.execute(
        "UPDATE channel SET pacing = pacing || %(pacing)s WHERE id = %(id)s",
        pacing=Jsonb(pacing),
        id=number.channel_id,
    )


async def channel_row(number: Number) -> dict[str, Any]:
    (row,) = await number.rows("SELECT * FROM channel WHERE id = %(id)s", id=number.channel_id)
    return row


async def told(number: Number) -> list[tuple[str, int]]:
    rows = await number.rows("SELECT kind, times FROM notification ORDER BY id")
    return [(row["kind"], row["times"]) for row in rows]


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def breaker_cools(number: Number) -> None:
    """Let the time pass for which the breakers are open."""
    for key in (
        mood.channel_key(number.workspace_id, number.channel_id),
        mood.host_key("simulator"),
    ):
        for field in ("breaker.since", "since"):
            if await number.runtime.redis.hexists(key, field):
                await number.runtime.redis.hincrbyfloat(key, field, -OF_CHANNEL.open_for - 1)


async def test_errors_in_a_row_pause_the_channel_and_it_wakes_by_itself(
    number: Number, simulator: Simulator
) -> None:
    await paced(number, backoffErrorThreshold=3, backoffPauseMinutes=2)
    run_id = await number.run(20)
    pauses = counted("recado_pauses_total", what="backing_off")
    sends = counted("recado_sends_total", provider="simulator", result="unknown")
    await simulator.faults({"fault": {"kind": "drop"}})
    rest = await drive(number)
    assert rest is not None
    assert 100 < rest <= 120
    row = await channel_row(number)
    assert row["paused_reason"] == "errors_in_a_row"
    assert timedelta(seconds=100) < row["paused_until"] - clock.now() <= timedelta(minutes=2)
    # Five at once is what a channel starts with.
    assert (await simulator.stats(number.number))["requests"] <= 5
    counts = await number.statuses(run_id)
    assert counts["pending"] >= 15
    assert await told(number) == [("channel_backing_off", 1)]
    assert counted("recado_pauses_total", what="backing_off") == pauses + 1
    assert counted("recado_sends_total", provider="simulator", result="unknown") >= sends + 3
    await simulator.faults()
    await number.execute("UPDATE channel SET paused_until = now()")
    await breaker_cools(number)
    assert await drive(number) is None
    assert (await channel_row(number))["paused_reason"] is None
    assert (await number.run_row(run_id))["status"] == "completed"


async def test_what_a_breaker_holds_back_burns_no_attempt(
    number: Number, simulator: Simulator
) -> None:
    await paced(number, backoffErrorThreshold=None)
    run_id = await number.run(20)
    await simulator.faults({"fault": {"kind": "drop"}})
    rest = await drive(number)
    assert rest is not None
    assert OF_CHANNEL.open_for - 5 < rest <= OF_CHANNEL.open_for
    assert (await channel_row(number))["paused_reason"] is None
    # Those that were on the wire when the fifth failed have gone as well.
    tripped = (await simulator.stats(number.number))["requests"]
    assert 5 <= tripped < 10
    rows = await number.deliveries(run_id)
    assert sorted((row["status"], row["attempts"]) for row in rows) == (
        [("pending", 0)] * (20 - tripped) + [("unknown", 1)] * tripped
    )
    await simulator.faults()
    again = await drive(number)
    assert again is not None
    assert again > 20
    assert (await simulator.stats(number.number))["requests"] == tripped
    await breaker_cools(number)
    assert await drive(number) is None
    assert (await number.run_row(run_id))["unknown"] == tripped
    assert (await simulator.stats(number.number))["accepted"] == 20 - tripped


async def test_a_probe_that_fails_keeps_the_channel_back_for_twice_as_long(
    number: Number, simulator: Simulator
) -> None:
    await paced(number, backoffErrorThreshold=None)
    await number.run(20)
    await simulator.faults({"fault": {"kind": "drop"}})
    await drive(number)
    tripped = (await simulator.stats(number.number))["requests"]
    assert 5 <= tripped < 10  # those that were on the wire when the fifth failed, too
    await breaker_cools(number)
    rest = await drive(number)
    assert rest is not None
    assert OF_CHANNEL.open_for < rest <= 2 * OF_CHANNEL.open_for
    assert (await simulator.stats(number.number))["requests"] == tripped + 1


async def test_a_dead_token_is_told_once_until_somebody_has_read_it(
    number: Number, simulator: Simulator
) -> None:
    await number.run(50)
    await simulator.faults(refusal(190))
    for _ in range(2):
        await drive(number)
        await number.execute("UPDATE channel SET paused_until = NULL, paused_reason = NULL")
    assert await told(number) == [("channel_paused", 2)]
    await number.execute("UPDATE notification SET read_at = now()")
    await drive(number)
    assert await told(number) == [("channel_paused", 2), ("channel_paused", 1)]
    (row,) = await number.rows("SELECT params FROM notification WHERE read_at IS NULL")
    assert row["params"]["reason"].startswith("190")
    assert row["params"]["channel"].startswith("canal")


@pytest.mark.parametrize("code", [132001, 100])
async def test_requests_that_are_wrong_alike_pause_their_campaign_with_the_providers_code(
    number: Number, simulator: Simulator, code: int
) -> None:
    wrong, right = await number.run(40, text="errada"), await number.run(10, text="certa")
    await simulator.faults(refusal(code, match={"text_contains": "errada"}))
    await drive(number)
    assert await campaign(number, wrong) == ("paused", str(code))
    assert await campaign(number, right) == ("completed", "")
    assert dict(await told(number)) == {"campaign_paused": 1, "campaign_completed": 1}
    assert (await channel_row(number))["paused_reason"] is None
    left = await number.statuses(wrong)
    assert left["pending"] >= 40 - 16


async def campaign(number: Number, run_id: RunId) -> tuple[str, str]:
    (row,) = await number.rows(
        "SELECT status, paused_reason FROM campaign WHERE id = %(id)s",
        id=await number.campaign_of(run_id),
    )
    return row["status"], (row["paused_reason"] or "").partition(":")[0]


@pytest.mark.parametrize(("code", "paused"), [(131042, "channel"), (132015, "campaign")])
async def test_a_failure_by_callback_pauses_what_would_fail_alike(
    number: Number, simulator: Simulator, code: int, paused: str
) -> None:
    """The message was accepted, and failed a moment later."""
    run_id = await number.run(2, pacing={"perMinute": 1})
    await simulator.faults({"fault": {"kind": "async_error", "code": code, "ms": 10}})
    await drive(number)

    async def stopped() -> bool:
        reasons = {
            "channel": (await channel_row(number))["paused_reason"],
            "campaign": (await campaign(number, run_id))[1],
        }
        assert not any(reasons[other] for other in reasons.keys() - {paused})
        return (reasons[paused] or "").startswith(str(code))

    await until(stopped, "the pause")
    assert await told(number) == [(f"{paused}_paused", 1)]


async def test_wrong_messages_between_good_ones_pause_nothing(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(30, pacing={"perSecond": 60, "inFlight": 1})
    phones = [row["phone"] for row in await number.deliveries(run_id)]
    await simulator.faults(*(refusal(100, match={"to": phones[n]}) for n in range(0, 30, 3)))
    await drive(number)
    assert await campaign(number, run_id) == ("completed", "")
    assert (await number.run_row(run_id))["failed"] == 10
