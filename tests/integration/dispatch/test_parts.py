"""A text in several messages: in order, each a request of its own, none twice, none lost."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from tests.integration.dispatch.driving import Number, Simulator
from tests.integration.dispatch.outcomes import WRONG, accepted, refused
from tests.integration.dispatch.transports import Unlucky
from tests.integration.webhooks.calling import body, change, status

from recado.domain import splitting
from recado.domain.ids import DeliveryId, Reference, RunId
from recado.features.contacts import consent
from recado.features.deadletters import service as deadletters
from recado.features.dispatch import takeover
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.plans import Ready, prepare
from recado.features.webhooks.applying import apply_waiting
from recado.platform import clock
from recado.platform.postgres import Row
from recado.providers.content import Text

TEXT = "Olá {nome}, tudo bem?\n\nA assembleia é amanhã.\n\nContamos com você!"
PARTS = ["Olá Pessoa 1, tudo bem?", "A assembleia é amanhã.", "Contamos com você!"]


@pytest.fixture(autouse=True)
def someone_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any time passes between two parts."""
    monkeypatch.setattr(splitting, "SHORTEST_PAUSE", 0.05)
    monkeypatch.setattr(splitting, "TYPING_SPEED", 1e6)


async def begun(number: Number, count: int = 1) -> tuple[RunId, Ledger]:
    run_id = await number.run(count, text=TEXT, parts=3)
    ledger = number.ledger()
    await ledger.take()
    return run_id, ledger


async def next_parts(ledger: Ledger, most: int = 1) -> list[Ready]:
    """What a driver would send next."""
    plan = await ledger.plan()
    prepared = [
        prepare(claim, plan.runs[claim.run_id], plan.channel)
        for claim in await ledger.claim(plan, most)
    ]
    ready = [one for one in prepared if isinstance(one, Ready)]
    assert len(ready) == len(prepared)
    await ledger.keep_parts(ready)
    return ready


async def accept(ledger: Ledger) -> Ready:
    """Send the next part."""
    [ready] = await next_parts(ledger)
    await ledger.write([replace(accepted(ready.claim), last_part=ready.following is None)])
    return ready


def text_of(ready: Ready) -> str:
    content = ready.message.content
    assert isinstance(content, Text)
    return content.body


async def report(number: Number, word: str, reference: Reference) -> None:
    errors: dict[str, Any] = {"errors": [{"code": 131026}]} if word == "failed" else {}
    await number.execute(
        "INSERT INTO callback (workspace_id, channel_id, body)"
        " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
        channel=number.channel_id,
        body=body(change(number.number, status(word, reference=str(reference), **errors))),
    )
    await apply_waiting(number.runtime, number.workspace_id)


async def shown(number: Number, run_id: RunId) -> tuple[str, list[str]]:
    """The state of the only delivery, and those of its parts; the counters are looked at too."""
    [delivery] = await number.deliveries(run_id)
    run = await number.run_row(run_id)
    assert (run["total"], run[delivery["status"]]) == (1, 1)
    rows = await number.rows(
        "SELECT status FROM part WHERE delivery_id = %(id)s ORDER BY position", id=delivery["id"]
    )
    return delivery["status"], [row["status"] for row in rows]


async def only(number: Number, run_id: RunId) -> Row:
    [delivery] = await number.deliveries(run_id)
    return delivery


async def try_again(number: Number, run_id: RunId) -> None:
    wanted = [DeliveryId((await only(number, run_id))["id"])]
    assert await deadletters.retry(number.runtime, number.workspace_id, wanted, clock.now()) == 1


async def test_parts_leave_in_order_and_count_as_the_requests_they_are(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(20, text=TEXT, parts=3)
    async with asyncio.timeout(60):
        while (await number.run_row(run_id))["status"] != "completed":
            await number.driver().drive()
    stats = await simulator.stats(number.number)
    assert (stats["requests"], stats["accepted"], stats["duplicates"]) == (60, 60, 0)
    came: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in await simulator.log(number.number):
        delivery, part, _ = row["reference"].split(".")
        came[delivery].append((part, row["at"]))
    assert [[part for part, _ in parts] for parts in came.values()] == [["1", "2", "3"]] * 20
    assert all(b - a >= 0.05 for parts in came.values() for (_, a), (_, b) in pairwise(parts))
    usage = await number.rows("SELECT sum(requests)::integer AS n FROM usage")
    assert usage[0]["n"] == 60
    texts = await number.rows("SELECT text FROM part ORDER BY delivery_id, position LIMIT 3")
    assert [row["text"] for row in texts] == PARTS


async def test_the_other_parts_go_with_the_first_whatever_is_changed_meanwhile(
    number: Number,
) -> None:
    run_id, ledger = await begun(number)
    first = await accept(ledger)
    await number.execute("UPDATE contact SET name = 'Outra {nome', phone = '+5511900000000'")
    await number.execute("""UPDATE campaign SET content = '{"text": "x", "max_split_parts": 1}'""")
    others = [await accept(ledger) for _ in range(2)]
    assert [text_of(one) for one in (first, *others)] == PARTS
    assert [one.claim.reference.part for one in (first, *others)] == [1, 2, 3]
    assert await shown(number, run_id) == ("sent", ["sent"] * 3)


async def test_a_text_that_is_short_is_one_message(number: Number) -> None:
    run_id = await number.run(1, text="Olá", parts=5)
    ledger = number.ledger()
    await ledger.take()
    assert (await accept(ledger)).following is None
    assert (await shown(number, run_id), (await only(number, run_id))["parts"]) == (
        ("sent", ["sent"]),
        1,
    )


async def test_a_first_part_that_was_refused_is_written_anew(number: Number) -> None:
    """Nothing has arrived, so what was wrong with the contact may be mended."""
    run_id, ledger = await begun(number)
    [first] = await next_parts(ledger)
    await ledger.write([refused(first.claim, WRONG)])
    assert await shown(number, run_id) == ("failed", ["failed", "pending", "pending"])
    await number.execute("UPDATE delivery SET text = 'Oi.\n\nTchau.'")
    await try_again(number, run_id)
    assert [text_of(await accept(ledger)) for _ in range(2)] == ["Oi.", "Tchau."]
    assert await shown(number, run_id) == ("sent", ["sent", "sent"])


async def test_a_part_that_failed_is_where_it_goes_on(number: Number) -> None:
    run_id, ledger = await begun(number)
    await accept(ledger)
    [second] = await next_parts(ledger)
    await ledger.write([refused(second.claim, WRONG)])
    assert await shown(number, run_id) == ("failed", ["sent", "failed", "pending"])
    await try_again(number, run_id)
    assert [(await accept(ledger)).claim.reference.part for _ in range(2)] == [2, 3]
    assert await shown(number, run_id) == ("sent", ["sent"] * 3)


async def test_each_part_has_all_its_tries(number: Number) -> None:
    run_id, ledger = await begun(number)
    await number.execute("UPDATE delivery SET attempts = 4")
    await accept(ledger)
    row = await only(number, run_id)
    assert (row["status"], row["next_part"], row["attempts"]) == ("pending", 2, 0)


async def test_a_part_in_doubt_keeps_the_later_ones_until_it_is_heard_of(number: Number) -> None:
    run_id, ledger = await begun(number)
    first = await accept(ledger)
    [second] = await next_parts(ledger)
    await ledger.write([takeover.lost(second.claim.reference)])
    assert await shown(number, run_id) == ("unknown", ["sent", "unknown", "pending"])
    await ledger.complete([run_id])
    await report(number, "read", first.claim.reference)
    assert await shown(number, run_id) == ("unknown", ["read", "unknown", "pending"])
    assert (await number.run_row(run_id))["status"] == "completed"
    await report(number, "delivered", second.claim.reference)
    assert await shown(number, run_id) == ("pending", ["read", "delivered", "pending"])
    assert (await number.run_row(run_id))["status"] == "running"
    assert text_of(await accept(ledger)) == PARTS[2]
    assert await shown(number, run_id) == ("sent", ["read", "delivered", "sent"])


async def test_a_part_that_is_tried_again_though_it_has_arrived_does_not_leave(
    number: Number,
) -> None:
    run_id, ledger = await begun(number)
    await accept(ledger)
    [second] = await next_parts(ledger)
    await ledger.write([takeover.lost(second.claim.reference)])
    await try_again(number, run_id)
    [again] = await next_parts(ledger)
    assert again.claim.unsure
    await report(number, "delivered", second.claim.reference)
    assert await shown(number, run_id) == ("pending", ["sent", "delivered", "pending"])
    reference = again.claim.reference
    assert await ledger.unsure.withdraw([reference]) == {reference}
    assert (await accept(ledger)).claim.reference.part == 3
    assert await shown(number, run_id) == ("sent", ["sent", "delivered", "sent"])


async def test_a_part_in_doubt_that_is_heard_of_leads_to_nothing_in_a_cancelled_campaign(
    number: Number,
) -> None:
    run_id, ledger = await begun(number)
    [first] = await next_parts(ledger)
    await ledger.write([takeover.lost(first.claim.reference)])
    await number.execute("UPDATE run SET status = 'cancelled'")
    await report(number, "delivered", first.claim.reference)
    assert await shown(number, run_id) == ("cancelled", ["delivered", "pending", "pending"])


async def test_a_callback_before_the_answer_changes_nothing_of_the_order(number: Number) -> None:
    run_id, ledger = await begun(number)
    [first] = await next_parts(ledger)
    await report(number, "read", first.claim.reference)
    assert await shown(number, run_id) == ("sending", ["read", "pending", "pending"])
    await ledger.write([takeover.lost(first.claim.reference)])  # the answer never comes
    assert await shown(number, run_id) == ("pending", ["read", "pending", "pending"])


async def test_a_delivery_has_arrived_when_all_its_parts_have(number: Number) -> None:
    run_id, ledger = await begun(number)
    sent = [await accept(ledger) for _ in range(3)]
    for one in reversed(sent):
        assert (await only(number, run_id))["delivered_at"] is None
        await report(number, "delivered", one.claim.reference)
    assert (await shown(number, run_id))[0] == "delivered"
    assert (await only(number, run_id))["delivered_at"] is not None
    for one in sent:
        assert (await only(number, run_id))["read_at"] is None
        await report(number, "read", one.claim.reference)
    assert (await shown(number, run_id))[0] == "read"
    assert (await only(number, run_id))["read_at"] is not None


@pytest.mark.parametrize("on_the_wire", [False, True])
async def test_after_a_part_that_was_taken_back_no_other_leaves(
    on_the_wire: bool, number: Number
) -> None:
    run_id, ledger = await begun(number)
    first = await accept(ledger)
    second = (await next_parts(ledger)) if on_the_wire else []
    await report(number, "failed", first.claim.reference)
    await ledger.write([accepted(one.claim) for one in second])
    after = ["sent", "pending"] if on_the_wire else ["pending"] * 2
    assert await shown(number, run_id) == ("failed", ["failed", *after])
    assert (await only(number, run_id))["error_code"] == "131026"
    assert await next_parts(ledger) == []
    # A person sends what did not arrive, and only that.
    await try_again(number, run_id)
    again = [(await accept(ledger)).claim.reference.part for _ in range(2 if on_the_wire else 3)]
    assert again == ([1, 3] if on_the_wire else [1, 2, 3])
    assert await shown(number, run_id) == ("sent", ["sent"] * 3)


async def test_a_claim_that_is_given_back_after_a_part_was_taken_back_leads_to_no_other(
    number: Number,
) -> None:
    run_id, ledger = await begun(number)
    first = await accept(ledger)
    [second] = await next_parts(ledger)
    await report(number, "failed", first.claim.reference)
    await ledger.release([second.claim.reference])
    assert await shown(number, run_id) == ("failed", ["failed", "pending", "pending"])
    row = await only(number, run_id)
    assert (row["error_code"], row["failed_at"] is not None) == ("131026", True)
    await try_again(number, run_id)
    assert [(await accept(ledger)).claim.reference.part for _ in range(3)] == [1, 2, 3]


async def test_after_a_cancel_the_rest_does_not_leave(number: Number) -> None:
    run_id, ledger = await begun(number)
    first = await accept(ledger)
    [second] = await next_parts(ledger)
    await number.execute("UPDATE run SET status = 'cancelled'")
    await ledger.write([accepted(second.claim)])
    assert await shown(number, run_id) == ("cancelled", ["sent", "sent", "pending"])
    assert await next_parts(ledger) == []
    for one in (first, second):
        await report(number, "read", one.claim.reference)
    assert await shown(number, run_id) == ("cancelled", ["read", "read", "pending"])


async def test_after_an_opt_out_the_rest_does_not_leave(number: Number) -> None:
    run_id, ledger = await begun(number)
    first = await accept(ledger)
    contact = (await only(number, run_id))["contact_id"]
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        assert await consent.opt_out(tx, contact, source=consent.Source.USER, now=clock.now()) == 1
    assert await next_parts(ledger) == []
    await report(number, "failed", first.claim.reference)
    assert await shown(number, run_id) == ("suppressed", ["failed", "pending", "pending"])


async def test_a_driver_that_dies_between_parts_costs_none_and_repeats_none(
    number: Number, simulator: Simulator
) -> None:
    run_id, ledger = await begun(number, 12)
    first = [one.claim for one in await next_parts(ledger, 12)]
    await ledger.write([accepted(claim) for claim in first[:8]])
    await next_parts(ledger, 5)  # second parts, claimed and never reserved
    async with asyncio.timeout(60):
        while (await number.run_row(run_id))["status"] != "completed":
            await number.driver().drive()
    stats = await simulator.stats(number.number)
    assert (stats["accepted"], stats["duplicates"]) == (8 * 2 + 4 * 3, 0)
    assert set(await number.statuses(run_id)) <= {"sent", "delivered", "read"}
    done = await number.rows("SELECT DISTINCT parts, next_part FROM delivery")
    assert [row["parts"] for row in done] == [3]


async def test_two_drivers_that_both_believe_the_number_is_theirs_repeat_no_part(
    number: Number, simulator: Simulator
) -> None:
    run_id = await number.run(60, text=TEXT, parts=3)
    lost = Unlucky(number.transport, rate=0.2)  # grants that die before they are used

    async def drive() -> None:
        while (await number.run_row(run_id))["status"] != "completed":
            await number.driver(transport=lost).drive()

    first = asyncio.create_task(number.driver(transport=lost).drive())
    await simulator.saw(number.number, 30)
    async with asyncio.timeout(60):
        await asyncio.gather(first, drive())
    assert (await simulator.stats(number.number))["duplicates"] == 0
    came: dict[str, list[str]] = defaultdict(list)
    for row in await simulator.log(number.number):
        delivery, part, _ = row["reference"].split(".")
        came[delivery].append(part)
    assert all(parts == ["1", "2", "3"][: len(parts)] for parts in came.values()), came
    counts = await number.statuses(run_id)
    unknown = counts.pop("unknown", 0)
    assert sum(counts.values()) + unknown == 60
    assert sum(len(parts) == 3 for parts in came.values()) >= 60 - unknown


async def test_what_has_begun_is_not_overtaken_by_first_sends(number: Number) -> None:
    run_id, ledger = await begun(number, 30)
    first = [one.claim for one in await next_parts(ledger, 4)]
    await ledger.write([accepted(claim) for claim in first])
    then = await next_parts(ledger, 10)
    assert [one.claim.reference.part for one in then] == [2] * 4 + [1] * 6
    begun_with = {claim.reference.delivery_id for claim in first}
    assert {one.claim.reference.delivery_id for one in then[:4]} == begun_with
    # Nor do they wait for one that pauses.
    later = clock.now() + timedelta(hours=1)
    await ledger.write([replace(accepted(one.claim), due_at=later) for one in then[:4]])
    assert [one.claim.reference.part for one in await next_parts(ledger, 5)] == [1] * 5
    assert len(await number.deliveries(run_id)) == 30


async def test_a_message_that_has_begun_stays_with_its_number(
    number: Number, new_number: Callable[..., Awaitable[Number]]
) -> None:
    run_id, ledger = await begun(number, 3)
    other = await new_number()
    await number.execute(
        "INSERT INTO campaign_channel (workspace_id, campaign_id, channel_id, position)"
        " SELECT workspace_id, campaign_id, %(other)s, 1 FROM run",
        other=other.channel_id,
    )
    await accept(ledger)
    theirs = other.ledger()
    await theirs.take()
    assert [one.claim.reference.part for one in await next_parts(theirs, 10)] == [1, 1]
    assert [one.claim.reference.part for one in await next_parts(ledger, 10)] == [2]
    assert len(await number.deliveries(run_id)) == 3
