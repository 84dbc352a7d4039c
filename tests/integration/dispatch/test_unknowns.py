"""Outcomes that nobody knows: sent again after the grace, by choice alone, never once healed."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.dispatch.driving import Number, Simulator
from tests.integration.dispatch.outcomes import claimed

from recado.domain.ids import RunId
from recado.domain.retry import MOST_UNSURE_ATTEMPTS, WINDOW
from recado.features.dispatch import claims
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.unknowns import resend_unknown
from recado.platform import clock


@pytest.fixture
async def lost(number: Number, simulator: Simulator) -> RunId:
    """A run of three, of which nobody knows what became."""
    run_id = await number.run(3)
    await simulator.faults({"fault": {"kind": "drop"}, "count": 3})
    await drive(number)
    await simulator.faults()
    assert await number.statuses(run_id) == {"unknown": 3}
    return run_id


async def drive(number: Number) -> None:
    async with asyncio.timeout(20):
        await number.driver().drive()


async def chosen(number: Number, **settings: Any) -> None:
    for key, value in settings.items():
        await number.execute(
            "INSERT INTO setting VALUES (%(w)s, %(key)s, %(value)s)"
            " ON CONFLICT (workspace_id, key) DO UPDATE SET value = excluded.value",
            w=number.workspace_id,
            key=key,
            value=Jsonb(value),
        )


async def grace_passes(number: Number) -> None:
    await number.execute("UPDATE attempt SET ended_at = ended_at - interval '1 hour'")


async def healed(number: Number, run_id: RunId) -> None:
    """As a callback does it."""
    await number.execute(
        "UPDATE delivery SET status = 'delivered' WHERE run_id = %(run)s", run=run_id
    )


async def test_within_the_grace_and_without_the_choice_nothing_is_sent_again(
    number: Number, lost: RunId
) -> None:
    await chosen(number, resendUnknown=True)
    assert await resend_unknown(number.runtime) == 0
    await grace_passes(number)
    await chosen(number, resendUnknown=False)
    assert await resend_unknown(number.runtime) == 0
    assert await number.statuses(lost) == {"unknown": 3}


async def test_after_the_grace_the_run_goes_on_with_them(
    number: Number, simulator: Simulator, lost: RunId
) -> None:
    await chosen(number, resendUnknown=True)
    await grace_passes(number)
    assert await resend_unknown(number.runtime) == 3
    rows = await number.deliveries(lost)
    assert [(row["status"], row["lane"], row["attempts"]) for row in rows] == [
        ("pending", 1, 1)
    ] * 3
    assert all(row["due_at"] > clock.now() for row in rows)
    assert (await number.run_row(lost))["status"] == "running"
    await number.execute("UPDATE delivery SET due_at = now()")
    await drive(number)
    assert (await simulator.stats(number.number))["accepted"] == 3
    assert (await number.run_row(lost))["status"] == "completed"


async def test_after_three_tries_it_is_left_to_a_person(
    number: Number, simulator: Simulator, lost: RunId
) -> None:
    await chosen(number, resendUnknown=True)
    await simulator.faults({"fault": {"kind": "drop"}})
    for _ in range(MOST_UNSURE_ATTEMPTS + 1):
        await grace_passes(number)
        await resend_unknown(number.runtime)
        await number.execute("UPDATE delivery SET due_at = now()")
        await number.execute("UPDATE channel SET paused_until = NULL, paused_reason = NULL")
        await forget_moods(number)
        await drive(number)
    rows = await number.deliveries(lost)
    assert [(row["status"], row["attempts"]) for row in rows] == [
        ("unknown", MOST_UNSURE_ATTEMPTS)
    ] * 3
    assert (await simulator.stats(number.number))["requests"] == 3 * MOST_UNSURE_ATTEMPTS


async def forget_moods(number: Number) -> None:
    names = await number.runtime.redis.keys("*:mood")
    await number.runtime.redis.delete("recado:host:simulator", *names)


async def test_what_a_callback_heals_while_it_waits_is_not_sent_again(
    number: Number, simulator: Simulator, lost: RunId
) -> None:
    await chosen(number, resendUnknown=True)
    await grace_passes(number)
    await resend_unknown(number.runtime)
    await healed(number, lost)
    await drive(number)
    assert (await simulator.stats(number.number))["requests"] == 3


async def test_what_a_callback_heals_after_it_was_claimed_is_not_sent_again(
    number: Number, simulator: Simulator, lost: RunId, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chosen(number, resendUnknown=True)
    await grace_passes(number)
    await resend_unknown(number.runtime)
    await number.execute("UPDATE delivery SET due_at = now()")
    inner = claims.claim

    async def claim(*given: Any, **named: Any) -> Sequence[Claim]:
        found = await inner(*given, **named)
        await healed(number, lost)
        return found

    monkeypatch.setattr(claims, "claim", claim)
    await drive(number)
    assert (await simulator.stats(number.number))["requests"] == 3
    assert await number.statuses(lost) == {"delivered": 3}
    assert not await number.rows("SELECT 1 FROM attempt WHERE status = 'claimed'")


async def test_of_a_callback_and_a_putting_back_at_once_the_callback_wins(
    number: Number, lost: RunId
) -> None:
    await chosen(number, resendUnknown=True)
    await grace_passes(number)
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await tx.run("UPDATE delivery SET status = 'delivered' WHERE run_id = %(r)s", r=lost)
        assert await resend_unknown(number.runtime) == 0
    assert await number.statuses(lost) == {"delivered": 3}
    assert await resend_unknown(number.runtime) == 0


async def test_ten_tries_in_five_minutes_are_the_most_whoever_asks_for_more(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(1)
    await simulator.faults({"fault": {"kind": "error", "code": 131056}})
    for tries in range(9):
        await number.execute("UPDATE delivery SET due_at = now(), attempts = 0")
        await drive(number)
        assert (await simulator.stats(number.number))["requests"] == tries + 1
    await number.execute("UPDATE delivery SET due_at = now(), attempts = 0")
    before = clock.now()
    await drive(number)
    (row,) = await number.deliveries(run_id)
    assert row["status"] == "pending"
    assert row["due_at"] > before + WINDOW * 0.9


async def test_neither_first_sends_nor_retries_keep_each_other_waiting(number: Number) -> None:
    run_id = await number.run(60)
    await number.execute(
        "UPDATE delivery SET lane = 1 WHERE id IN"
        " (SELECT id FROM delivery WHERE run_id = %(run)s ORDER BY id DESC LIMIT 30)",
        run=run_id,
    )
    _, ledger, _ = await claimed(number, 1)
    plan = await ledger.plan()
    taken = await ledger.claim(plan, 20, {run_id: 20})
    rows = await number.rows(
        "SELECT lane, count(*) AS n FROM delivery WHERE id = ANY(%(ids)s) GROUP BY lane",
        ids=[one.reference.delivery_id for one in taken],
    )
    assert {row["lane"]: row["n"] for row in rows} == {0: 10, 1: 10}
