"""A state that is told before it is on record what the message is called."""

from typing import Any

from tests.integration.webhooks.calling import Number, Sent, body, change, send, states, status

from recado.domain.deliveries import DeliveryState
from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime


async def told(runtime: Runtime, number: Number, word: str, name: str, ago: int = 0) -> None:
    """A state without a reference, as of providers that echo none; applied as far as can be."""
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body, received_at)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s,"
            " now() - make_interval(secs => %(ago)s))",
            channel=number.channel,
            body=body(change(number, status(word, provider_id=name))),
            ago=ago,
        )
    await apply_waiting(runtime, number.workspace)


async def recorded(runtime: Runtime, number: Number, sent: Sent, name: str) -> None:
    """The outcome of its request, with the provider's id."""
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "WITH part AS (UPDATE part SET status = 'sent', provider_id = %(name)s"
            " WHERE delivery_id = %(id)s), attempt AS (UPDATE attempt SET status = 'accepted'"
            " WHERE delivery_id = %(id)s)"
            " UPDATE delivery SET status = 'sent' WHERE id = %(id)s",
            id=sent.id,
            name=name,
        )


async def waiting(runtime: Runtime, number: Number) -> list[dict[str, Any]]:
    async with runtime.db.workspace(number.workspace) as tx:
        return await tx.all(
            "SELECT again_at > now() AS later FROM callback WHERE processed_at IS NULL"
        )


async def a_moment_later(runtime: Runtime, number: Number) -> None:
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE callback SET again_at = now() WHERE processed_at IS NULL")
    await apply_waiting(runtime, number.workspace)


async def test_a_state_that_comes_before_its_message_is_on_record_is_not_lost(
    runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number)
    await told(runtime, number, "delivered", "3EB0A")
    assert await states(runtime, number, [sent]) == ["sending"]
    assert await waiting(runtime, number) == [{"later": True}]
    await recorded(runtime, number, sent, "3EB0A")
    await a_moment_later(runtime, number)
    assert await states(runtime, number, [sent]) == ["delivered"]
    assert await waiting(runtime, number) == []


async def test_it_is_asked_for_again_by_a_job_of_its_own(runtime: Runtime, number: Number) -> None:
    await send(runtime, number)
    await told(runtime, number, "delivered", "3EB0B")
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        jobs = await tx.all(
            "SELECT scheduled_at > now() AS later FROM procrastinate_jobs"
            " WHERE task_name = 'webhooks:apply' AND (args->>'workspace_id')::bigint = %(id)s",
            id=number.workspace,
        )
    assert jobs == [{"later": True}]


async def test_a_state_of_somebody_else_s_message_is_not_waited_for(
    runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number)
    await told(runtime, number, "delivered", "3EB0C", ago=61)  # nobody's: a minute has shown it
    assert await waiting(runtime, number) == []
    await recorded(runtime, number, sent, "3EB0D")
    await told(runtime, number, "delivered", "3EB0E")  # nothing is on its way
    assert await waiting(runtime, number) == []


async def test_others_in_the_same_batch_are_applied_at_once(
    runtime: Runtime, number: Number
) -> None:
    known = await send(runtime, number, DeliveryState.SENT)
    await recorded(runtime, number, known, "3EB0F")
    await send(runtime, number)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(change(number, status("read", provider_id="3EB00"))),
        )
    await told(runtime, number, "read", "3EB0F")
    assert await states(runtime, number, [known]) == ["read"]
    assert await waiting(runtime, number) == [{"later": True}]
