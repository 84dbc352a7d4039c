"""Which numbers are taken for dead, by what messages to them and from them have shown."""

import itertools
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.webhooks.calling import Number, Sent, body, change, send, states, status

from recado.domain.deliveries import DeliveryState
from recado.features.contacts import reach
from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime

UNDELIVERABLE = {"errors": [{"code": 131026, "title": "Message undeliverable"}]}


def moment(at: int) -> str:
    """So many seconds before or after now, as Meta writes it."""
    return str(int(time.time()) + at)


def told(word: str, sent: Sent, at: int, **more: Any) -> dict[str, Any]:
    """A state reported of a message."""
    return status(word, reference=sent.reference(), **more) | {"timestamp": moment(at)}


def missed(sent: Sent, at: int) -> dict[str, Any]:
    return told("failed", sent, at, **UNDELIVERABLE)


async def report(runtime: Runtime, number: Number, told: dict[str, Any]) -> None:
    """One callback with this in it, applied."""
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(told),
        )
    await apply_waiting(runtime, number.workspace)


async def reported(runtime: Runtime, number: Number, *statuses: dict[str, Any]) -> None:
    """A callback each, in this order."""
    for one in statuses:
        await report(runtime, number, change(number, one))


async def written(runtime: Runtime, number: Number, sent: Sent, at: int) -> None:
    """A message from the person."""
    async with runtime.db.workspace(number.workspace) as tx:
        phone = await tx.value("SELECT phone FROM contact WHERE id = %(id)s", id=sent.contact)
    message = {
        "from": phone[1:],
        "id": f"wamid.{at}",
        "timestamp": moment(at),
        "type": "text",
    }
    told = change(number)
    told["value"]["messages"] = [message | {"text": {"body": "oi"}}]
    await report(runtime, number, told)


async def known(runtime: Runtime, number: Number, sent: Sent) -> str | None:
    async with runtime.db.workspace(number.workspace) as tx:
        found: str | None = await tx.value(
            "SELECT wa_status FROM contact WHERE id = %(id)s AND"
            " (wa_status IS NULL) = (wa_checked_at IS NULL)",
            id=sent.contact,
        )
    return found


async def several(
    runtime: Runtime,
    number: Number,
    count: int,
    state: DeliveryState = DeliveryState.SENDING,
    *,
    to: Sent | None = None,
) -> list[Sent]:
    """Deliveries of as many runs, all to one person."""
    found = [await send(runtime, number, state) for _ in range(count)]
    first = to or found[0]
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "UPDATE delivery d SET contact_id = c.id, phone = c.phone, phone_key = c.phone_key"
            " FROM contact c WHERE c.id = %(contact)s AND d.id = ANY(%(ids)s)",
            contact=first.contact,
            ids=[one.id for one in found],
        )
    return [replace(one, contact=first.contact) for one in found]


async def test_a_number_is_dead_after_two_runs_have_failed_for_it(
    runtime: Runtime, number: Number
) -> None:
    first, second = await several(runtime, number, 2)
    await reported(runtime, number, missed(first, -50), missed(first, -40))
    assert await known(runtime, number, first) is None
    await reported(runtime, number, missed(second, -30))
    assert await known(runtime, number, first) == "dead"


async def test_what_arrives_or_comes_later_makes_a_dead_number_valid(
    runtime: Runtime, number: Number
) -> None:
    first, second, third, fourth = await several(runtime, number, 4)
    await reported(runtime, number, missed(first, -50), missed(second, -40))
    await reported(runtime, number, told("sent", third, -35))
    assert await known(runtime, number, first) == "dead"
    await reported(runtime, number, told("delivered", third, -30))
    assert await known(runtime, number, first) == "valid"
    (fifth,) = await several(runtime, number, 1, to=first)
    await reported(runtime, number, missed(fourth, -20), missed(fifth, -15))
    assert await known(runtime, number, first) == "dead"
    await written(runtime, number, first, -60)  # known late, and before
    assert await known(runtime, number, first) == "dead"
    await written(runtime, number, first, -10)
    assert await known(runtime, number, first) == "valid"


@pytest.mark.parametrize(("between", "ends"), [(True, "valid"), (False, "dead")])
async def test_it_is_the_times_that_count_and_not_the_order_in_which_they_become_known(
    runtime: Runtime, number: Number, between: bool, ends: str
) -> None:
    for order in itertools.permutations(range(3)):
        first, second, third = await several(runtime, number, 3)
        events = [
            missed(first, -50),
            told("delivered", second, -40 if between else -60),
            missed(third, -30),
        ]
        await reported(runtime, number, *(events[place] for place in order))
        assert await known(runtime, number, first) == ends, order


async def test_failures_of_a_number_that_a_contact_no_longer_has_do_not_count(
    runtime: Runtime, number: Number
) -> None:
    first, second = await several(runtime, number, 2)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "UPDATE delivery SET phone_key = phone_key || '0' WHERE id = %(id)s", id=first.id
        )
    await reported(runtime, number, missed(first, -50), missed(second, -40))
    assert await known(runtime, number, first) is None


async def test_what_a_provider_has_answered_holds_until_something_arrives_later(
    runtime: Runtime, number: Number
) -> None:
    first, second = await several(runtime, number, 2)
    await reach.note(runtime.db, number.workspace, [first.contact], "dead")
    await reported(runtime, number, told("delivered", first, -50))
    assert await known(runtime, number, first) == "dead"
    await reported(runtime, number, told("delivered", second, 50))
    assert await known(runtime, number, first) == "valid"


async def test_what_waits_for_a_number_found_dead_is_left_out_where_the_campaign_says_so(
    runtime: Runtime, number: Number
) -> None:
    first, waiting, begun, wanted = await several(runtime, number, 4, DeliveryState.PENDING)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE delivery SET next_part = 1 WHERE id <> %(id)s", id=begun.id)
        await tx.run("UPDATE delivery SET next_part = 2 WHERE id = %(id)s", id=begun.id)
        await tx.run(
            "UPDATE campaign SET skip_dead_numbers = false FROM run"
            " WHERE run.campaign_id = campaign.id AND run.id = %(run)s",
            run=wanted.run,
        )
    await reach.note(runtime.db, number.workspace, [first.contact], "dead")
    found = await states(runtime, number, [waiting, begun, wanted])
    assert found == ["suppressed", "pending", "pending"]
    async with runtime.db.workspace(number.workspace) as tx:
        reasons = await tx.all("SELECT DISTINCT reason FROM delivery WHERE status = 'suppressed'")
    assert reasons == [{"reason": "dead_number"}]
