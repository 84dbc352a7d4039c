"""What providers report, in any order and as often as they like, ends where the domain says."""

import asyncio
import functools
import itertools
import random
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.api.product import FinishJobs
from tests.integration.webhooks.calling import Number, Sent, body, change, send, states, status
from tests.support.statements import counting

from recado.domain.deliveries import DeliveryState, lowest_part, merge
from recado.domain.ids import Reference
from recado.features.dispatch import records
from recado.features.webhooks.applying import BATCH_BYTES, apply_waiting
from recado.features.webhooks.store import Received, Store
from recado.platform.runtime import Runtime

S = DeliveryState
REPORTED = [S.SENT, S.DELIVERED, S.READ, S.FAILED]
ON_THE_WAY = [S.SENDING, S.UNKNOWN, *REPORTED]
ONCE = settings(
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

_WRONG = """
SELECT r.id FROM run r JOIN delivery d ON d.workspace_id = r.workspace_id AND d.run_id = r.id
GROUP BY r.workspace_id, r.id
HAVING (r.total, r.sending, r.sent, r.delivered, r.read, r.failed, r.unknown, r.pending) <> (
    count(*), count(*) FILTER (WHERE d.status = 'sending'),
    count(*) FILTER (WHERE d.status = 'sent'), count(*) FILTER (WHERE d.status = 'delivered'),
    count(*) FILTER (WHERE d.status = 'read'), count(*) FILTER (WHERE d.status = 'failed'),
    count(*) FILTER (WHERE d.status = 'unknown'), count(*) FILTER (WHERE d.status = 'pending'))
"""


async def keep(runtime: Runtime, number: Number, *statuses: dict[str, Any]) -> None:
    """Store a callback as if it had just been taken in, its job left out."""
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(change(number, *statuses)),
        )


async def report(runtime: Runtime, number: Number, *statuses: dict[str, Any]) -> None:
    """Store a callback and apply it."""
    await keep(runtime, number, *statuses)
    await apply_waiting(runtime, number.workspace)


async def row(runtime: Runtime, number: Number, sent: Sent) -> dict[str, Any]:
    async with runtime.db.workspace(number.workspace) as tx:
        found = await tx.one(
            "SELECT d.*, p.provider_id FROM delivery d"
            " JOIN part p ON p.delivery_id = d.id AND p.position = 1 WHERE d.id = %(id)s",
            id=sent.id,
        )
        assert await tx.all(_WRONG) == []
    assert found is not None
    return found


def error(code: int) -> dict[str, Any]:
    return {"errors": [{"code": code, "title": "x", "message": f"({code}) x"}]}


@given(
    start=st.sampled_from(ON_THE_WAY),
    calls=st.lists(st.lists(st.sampled_from(REPORTED), min_size=1, max_size=4), max_size=4),
    together=st.booleans(),
)
@ONCE
async def test_reports_in_any_order_end_where_the_domain_says(
    start: DeliveryState,
    calls: list[list[DeliveryState]],
    together: bool,
    runtime: Runtime,
    number: Number,
) -> None:
    sent = await send(runtime, number, start)
    for words in calls:
        await keep(runtime, number, *(status(w, reference=sent.reference()) for w in words))
        if not together:
            await apply_waiting(runtime, number.workspace)
    await apply_waiting(runtime, number.workspace)
    said = list(itertools.chain(*calls))
    found = await row(runtime, number, sent)
    assert found["status"] == functools.reduce(merge, said, start)
    assert (found["read_at"] is not None) == (S.READ in said)
    assert (found["delivered_at"] is not None) == bool({S.READ, S.DELIVERED} & set(said))
    if {S.SENT, S.READ, S.DELIVERED} & set(said) and S.FAILED not in said:
        assert found["sent_at"] is not None


@pytest.mark.parametrize("together", [True, False])
async def test_a_delivery_shows_the_least_of_its_parts(
    together: bool, runtime: Runtime, number: Number
) -> None:
    for words in itertools.product([None, *REPORTED], repeat=2):
        sent = await send(runtime, number, S.UNKNOWN, parts=2)
        for part, word in enumerate(words, 1):
            if word is not None:
                await keep(runtime, number, status(word, reference=sent.reference(part)))
            if not together:
                await apply_waiting(runtime, number.workspace)
        await apply_waiting(runtime, number.workspace)
        found = (await row(runtime, number, sent))["status"]
        assert found == lowest_part(word or S.UNKNOWN for word in words), words


@pytest.mark.parametrize("word", [S.SENT, S.DELIVERED, S.READ])
async def test_an_unknown_outcome_is_healed_by_the_provider_s_word(
    word: DeliveryState, runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number, S.UNKNOWN)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE delivery SET error_code = 'no_answer', error_class = 'network'")
    await report(runtime, number, status(word, reference=sent.reference(), provider_id="wamid.1"))
    found = await row(runtime, number, sent)
    assert (found["status"], found["provider_id"]) == (word, "wamid.1")
    assert found["sent_at"] is not None
    assert (found["error_code"], found["error_class"]) == (None, None)


async def test_a_message_taken_back_after_it_was_accepted_has_failed_with_the_reason(
    runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number)
    await report(runtime, number, status("sent", reference=sent.reference()))
    await report(runtime, number, status("failed", reference=sent.reference(), **error(131026)))
    found = await row(runtime, number, sent)
    assert (found["status"], found["error_code"]) == ("failed", "131026")
    assert found["error_class"] is not None
    assert found["failed_at"] is not None
    await report(runtime, number, status("delivered", reference=sent.reference()))
    found = await row(runtime, number, sent)
    assert (found["status"], found["error_code"]) == ("delivered", None)


async def test_a_callback_that_is_faster_than_the_answer_is_not_taken_back(
    runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number)
    await report(runtime, number, status("delivered", reference=sent.reference()))
    outcome = records.Result(
        reference=Reference(sent.id, 1, 1),
        contact_id=sent.contact,
        run_id=sent.run,
        result="accepted",
        status=S.SENT,
        provider_id="wamid.2",
    )
    for _ in range(2):
        await records.record(
            runtime.db,
            workspace_id=number.workspace,
            channel_id=number.channel,
            results=[outcome],
        )
        found = await row(runtime, number, sent)
        assert (found["status"], found["attempts"]) == ("delivered", 1)
    await report(runtime, number, status("sent", reference=sent.reference()))
    assert (await row(runtime, number, sent))["status"] == "delivered"


async def test_a_message_without_our_reference_is_known_by_the_provider_s_id(
    runtime: Runtime, number: Number, other_number: Number
) -> None:
    sent, theirs = await send(runtime, number), await send(runtime, other_number)
    for owner in (number, other_number):
        async with runtime.db.workspace(owner.workspace) as tx:
            await tx.run("UPDATE part SET provider_id = 'wamid.same'")
    await report(runtime, number, status("read", provider_id="wamid.same"))
    assert (await row(runtime, number, sent))["status"] == "read"
    assert (await row(runtime, other_number, theirs))["status"] == "sending"


async def test_a_reference_is_only_believed_of_the_channel_that_sent_it(
    runtime: Runtime, number: Number, other_number: Number
) -> None:
    sent = await send(runtime, number)
    await report(runtime, other_number, status("read", reference=sent.reference()))
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE attempt SET channel_id = channel_id + 1000000")
    await report(runtime, number, status("read", reference=sent.reference()))
    assert (await row(runtime, number, sent))["status"] == "sending"


async def test_a_failure_says_nothing_of_what_waits_for_another_try(
    runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number, S.PENDING)
    await report(runtime, number, status("failed", reference=sent.reference(), **error(131026)))
    assert (await row(runtime, number, sent))["status"] == "pending"


async def test_who_wants_no_more_is_written_to_no_more(runtime: Runtime, number: Number) -> None:
    sent = await send(runtime, number)
    waiting = await send(runtime, number, S.PENDING)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "UPDATE delivery SET contact_id = %(contact)s WHERE id = %(id)s",
            contact=sent.contact,
            id=waiting.id,
        )
    await report(runtime, number, status("failed", reference=sent.reference(), **error(131050)))
    assert await states(runtime, number, [sent, waiting]) == ["failed", "suppressed"]
    async with runtime.db.workspace(number.workspace) as tx:
        assert (
            await tx.value("SELECT opt_out_source FROM contact WHERE id = %(id)s", id=sent.contact)
            == "provider_error"
        )


@pytest.mark.parametrize(
    "strange",
    [
        {"reference": "1.99999.1"},
        {"reference": "1.1.99999"},
        {"reference": "999999999999999999.1.1"},
        {"reference": "99999999999999999999999.1.1"},
        {"reference": "x"},
        {"reference": ""},
        {"reference": "1.1.1\x00"},
        {"provider_id": "a\x00b"},
        {"provider_id": "x" * 100_000},
        {"provider_id": "\u00e9\u200b"},
        {"timestamp": "NaN"},
        {"timestamp": "-99999999999999"},
        {"timestamp": "9" * 400},
        {"timestamp": None},
        {"errors": [{"code": "\x00", "title": "\x00", "message": "\x00"}]},
        {"errors": [{"code": 10**40}]},
        {"errors": ["x", None, {}]},
        {"status": "exploded"},
        {"status": None},
        {"status": "\x00"},
    ],
)
async def test_a_strange_report_keeps_no_other_from_being_applied(
    strange: dict[str, Any], runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number)
    odd = {**status("failed"), "biz_opaque_callback_data": strange.pop("reference", None)}
    odd |= {"id": strange.pop("provider_id", "wamid.X"), **strange}
    await report(runtime, number, odd, status("delivered", reference=sent.reference()))
    assert (await row(runtime, number, sent))["status"] == "delivered"


async def test_an_error_of_what_has_not_failed_keeps_nothing_from_being_heeded(
    runtime: Runtime, number: Number
) -> None:
    odd, sent = await send(runtime, number, S.FAILED), await send(runtime, number)
    await report(
        runtime,
        number,
        {**status("sent", reference=odd.reference()), **error(132015)},
        {**status("failed", reference=sent.reference()), **error(131031)},
    )
    async with runtime.db.workspace(number.workspace) as tx:
        assert await tx.value("SELECT paused_reason FROM channel") is not None
        assert await tx.all("SELECT id FROM campaign WHERE status = 'paused'") == []


async def test_large_callbacks_are_applied_a_few_at_a_time(
    runtime: Runtime, number: Number, own_database_url: str
) -> None:
    large = [status("sent", provider_id="x" * (BATCH_BYTES // 2)), status("sent")]
    sent = await send(runtime, number)
    for _ in range(2):
        await keep(runtime, number, *large)
    await keep(runtime, number, *large, *large)
    await keep(runtime, number, status("read", reference=sent.reference()))
    with counting(own_database_url) as asked:
        assert await apply_waiting(runtime, number.workspace) == 4
    batches = [calls for text, calls in asked.calls.items() if text.startswith("UPDATE callback")]
    assert batches == [4], "each of the large ones by itself, though one is larger than a batch"
    assert (await row(runtime, number, sent))["status"] == "read"


@pytest.mark.parametrize(
    "unreadable", [b"", b"x", b"[]", b"[" * 100_000, b'{"entry": 1}', b"\xff", b'"\\ud800"', b"{}"]
)
async def test_an_unreadable_callback_is_kept_with_its_error_and_stops_no_other(
    unreadable: bytes,
    runtime: Runtime,
    number: Number,
    http: aiohttp.ClientSession,
    finish_jobs: FinishJobs,
) -> None:
    sent = await send(runtime, number)
    assert await number.call(http, unreadable) == 200
    assert (
        await number.call(http, body(change(number, status("sent", reference=sent.reference()))))
        == 200
    )
    await finish_jobs()
    assert (await row(runtime, number, sent))["status"] == "sent"
    async with runtime.db.workspace(number.workspace) as tx:
        kept = await tx.all("SELECT body, processed_at, error FROM callback ORDER BY id")
    assert len(kept) == 2
    assert all(one["processed_at"] for one in kept)
    readable = {b'{"entry": 1}', b"{}"}
    assert [one["error"] is None for one in kept] == [unreadable in readable, True]


async def test_a_callback_stored_while_its_job_begins_is_not_left_lying(
    runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number)
    data = body(change(number, status("read", reference=sent.reference())))
    store = Store(runtime)
    first = Received(number.workspace, number.channel, b"{}")
    await store.keep([first])  # its job waits now, and further ones would be the same
    async with runtime.db.system() as tx:
        await store.write(tx, [Received(number.workspace, number.channel, data)])
        applying = asyncio.create_task(apply_waiting(runtime, number.workspace))
        done, _ = await asyncio.wait({applying}, timeout=0.3)
        assert not done, "it ended without waiting for what was being stored"
    assert await applying == 2
    assert (await row(runtime, number, sent))["status"] == "read"


async def test_a_forgotten_callback_is_applied_by_the_sweeper(
    runtime: Runtime, number: Number, finish_jobs: FinishJobs
) -> None:
    sent = await send(runtime, number)
    await keep(runtime, number, status("read", reference=sent.reference()))
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE callback SET received_at = now() - interval '1 minute'")
    async with runtime.db.system() as tx:
        await runtime.queue.defer(tx, "webhooks:sweep", timestamp=0)
    await finish_jobs()
    assert (await row(runtime, number, sent))["status"] == "read"


async def test_reports_applied_by_many_at_once_end_alike(runtime: Runtime, number: Number) -> None:
    chance = random.Random(3)
    sent = [await send(runtime, number) for _ in range(12)]
    reported = [
        status(word, reference=one.reference()) for one in sent for word in ("sent", "delivered")
    ] * 2
    chance.shuffle(reported)
    for place in range(0, len(reported), 4):
        await keep(runtime, number, *reported[place : place + 4])
    applied = await asyncio.gather(*(apply_waiting(runtime, number.workspace) for _ in range(4)))
    assert sum(applied) == 12
    assert await states(runtime, number, sent) == ["delivered"] * 12
    assert (await row(runtime, number, sent[0]))["delivered_at"] is not None
