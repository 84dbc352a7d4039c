"""Whoever writes to a number has a conversation with it."""

import time
from typing import Any

from tests import factories
from tests.integration.webhooks.calling import Number, body, change

from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime


async def receive(runtime: Runtime, number: Number, *messages: dict[str, Any]) -> None:
    """A callback with messages from contacts, applied."""
    told = change(number)
    told["value"]["messages"] = list(messages)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(told),
        )
    assert await apply_waiting(runtime, number.workspace) == 1


def message(sender: str, seconds_ago: float = 0) -> dict[str, Any]:
    at = str(int(time.time() - seconds_ago))
    return {"from": sender, "id": "wamid.I", "timestamp": at, "type": "text"}


async def conversations(runtime: Runtime, number: Number) -> list[tuple[int, int, int]]:
    """Contact, channel, and for how many minutes nothing has come."""
    async with runtime.db.workspace(number.workspace) as tx:
        rows = await tx.all(
            "SELECT contact_id, channel_id,"
            " (extract(epoch FROM now() - last_inbound_at) / 60)::integer AS minutes"
            " FROM conversation ORDER BY contact_id"
        )
    return [(row["contact_id"], row["channel_id"], row["minutes"]) for row in rows]


async def person(runtime: Runtime, number: Number) -> tuple[int, str]:
    """A contact, and the digits that WhatsApp knows it by: without the ninth."""
    [contact] = await factories.contacts(runtime, number.workspace, 1)
    short = 8000_0000 + contact
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "UPDATE contact SET phone_key = %(key)s WHERE id = %(id)s",
            key=f"55319{short}",
            id=contact,
        )
    return contact, f"5531{short}"


async def test_the_last_message_of_each_contact_counts(runtime: Runtime, number: Number) -> None:
    (one, digits), (other, more) = [await person(runtime, number) for _ in range(2)]
    await receive(runtime, number, message(digits, 600), message(digits, 300), message(more, 60))
    await receive(runtime, number, message(digits, 900))  # late, as callbacks may be
    assert await conversations(runtime, number) == [
        (one, number.channel, 5),
        (other, number.channel, 1),
    ]


async def test_a_message_from_the_future_was_written_now(runtime: Runtime, number: Number) -> None:
    one, digits = await person(runtime, number)
    await receive(runtime, number, message(digits, -86_400))
    assert await conversations(runtime, number) == [(one, number.channel, 0)]


async def test_strangers_and_odd_messages_start_none(runtime: Runtime, number: Number) -> None:
    odd: list[dict[str, Any]] = [{}, {"from": 7}, {"from": None}, message("\x00"), message("55")]
    await receive(runtime, number, *odd, message("5511999999999"))
    assert await conversations(runtime, number) == []


async def test_a_call_is_a_conversation_and_a_call_of_ours_is_none(
    runtime: Runtime, number: Number
) -> None:
    contact, digits = await person(runtime, number)
    other, more = await person(runtime, number)
    told = change(number)
    told["field"] = "calls"
    at = str(int(time.time()))
    told["value"]["calls"] = [
        {"id": "c1", "from": digits, "timestamp": at, "direction": "USER_INITIATED"},
        {"id": "c2", "to": more, "timestamp": at, "direction": "BUSINESS_INITIATED"},
    ]
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(told),
        )
    assert await apply_waiting(runtime, number.workspace) == 1
    assert await conversations(runtime, number) == [(contact, number.channel, 0)]
    assert contact != other
