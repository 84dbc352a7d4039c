"""A wish is kept for the person who had it, whatever becomes of their contact meanwhile."""

import asyncio

from tests.integration.api.product import Api
from tests.integration.webhooks.calling import Number, send, states
from tests.integration.webhooks.test_wishes import (
    NOON,
    digits_of,
    holds,
    person,
    refused,
    said,
    tell,
    waiting,
    write,
)

from recado.features.gates.service import contact_gate
from recado.features.inbox import people
from recado.features.wishes.hearing import hear
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.events import InboundEvent


async def test_a_refusal_told_late_counts_for_who_was_deleted_and_added_again(
    runtime: Runtime, number: Number, api: Api
) -> None:
    sent = await send(runtime, number)
    digits = await digits_of(runtime, number, sent)
    await api("DELETE", f"contacts/{sent.contact}", status=204)
    again = await api("POST", "contacts", {"phone": f"+{digits}"}, status=201)
    await tell(runtime, number, statuses=[{**refused(sent), "recipient_id": digits}])
    assert await holds(runtime, number, again["id"]) == (NOON, "provider_error")


async def test_a_changed_number_takes_the_wish_along_and_keeps_it(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    waits = await waiting(runtime, number, contact)
    other = f"+5511{98700_0000 + contact}"
    await write(runtime, number, said(digits))
    for phone in (other, f"+{digits}", other):  # and back, and again: the same wish it remains
        await api("PATCH", f"contacts/{contact}", {"phone": phone})
        assert await holds(runtime, number, contact) == (NOON, "keyword")
        assert len((await api("GET", f"contacts/{contact}/consent"))["items"]) == 1
    former = await api("POST", "contacts", {"phone": f"+{digits}"}, status=201)
    assert await holds(runtime, number, former["id"]) == (NOON, "keyword")
    await api("DELETE", f"contacts/{contact}", status=204)
    again = await api("POST", "contacts", {"phone": other}, status=201)
    assert await holds(runtime, number, again["id"]) == (NOON, "keyword")
    assert await states(runtime, number, [waits]) == ["suppressed"]


async def test_who_gets_a_number_of_somebody_deleted_gets_their_wish(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    other, _ = await person(runtime, number.workspace)
    await write(runtime, number, said(digits))
    await api("DELETE", f"contacts/{contact}", status=204)
    waits = await waiting(runtime, number, other)
    await api("PATCH", f"contacts/{other}", {"phone": f"+{digits}"})
    assert await holds(runtime, number, other) == (NOON, "keyword")
    assert await states(runtime, number, [waits]) == ["suppressed"]


async def test_who_is_recognised_by_a_number_is_shut_out_at_once(
    runtime: Runtime, number: Number
) -> None:
    contact, digits = await person(runtime, number.workspace)
    waits = await waiting(runtime, number, contact)
    name = {"from_user_id": f"BR.r{contact}"}
    await write(runtime, number, {**said(""), **name})
    assert await states(runtime, number, [waits]) == ["pending"]
    await write(runtime, number, {**said(digits, "oi", at=NOON + 9), **name})
    assert await states(runtime, number, [waits]) == ["suppressed"]
    assert await runtime.redis.exists(contact_gate(number.workspace, contact))


async def test_a_wish_told_without_a_number_is_kept_under_the_number_once_that_is_known(
    runtime: Runtime, number: Number, api: Api
) -> None:
    contact, digits = await person(runtime, number.workspace)
    name = {"from_user_id": f"BR.t{contact}"}
    await write(runtime, number, {**said(""), **name})
    await write(runtime, number, {**said(digits, "oi", at=NOON + 9), **name})
    await api("DELETE", f"contacts/{contact}", status=204)
    again = await api("POST", "contacts", {"phone": f"+{digits}"}, status=201)
    assert await holds(runtime, number, again["id"]) == (NOON, "keyword")


async def test_who_is_recognised_at_the_very_moment_is_heard_all_the_same(
    runtime: Runtime, number: Number
) -> None:
    contact, _ = await person(runtime, number.workspace)
    name = f"BR.s{contact}"
    stop = InboundEvent(user_id=name, message_id="wamid.s", text="SAIR", at=clock.now())
    async with runtime.db.workspace(number.workspace) as tx:
        await people.alone(tx)
        await people.learn(tx, {(number.channel, name): (contact, clock.now())})
        hearing = asyncio.create_task(hear(runtime, number.workspace, [(number.channel, stop)], []))
        done, _ = await asyncio.wait({hearing}, timeout=0.3)
        assert not done, "it did not wait for what was being learned"
    await hearing
    assert (await holds(runtime, number, contact))[1] == "keyword"
