"""What a provider's answers make of deliveries, contacts, campaigns and channels."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.dispatch.driving import Number, Simulator, until

from recado.domain.ids import ChannelId, RunId
from recado.domain.retry import MOST_ATTEMPTS
from recado.features.channels import service as channels
from recado.features.dispatch import consequences
from recado.features.webhooks.applying import apply_waiting
from recado.platform import clock


def refusal(code: int, **more: Any) -> dict[str, Any]:
    return {"fault": {"kind": "error", "code": code}, **more}


async def drive(number: Number, *, request_timeout: float = 5.0) -> float | None:
    async with asyncio.timeout(30):
        return await number.driver(request_timeout=request_timeout).drive()


async def now_due(number: Number) -> None:
    """Let the time pass that everything waits for."""
    await number.execute("UPDATE delivery SET due_at = now() WHERE status = 'pending'")
    await number.execute(
        "UPDATE channel SET paused_until = now() WHERE paused_until IS NOT NULL AND id = %(id)s",
        id=number.channel_id,
    )


async def channel_row(number: Number) -> dict[str, Any]:
    (row,) = await number.rows("SELECT * FROM channel WHERE id = %(id)s", id=number.channel_id)
    return row


async def hear_of_failures(number: Number, deliveries: Sequence[int], code: int) -> None:
    """Apply one callback that all of these have failed."""
    statuses = [
        {
            "id": f"wamid.{delivery}",
            "status": "failed",
            "timestamp": str(int(clock.now().timestamp())),
            "biz_opaque_callback_data": f"{delivery}.1.1",
            "errors": [{"code": str(code), "title": "Template is paused"}],
        }
        for delivery in deliveries
    ]
    change = {"field": "messages", "value": {"statuses": statuses}}
    entry = {"id": "1", "changes": [change]}
    await number.execute(
        "INSERT INTO callback (workspace_id, channel_id, body)"
        " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
        channel=number.channel_id,
        body=json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode(),
    )
    await apply_waiting(number.runtime, number.workspace_id)


async def attempts(number: Number, run_id: RunId) -> list[int]:
    return [row["attempts"] for row in await number.deliveries(run_id)]


async def test_too_many_to_one_contact_waits_and_succeeds(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(5)
    first = (await number.deliveries(run_id))[0]["phone"]
    await simulator.faults(refusal(131056, match={"to": first}, count=1))
    assert 2 < (await drive(number) or 0) < 7
    rows = await number.deliveries(run_id)
    assert [row["status"] == "pending" for row in rows] == [True] + [False] * 4
    assert timedelta(seconds=2) < rows[0]["due_at"] - clock.now() < timedelta(seconds=7)
    await now_due(number)
    assert await drive(number) is None
    assert await attempts(number, run_id) == [2, 1, 1, 1, 1]
    assert (await simulator.stats(number.number))["accepted"] == 5


async def test_the_last_of_the_allowed_attempts_is_the_end(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(1)
    await simulator.faults(refusal(131056))
    for _ in range(MOST_ATTEMPTS):
        await now_due(number)
        await drive(number)
    (row,) = await number.deliveries(run_id)
    assert (row["status"], row["attempts"], row["error_code"]) == ("failed", 5, "131056")
    assert (await simulator.stats(number.number))["requests"] == MOST_ATTEMPTS
    assert (await number.run_row(run_id))["status"] == "completed"


@pytest.mark.parametrize("kind", ["error", "rate_limited"])
async def test_a_throttled_channel_waits_and_burns_no_attempt(
    number: Number, simulator: Simulator, kind: str
) -> None:
    run_id = await number.run(30)
    fault = {"kind": kind, "code": 130429, "retry_after": 20}
    await simulator.faults({"fault": fault, "count": 3})
    rest = await drive(number)
    assert rest is not None
    assert 15 < rest < 35  # as the provider asked, and not all at the same moment
    assert (await simulator.stats(number.number))["accepted"] < 30
    await now_due(number)
    assert await drive(number) is None
    assert await attempts(number, run_id) == [1] * 30
    assert (await simulator.stats(number.number))["accepted"] == 30
    assert (await channel_row(number))["paused_reason"] is None


async def test_a_dead_token_pauses_the_channel_and_burns_nothing(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(200)
    await simulator.faults(refusal(190))
    assert await drive(number) is None  # nothing before somebody has mended it
    assert (await channel_row(number))["paused_reason"].startswith("190")
    assert await number.statuses(run_id) == {"pending": 200}
    assert set(await attempts(number, run_id)) == {0}
    # Only what was on the wire before the first answer came.
    assert (await simulator.stats(number.number))["requests"] <= 64
    await simulator.faults()
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        answer = await channels.check(tx, number.runtime, number.transport, number.channel_id)
    assert answer.status == "connected"
    assert await drive(number) is None
    assert (await simulator.stats(number.number))["accepted"] == 200


async def test_a_moments_hold_does_not_end_a_pause_that_waits_for_a_person(
    number: Number, simulator: Simulator
) -> None:
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await channels.pause(tx, number.channel_id, until=None, reason="190: token")
    await consequences._hold_channel(
        number.runtime, number.workspace_id, number.channel_id, clock.now() + timedelta(seconds=5)
    )
    row = await channel_row(number)
    assert (row["paused_reason"], row["paused_until"]) == ("190: token", None)


@pytest.mark.parametrize(("first", "second"), [(10, 600), (600, 10)])
async def test_of_two_holds_the_longer_counts(
    number: Number, simulator: Simulator, first: int, second: int
) -> None:
    now: datetime = clock.now()
    for seconds in (first, second):
        await consequences._hold_channel(
            number.runtime,
            number.workspace_id,
            ChannelId(number.channel_id),
            now + timedelta(seconds=seconds),
        )
    assert (await channel_row(number))["paused_until"] == now + timedelta(seconds=600)


async def test_who_wants_no_more_is_opted_out_everywhere(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(3)
    first = (await number.deliveries(run_id))[0]
    other = await number.run(1, status="paused")
    await number.execute(
        "UPDATE delivery SET contact_id = %(contact)s WHERE run_id = %(run)s",
        contact=first["contact_id"],
        run=other,
    )
    await simulator.faults(refusal(131050, match={"to": first["phone"]}))
    await drive(number)
    rows = await number.deliveries(run_id)
    assert rows[0]["status"] == "failed"
    (contact,) = await number.rows(
        "SELECT opted_out_at, opt_out_source FROM contact WHERE id = %(id)s",
        id=first["contact_id"],
    )
    assert contact["opted_out_at"] is not None
    assert await number.statuses(other) == {"suppressed": 1}


async def test_a_template_that_is_not_there_pauses_the_campaign_and_not_the_channel(
    number: Number, simulator: Simulator
) -> None:
    wrong, right = await number.run(100, text="errada"), await number.run(20, text="certa")
    await simulator.faults(refusal(132001, match={"text_contains": "errada"}))
    await drive(number)
    (campaign,) = await number.rows(
        "SELECT status, paused_reason, template_paused_at FROM campaign WHERE id = %(id)s",
        id=await number.campaign_of(wrong),
    )
    assert campaign["status"] == "paused"
    assert campaign["template_paused_at"] is not None
    assert campaign["paused_reason"].startswith("132001")
    assert await number.statuses(wrong) == {"pending": 100}
    assert set(await attempts(number, wrong)) == {0}
    assert (await number.run_row(right))["status"] == "completed"
    assert (await channel_row(number))["paused_reason"] is None


async def test_held_messages_that_fail_pause_their_campaign_once(
    number: Number, simulator: Simulator
) -> None:
    """Meta holds back what it doubts, and then fails all of it for its template at once."""
    run_id = await number.run(30)
    await number.execute(
        "UPDATE campaign SET content = %(content)s",
        content=Jsonb({"type": "template", "name": "em_juizo", "language": "pt_BR"}),
    )
    await simulator.faults(
        {"fault": {"kind": "held", "ms": 86_400_000}, "match": {"text_contains": "em_juizo"}}
    )
    first = (await number.deliveries(run_id))[0]["id"]
    await number.execute(
        "UPDATE delivery SET due_at = now() + interval '1 h' WHERE id >= %(id)s", id=first + 20
    )
    await drive(number)
    assert (await number.run_row(run_id))["held"] == 20
    rows = await number.deliveries(run_id)
    assert {(row["status"], row["held"]) for row in rows} == {("sent", True), ("pending", False)}
    held = [row["id"] for row in rows if row["held"]]
    await hear_of_failures(number, held[:3], 132015)
    await hear_of_failures(number, held[3:], 132015)
    (campaign,) = await number.rows(
        "SELECT * FROM campaign WHERE id = %(id)s", id=await number.campaign_of(run_id)
    )
    assert campaign["paused_reason"].startswith("132015")
    assert campaign["template_paused_at"] is not None
    run = await number.run_row(run_id)
    assert (run["held"], run["failed"], run["pending"]) == (0, 20, 10)
    (note,) = await number.rows("SELECT kind, times FROM notification")
    assert note == {"kind": "campaign_paused", "times": 1}


async def test_a_contact_that_is_not_there_fails_alone(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(10)
    first = (await number.deliveries(run_id))[0]["phone"]
    await simulator.faults(refusal(131026, match={"to": first}))
    await drive(number)
    rows = await number.deliveries(run_id)
    assert (rows[0]["status"], rows[0]["error_code"]) == ("failed", "131026")
    assert (await simulator.stats(number.number))["accepted"] == 9
    assert (await number.run_row(run_id))["failed"] == 1


@pytest.mark.parametrize("kind", ["hang", "drop", "html", "accept_then_hang"])
async def test_without_an_answer_nothing_is_sent_again(
    number: Number, simulator: Simulator, kind: str
) -> None:
    run_id = await number.run(6)
    await simulator.faults({"fault": {"kind": kind, "ms": 5_000}, "count": 2})
    await drive(number, request_timeout=0.5)
    assert (await simulator.stats(number.number))["requests"] == 6
    run = await number.run_row(run_id)
    assert run["status"] == "completed"
    assert run["unknown"] <= 2
    assert run["pending"] == run["sending"] == 0


@pytest.mark.parametrize("kind", ["accept_then_drop", "server_error_after_accept"])
async def test_an_unknown_outcome_is_healed_by_the_callback(
    number: Number, simulator: Simulator, kind: str
) -> None:
    run_id = await number.run(6)
    await simulator.faults({"fault": {"kind": kind}, "count": 4})
    await drive(number)

    async def healed() -> bool:
        return not {"unknown", "sent"} & set(await number.statuses(run_id))

    await until(healed, "healing")
    rows = await number.deliveries(run_id)
    assert {row["error_code"] for row in rows} == {None}
    assert all(row["sent_at"] for row in rows)
    assert (await simulator.stats(number.number))["duplicates"] == 0


async def test_a_callback_faster_than_the_answer_has_the_last_word(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(8)
    numbers = [row["phone"] for row in await number.deliveries(run_id)]
    await simulator.faults(
        {"fault": {"kind": "async_error", "code": 131047, "ms": 10}, "match": {"to": numbers[0]}},
        {"fault": {"kind": "latency", "ms": 900}},
    )
    await drive(number)

    async def all_told() -> bool:
        return "sent" not in await number.statuses(run_id)

    await until(all_told, "the callbacks")
    rows = await number.deliveries(run_id)
    assert (rows[0]["status"], rows[0]["error_code"]) == ("failed", "131047")
    assert {row["status"] for row in rows[1:]} <= {"delivered", "read"}


async def test_a_number_that_two_campaigns_found_missing_is_known_dead(
    number: Number, simulator: Simulator
) -> None:
    async def dead() -> list[int]:
        rows = await number.rows("SELECT id FROM contact WHERE wa_status = 'dead'")
        return [row["id"] for row in rows]

    run_id = await number.run(2)
    first, _ = await number.deliveries(run_id)
    await simulator.faults(refusal(131026, match={"to": first["phone"]}))
    await drive(number)
    assert await dead() == []
    again = await number.run(0)
    await number.rows(
        "INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
        " SELECT workspace_id, %(again)s, contact_id, phone, phone_key, 'pending' FROM delivery"
        " WHERE run_id = %(run_id)s RETURNING id",
        again=again,
        run_id=run_id,
    )
    await drive(number)
    assert await dead() == [first["contact_id"]]
