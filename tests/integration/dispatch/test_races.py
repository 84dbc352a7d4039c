"""Two things at once about the same delivery, and what must come of it."""

import asyncio
from collections.abc import Awaitable

import psycopg
import pytest
from tests.integration.dispatch.driving import Number
from tests.integration.dispatch.outcomes import BUSY, accepted, claimed, refused

from recado.domain.ids import ContactId, RunId
from recado.domain.limits import Path
from recado.features.connections import standing
from recado.features.dispatch import consequences, transactions
from recado.features.dispatch.ledger import Ledger
from recado.features.gates import service as gates
from recado.features.gates.service import GRANT_LIFE
from recado.features.limits.asks import Asking
from recado.features.limits.limiter import Grant
from recado.platform import clock

Superuser = psycopg.Connection[tuple[object, ...]]


async def somebody_waits_for_a_lock(superuser: Superuser) -> None:
    """Return once a transaction waits for another one's rows."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    for _ in range(1_000):
        if superuser.execute(waiting).fetchall() != [(0,)]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def cancelled_meanwhile(
    number: Number, superuser: Superuser, run_id: RunId, action: Awaitable[None]
) -> None:
    """Do something that meets a cancel which has not been committed yet."""
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await tx.run("UPDATE run SET status = 'cancelled' WHERE id = %(id)s", id=run_id)
        task = asyncio.ensure_future(action)
        await somebody_waits_for_a_lock(superuser)
    await task


async def test_a_claim_given_back_during_a_cancel_is_cancelled(
    number: Number, superuser: Superuser
) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await cancelled_meanwhile(number, superuser, run_id, ledger.release([claim.reference]))
    assert await number.statuses(run_id) == {"cancelled": 1}


async def test_an_outcome_recorded_during_a_cancel_waits_for_no_other_try(
    number: Number, superuser: Superuser
) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    await cancelled_meanwhile(number, superuser, run_id, ledger.write([refused(claim, BUSY)]))
    assert await number.statuses(run_id) == {"cancelled": 1}


async def asked(ledger: Ledger, asking: Asking) -> Grant:
    """The answer to one question, books open."""
    paths = {asking.run_id: Path()}
    grant = await ledger.reserve([asking], paths) or await ledger.reserve([asking], paths)
    assert grant is not None
    return grant


async def test_a_pause_holds_from_the_moment_it_is_answered(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await gates.sync_runs(number.runtime.redis, number.workspace_id, {run_id: "paused"})
    # Whatever was let pass before is on the wire or can never be written.
    assert loop.time() - begun >= GRANT_LIFE
    asking = Asking(claim.reference, claim.run_id, claim.contact_id)
    grant = await asked(ledger, asking)
    assert list(grant.gated) == [0]


@pytest.mark.parametrize("cause", ["fault", "account", "connection"])
async def test_a_channel_that_its_provider_stops_sends_nothing_from_then_on(
    number: Number, cause: str
) -> None:
    _, ledger, (claim,) = await claimed(number)
    asking = Asking(claim.reference, claim.run_id, claim.contact_id)
    assert (await asked(ledger, asking)).granted
    runtime, workspace, channel = number.runtime, number.workspace_id, number.channel_id
    now = clock.now()
    if cause == "fault":
        await consequences.pause_channel(runtime, workspace, channel, "190: token")
    elif cause == "account":
        await standing.stop_account(
            runtime, workspace, [channel], because="DISABLE", until=None, at=now
        )
    else:
        gone = standing.Connection("disconnected", now, "401")
        await standing.connections(runtime, workspace, {channel: gone})
    grant = await asked(ledger, asking)
    assert (grant.granted, list(grant.gated)) == ((), [0])
    await ledger.shut_out([(asking, grant.gated[0])])
    assert not (await asked(ledger, asking)).granted


async def test_a_gate_without_a_reason_is_opened_by_whom_it_shuts_out(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    redis = number.runtime.redis
    asking = Asking(claim.reference, claim.run_id, claim.contact_id)
    await gates.sync_runs(redis, number.workspace_id, {run_id: "paused"})
    await gates.close_contacts(redis, number.workspace_id, [claim.contact_id or ContactId(0)], "x")
    await gates.close_channels(redis, number.workspace_id, [number.channel_id], "x")
    for _ in range(3):
        grant = await asked(ledger, asking)
        await ledger.shut_out([(asking, grant.gated[0])])
    assert not (await asked(ledger, asking)).gated


@pytest.mark.parametrize(
    "closing",
    [
        "UPDATE run SET status = 'paused'",
        "UPDATE contact SET opted_out_at = now()",
        "DELETE FROM contact",
        "UPDATE channel SET paused_reason = 'x'",
        "UPDATE channel SET paused_reason = 'x', paused_until = now() + interval '1 hour'",
    ],
)
async def test_a_gate_with_a_reason_stays_closed(number: Number, closing: str) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    redis = number.runtime.redis
    asking = Asking(claim.reference, claim.run_id, claim.contact_id)
    if "run" in closing:
        await gates.sync_runs(redis, number.workspace_id, {run_id: "paused"})
    elif "channel" in closing:
        await gates.close_channels(redis, number.workspace_id, [number.channel_id], "x")
    else:
        contact = claim.contact_id or ContactId(0)
        await gates.close_contacts(redis, number.workspace_id, [contact], "x")
    await number.execute(closing)
    grant = await asked(ledger, asking)
    await ledger.shut_out([(asking, grant.gated[0])])
    assert list((await asked(ledger, asking)).gated) == [0]


async def test_a_gate_that_was_closed_again_meanwhile_is_not_opened(number: Number) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    redis = number.runtime.redis
    asking = Asking(claim.reference, claim.run_id, claim.contact_id)
    await gates.sync_runs(redis, number.workspace_id, {run_id: "paused"})
    seen = (await asked(ledger, asking)).gated[0]
    # Resumed and paused again, by someone who is not done with the database yet.
    await gates.sync_runs(redis, number.workspace_id, {run_id: "paused"})
    await ledger.shut_out([(asking, seen)])
    assert list((await asked(ledger, asking)).gated) == [0]


async def test_who_is_frozen_in_the_middle_of_a_transaction_holds_nobody_up_for_long(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    monkeypatch.setattr(transactions, "LONGEST_IDLE", "200ms")
    frozen = transactions.short(number.runtime.db, number.workspace_id)
    tx = await frozen.__aenter__()
    await tx.run("SELECT FROM run WHERE id = %(id)s FOR UPDATE", id=run_id)
    async with asyncio.timeout(5):
        await ledger.write([accepted(claim)])
    assert await number.statuses(run_id) == {"sent": 1}
    with pytest.raises(transactions.AWAY):  # noqa: PT012 - wherever it wakes up
        await tx.run("UPDATE run SET status = 'failed' WHERE id = %(id)s", id=run_id)
        await frozen.__aexit__(None, None, None)


async def test_who_waits_for_a_row_for_too_long_says_so(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, ledger, (claim,) = await claimed(number)
    monkeypatch.setattr(transactions, "LONGEST_WAIT", "100ms")
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await tx.run("SELECT FROM run WHERE id = %(id)s FOR UPDATE", id=run_id)
        with pytest.raises(transactions.AWAY):
            await ledger.write([accepted(claim)])
    await ledger.write([accepted(claim)])
    assert await number.statuses(run_id) == {"sent": 1}
