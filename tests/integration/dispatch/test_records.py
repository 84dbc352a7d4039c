"""An outcome goes on record once, whoever else has spoken meanwhile."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.dispatch.driving import Number
from tests.integration.dispatch.outcomes import BUSY, WRONG, accepted, claimed, refused

from recado.domain.ids import RunId
from recado.domain.retry import ErrorClass
from recado.features.dispatch.records import record
from recado.features.dispatch.takeover import lost
from recado.platform import clock
from recado.providers.base import ProviderFault


async def delivery(number: Number, run_id: RunId) -> dict[str, Any]:
    (row,) = await number.deliveries(run_id)
    return row


async def usage(number: Number) -> int:
    rows = await number.rows(
        "SELECT coalesce(sum(requests), 0) AS n FROM usage WHERE channel_id = %(id)s",
        id=number.channel_id,
    )
    return int(rows[0]["n"])


async def test_an_accepted_message_is_sent(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await ledger.write([accepted(claim, wa_id="553190000001")])
    row = await delivery(number, run_id)
    assert (row["status"], row["attempts"], row["error_code"]) == ("sent", 1, None)
    assert row["sent_at"] is not None
    contacts = await number.rows("SELECT wa_id FROM contact WHERE id = %(id)s", id=claim.contact_id)
    assert contacts[0]["wa_id"] == "553190000001"
    assert await usage(number) == 1


async def test_writing_an_outcome_twice_changes_nothing(number: Number) -> None:
    run_id, ledger, (one, other) = await claimed(number, 2)
    batch = [accepted(one), refused(other, BUSY)]
    await ledger.write(batch)
    before = await number.deliveries(run_id)
    await ledger.write(batch)
    assert await number.deliveries(run_id) == before
    assert [row["attempts"] for row in before] == [1, 1]
    assert await usage(number) == 2


async def test_what_is_to_be_tried_again_waits_in_its_own_lane(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await ledger.write([refused(claim, BUSY)])
    row = await delivery(number, run_id)
    assert (row["status"], row["lane"], row["error_code"]) == ("pending", 1, "130429")
    assert row["due_at"] > clock.now() + timedelta(seconds=1)


async def test_a_callback_that_came_first_keeps_its_word_and_its_reason(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await number.execute(
        "UPDATE delivery SET status = 'failed', error_code = '131026', error_class ="
        " 'contact_dead', error_detail = 'nobody there' WHERE id = %(id)s",
        id=claim.reference.delivery_id,
    )
    await ledger.write([accepted(claim)])
    row = await delivery(number, run_id)
    assert (row["status"], row["error_code"]) == ("failed", "131026")
    assert row["error_detail"] == "nobody there"
    assert row["sent_at"] is not None


@pytest.mark.parametrize("reported", ["sent", "delivered", "read"])
async def test_a_lost_answer_takes_nothing_from_what_a_callback_said(
    number: Number, reported: str
) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await number.execute(
        "UPDATE delivery SET status = %(status)s WHERE id = %(id)s",
        status=reported,
        id=claim.reference.delivery_id,
    )
    await ledger.write([lost(claim.reference)])
    row = await delivery(number, run_id)
    assert (row["status"], row["error_code"]) == (reported, None)


async def test_who_learns_better_corrects_an_unknown_outcome(number: Number) -> None:
    run_id, ledger, claims = await claimed(number, 3)
    await ledger.write([lost(claim.reference) for claim in claims])
    await ledger.write([accepted(claims[0]), refused(claims[1], WRONG), refused(claims[2], BUSY)])
    rows = await number.deliveries(run_id)
    # That the last was refused is no reason to send it again unasked.
    assert [row["status"] for row in rows] == ["sent", "failed", "unknown"]
    assert [row["attempts"] for row in rows] == [1, 1, 1]
    assert await usage(number) == 3


async def test_an_unknown_outcome_corrects_nothing(number: Number) -> None:
    run_id, ledger, (one, other) = await claimed(number, 2)
    await ledger.write([accepted(one), refused(other, BUSY)])
    before = await number.deliveries(run_id)
    await ledger.write([lost(one.reference), lost(other.reference)])
    assert await number.deliveries(run_id) == before


async def test_a_later_claim_is_not_touched_by_an_earlier_ones_outcome(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await ledger.write([lost(claim.reference)])
    await number.execute("UPDATE delivery SET status = 'pending'")  # a person sends it again
    (again,) = await ledger.claim(await ledger.plan(), 1)
    await ledger.write([refused(claim, WRONG)])
    assert (await delivery(number, run_id))["status"] == "sending"
    parts = await number.rows(
        "SELECT status FROM part WHERE delivery_id = %(id)s", id=again.reference.delivery_id
    )
    assert [part["status"] for part in parts] == ["sending"]


async def test_what_failed_in_a_cancelled_campaign_is_not_tried_again(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await number.execute("UPDATE run SET status = 'cancelled' WHERE id = %(id)s", id=run_id)
    await ledger.write([refused(claim, BUSY)])
    row = await delivery(number, run_id)
    assert (row["status"], row["reason"]) == ("cancelled", "campaign_cancelled")


async def test_what_never_left_is_not_counted_as_a_request(number: Number) -> None:
    _, ledger, (one, other) = await claimed(number, 2)
    not_sent = ProviderFault("not_sent", ErrorClass.NETWORK_NOT_SENT)
    await ledger.write([replace(refused(one, not_sent), left=False), accepted(other)])
    assert await usage(number) == 1


async def test_the_counters_follow_every_outcome(number: Number) -> None:
    run_id, ledger, claims = await claimed(number, 4)
    await ledger.write(
        [
            accepted(claims[0]),
            refused(claims[1], WRONG),
            refused(claims[2], BUSY),
            lost(claims[3].reference),
        ]
    )
    run = await number.run_row(run_id)
    counted = await number.statuses(run_id)
    assert {name: run[name] for name in counted} == dict(counted)
    assert dict(counted) == {"sent": 1, "failed": 1, "pending": 1, "unknown": 1}


async def test_a_claim_that_is_given_back_costs_no_attempt(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await ledger.release([claim.reference])
    row = await delivery(number, run_id)
    assert (row["status"], row["attempts"], row["lane"]) == ("pending", 0, 0)
    assert not await number.rows(
        "SELECT FROM attempt WHERE delivery_id = %(id)s", id=claim.reference.delivery_id
    )
    (again,) = await ledger.claim(await ledger.plan(), 1)
    assert again.reference != claim.reference  # no two requests ever carry the same reference


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ("UPDATE run SET status = 'cancelled'", "cancelled", "campaign_cancelled"),
        ("UPDATE contact SET opted_out_at = now()", "suppressed", "opted_out"),
        ("DELETE FROM contact", "cancelled", "contact_deleted"),
    ],
)
async def test_a_claim_that_is_given_back_meets_what_happened_meanwhile(
    number: Number, change: str, status: str, reason: str
) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await number.execute(change)
    await ledger.release([claim.reference])
    row = await delivery(number, run_id)
    assert (row["status"], row["reason"]) == (status, reason)


async def test_an_outcome_that_was_dealt_with_is_not_given_back(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await ledger.write([accepted(claim)])
    await ledger.release([claim.reference])
    assert (await delivery(number, run_id))["status"] == "sent"


async def test_a_batch_may_hold_outcomes_of_several_runs(number: Number) -> None:
    first, ledger, (one,) = await claimed(number)
    second = await number.run(1)
    (other,) = await ledger.claim(await ledger.plan(), 1)
    await record(
        number.runtime.db,
        workspace_id=number.workspace_id,
        channel_id=number.channel_id,
        results=[accepted(other), accepted(one)],
    )
    assert [(await number.run_row(run))["sent"] for run in (first, second)] == [1, 1]
