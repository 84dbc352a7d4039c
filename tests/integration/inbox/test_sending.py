"""An answer leaves once, before campaigns and within every limit, or says why it did not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.integration.dispatch.driving import Number, Simulator
from tests.integration.inbox.people import contact_with, messages, take_in

from recado.domain import limits, pacing
from recado.domain.ids import ContactId, ConversationId, MessageId, RunId, WorkspaceId
from recado.domain.limits import Path, Scope
from recado.features.contacts import consent
from recado.features.inbox import jobs, outgoing, receipts
from recado.features.inbox.claims import LOOK_AGAIN
from recado.features.inbox.jobs import sweep_messages
from recado.features.inbox.sending import Sending
from recado.features.limits.books import Books
from recado.features.limits.limiter import Limiter
from recado.platform import clock
from recado.platform.redis import key
from recado.platform.runtime import Runtime
from recado.providers.base import Transport
from recado.providers.events import EchoEvent, InboundEvent, StatusEvent

Superuser = psycopg.Connection[tuple[object, ...]]
NewNumber = Callable[..., Awaitable[Number]]
HELLO = {"type": "text", "text": "Claro, {nome}!"}
TEMPLATE = {"type": "template", "name": "promo", "language": "pt_BR", "parameters": {}}


@dataclass
class Desk:
    """Somebody who answers a person on a number."""

    number: Number
    contact: ContactId
    digits: str
    place: ConversationId

    @property
    def workspace(self) -> WorkspaceId:
        return self.number.workspace_id

    async def put(self, content: dict[str, Any] = HELLO) -> MessageId:
        async with self.number.runtime.db.workspace(self.workspace) as tx:
            return await outgoing.put(tx, self.number.runtime, self.place, content)

    async def send(self, message: MessageId, *, timeout: float = 5.0) -> datetime | None:
        sending = Sending(self.number.runtime, self.number.transport, timeout)
        return await sending.send(self.workspace, message)

    async def row(self, message: MessageId) -> dict[str, Any]:
        found = await messages(self.number.runtime, self.workspace)
        return next(row for row in found if row["id"] == message)

    async def time_passes(self) -> None:
        await self.number.execute("UPDATE message SET due_at = now() WHERE status = 'pending'")

    async def written(self, *, hours_ago: float) -> None:
        await self.number.execute(
            "UPDATE conversation SET last_inbound_at = now() - %(ago)s",
            ago=timedelta(hours=hours_ago),
        )


@pytest.fixture
def desk(runtime: Runtime, workspace: WorkspaceId, new_number: NewNumber) -> Any:
    async def make(**pacing: Any) -> Desk:
        number = await new_number(**pacing)
        contact, digits = await contact_with(runtime, workspace)
        event = InboundEvent(
            sender=digits, message_id=f"in-{digits}", kind="text", text="Oi", at=clock.now()
        )
        await take_in(runtime, workspace, number.channel_id, event)
        async with runtime.db.workspace(workspace) as tx:
            place = await outgoing.conversation_of(
                tx, contact_id=contact, channel_id=number.channel_id
            )
        return Desk(number, contact, digits, place)

    return make


MakeDesk = Callable[..., Awaitable[Desk]]


async def test_an_answer_leaves_once_whoever_sends_it(desk: MakeDesk, simulator: Simulator) -> None:
    at = await desk()
    message = await at.put()
    await asyncio.gather(*(at.send(message) for _ in range(3)))
    assert await at.send(message) is None
    [accepted] = await simulator.log(at.number.number)
    assert accepted["to"] == at.digits
    assert accepted["text"] == "Claro, {nome}!"
    assert accepted["reference"] == f"m{message}.1"
    row = await at.row(message)
    assert (row["status"], row["provider_id"], row["attempts"]) == ("sent", accepted["id"], 1)
    [tried] = await at.number.rows("SELECT status, left_at, answers FROM message_attempt")
    assert (tried["status"], tried["answers"]) == ("accepted", True)
    [used] = await at.number.rows("SELECT requests, campaign_id FROM usage")
    assert used == {"requests": 1, "campaign_id": 0}
    flying = key(at.workspace, "channel", at.number.channel_id, "answers")
    assert await at.number.runtime.redis.zcard(flying) == 0


async def test_what_may_have_left_is_not_sent_again_until_a_callback_tells(
    desk: MakeDesk, simulator: Simulator, runtime: Runtime
) -> None:
    at = await desk()
    await simulator.faults({"fault": {"kind": "accept_then_drop"}, "count": 1})
    message = await at.put()
    assert await at.send(message) is None
    assert (await at.row(message))["status"] == "unknown"
    assert await at.send(message) is None
    assert (await simulator.stats(at.number.number))["requests"] == 1
    await reported(at, "delivered", reference=f"m{message}.1", provider_id="wamid.D")
    row = await at.row(message)
    assert (row["status"], row["provider_id"], row["error_code"]) == ("delivered", "wamid.D", None)


async def reported(
    at: Desk, status: str, *, provider_id: str = "", reference: str | None = None
) -> None:
    event = StatusEvent(provider_id=provider_id, status=status, reference=reference, at=clock.now())
    async with at.number.runtime.db.workspace(at.workspace) as tx:
        await receipts.take_in(tx, at.number.runtime, [(at.number.channel_id, event, status)])


async def test_states_only_climb_and_callbacks_may_come_before_the_answer(desk: MakeDesk) -> None:
    at = await desk()
    message = await at.put()
    await at.send(message)
    given = (await at.row(message))["provider_id"]
    for status in ("read", "sent", "delivered", "failed"):
        await reported(at, status, provider_id=given)
    row = await at.row(message)
    assert row["status"] == "read"
    assert row["delivered_at"] is not None
    await reported(at, "sent", provider_id="another's")
    other = await at.put()
    await at.number.execute("UPDATE message SET status = 'sending' WHERE id = %(id)s", id=other)
    await reported(at, "delivered", reference=f"m{other}.1", provider_id="wamid.E")
    assert (await at.row(other))["status"] == "delivered"


async def test_what_is_throttled_waits_and_what_is_refused_says_why(
    desk: MakeDesk, simulator: Simulator
) -> None:
    at = await desk()
    await simulator.faults(
        {"fault": {"kind": "error", "code": 131056}, "count": 1},
    )
    message = await at.put()
    again = await at.send(message)
    assert again is not None
    assert timedelta(seconds=2) < again - clock.now() < timedelta(seconds=7)
    await at.time_passes()
    assert await at.send(message) is None
    row = await at.row(message)
    assert (row["status"], row["claims"], row["error_code"]) == ("sent", 2, None)
    await simulator.faults({"fault": {"kind": "error", "code": 131026}, "count": 1})
    refused = await at.put()
    assert await at.send(refused) is None
    row = await at.row(refused)
    assert (row["status"], row["error_code"]) == ("failed", "131026")
    assert row["failed_at"] is not None


async def test_a_fault_of_the_account_pauses_the_channel_and_the_answer_waits_for_a_person(
    desk: MakeDesk, simulator: Simulator
) -> None:
    at = await desk()
    await simulator.faults({"fault": {"kind": "error", "code": 190}, "count": 1})
    message = await at.put()
    assert await at.send(message) is not None
    await at.time_passes()
    assert await at.send(message) is not None  # the channel is paused
    assert (await simulator.stats(at.number.number))["requests"] == 1
    await at.number.execute("UPDATE channel SET paused_reason = NULL, paused_until = NULL")
    await at.time_passes()
    for _ in range(2):  # the first opens the gate
        await at.send(message)
        await at.time_passes()
    assert (await at.row(message))["status"] == "sent"


async def test_after_a_day_only_a_template_may_begin_again_and_nothing_once_they_opted_out(
    desk: MakeDesk, simulator: Simulator, runtime: Runtime
) -> None:
    at = await desk()
    async with runtime.db.workspace(at.workspace) as tx:
        await consent.opt_out(tx, at.contact, source=consent.Source.USER, now=clock.now())
    inside = await at.put()
    await at.send(inside)
    assert (await at.row(inside))["status"] == "sent"  # they are talking to us
    await at.written(hours_ago=24.01)
    late, begins = await at.put(), await at.put(TEMPLATE)
    await at.send(late)
    await at.send(begins)
    assert (await at.row(late))["error_code"] == "opted_out"
    assert (await at.row(begins))["error_code"] == "opted_out"
    async with runtime.db.workspace(at.workspace) as tx:
        await consent.opt_in(tx, at.contact, source=consent.Source.USER, now=clock.now())
    late, begins = await at.put(), await at.put(TEMPLATE)
    await at.send(late)
    await at.send(begins)
    assert (await at.row(late))["error_code"] == "window_closed"
    assert (await at.row(begins))["status"] == "sent"
    assert (await simulator.stats(at.number.number))["accepted"] == 2


async def test_those_of_a_conversation_leave_in_the_order_in_which_they_were_put(
    desk: MakeDesk,
) -> None:
    at = await desk()
    first, second = await at.put(), await at.put()
    assert await at.send(second) is not None
    assert await at.send(first) is None
    await at.time_passes()
    assert await at.send(second) is None
    assert (await at.row(second))["status"] == "sent"


async def test_after_a_flush_the_limits_know_of_answers(desk: MakeDesk, runtime: Runtime) -> None:
    given = {"messageInterval": 60, "perMinute": 5, "capHourly": 7}
    at = await desk(**given)
    message = await at.put()
    await at.send(message)
    assert (await at.row(message))["status"] == "sent"
    waiting = await at.put()
    again = await at.send(waiting)
    assert again is not None
    assert again - clock.now() <= LOOK_AGAIN  # a person may have changed the limits by then
    assert (await at.row(waiting))["status"] == "pending"
    await runtime.redis.flushdb()
    channel = str(at.number.channel_id)
    pace = pacing.apply(pacing.UNLIMITED, given, {})
    found = limits.of_pacing(Scope.CHANNEL, channel, pace, age_days=None)
    await Books(runtime.redis, runtime.db, at.workspace).fill(found)
    limiter = Limiter(runtime.redis, key(at.workspace))
    grant = await limiter.reserve([], {RunId(1): Path(tuple(found), slots=1)})
    assert {limit.name: used for limit, used in grant.used} == dict.fromkeys(given, 1)


async def test_what_begins_conversations_while_the_tier_is_not_known_is_not_forgotten_by_it(
    desk: MakeDesk, runtime: Runtime
) -> None:
    at, tier = await desk(), limits.tier("waba", 5)
    await at.written(hours_ago=25)
    for known in (5, None):
        await at.number.execute("UPDATE channel SET portfolio = 'waba', tier = %(t)s", t=known)
        message = await at.put(TEMPLATE)
        await at.send(message)
        assert (await at.row(message))["status"] == "sent"
        opened = await runtime.redis.hexists(key(at.workspace, "limits"), tier.mark)
        assert opened == (known is not None)  # closed, it is filled from what is on record


async def test_what_lost_its_job_gets_another_and_what_was_on_its_way_is_unknown(
    desk: MakeDesk, runtime: Runtime
) -> None:
    at = await desk()
    lost, fresh = await at.put(), await at.put()
    await at.number.execute(
        "INSERT INTO message_attempt (workspace_id, message_id, number, channel_id, answers,"
        " status, claimed_at) SELECT workspace_id, id, 1, channel_id, true, 'claimed',"
        " now() - CASE id WHEN %(lost)s THEN interval '4 minutes' ELSE interval '1 minute' END"
        " FROM message WHERE id IN (%(lost)s, %(fresh)s)",
        lost=lost,
        fresh=fresh,
    )
    await at.number.execute(
        "UPDATE message SET status = 'sending', claims = 1 WHERE direction = 'out'"
    )
    waiting = await at.put()
    await at.number.execute(
        "UPDATE message SET due_at = now() - interval '1 minute' WHERE id = %(id)s", id=waiting
    )
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        await tx.run("DELETE FROM procrastinate_jobs")
    await sweep_messages(runtime)
    assert [(await at.row(one))["status"] for one in (lost, fresh)] == ["unknown", "sending"]
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        jobs = await tx.all("DELETE FROM procrastinate_jobs RETURNING args")
    ours = [job["args"] for job in jobs if job["args"]["workspace_id"] == at.workspace]
    assert [args["message_id"] for args in ours] == [waiting]


async def test_an_echo_that_was_faster_than_its_answer_is_not_a_second_message(
    desk: MakeDesk, simulator: Simulator, runtime: Runtime, transport: Transport
) -> None:
    at = await desk()
    message = await at.put()

    class Echoing:
        """Before the answer is read, the echo is taken in."""

        async def send(self, *given: Any, **more: Any) -> Any:
            answer = await transport.send(*given, **more)
            [accepted] = await simulator.log(at.number.number)
            echo = EchoEvent(
                by="phone", provider_id=accepted["id"], recipient=at.digits, text="Claro"
            )
            await take_in(runtime, at.workspace, at.number.channel_id, echo)
            return answer

    await Sending(runtime, Echoing(), 5.0).send(at.workspace, message)
    [row] = [m for m in await messages(runtime, at.workspace) if m["direction"] == "out"]
    assert (row["id"], row["status"]) == (message, "sent")


async def blocked(superuser: Superuser) -> int:
    """Whoever waits for a row that somebody else holds."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    for _ in range(900):
        if found := superuser.execute(waiting).fetchall():
            return int(str(found[0][0]))
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_an_echo_that_comes_at_the_same_moment_as_its_answer_is_not_a_second_message(
    desk: MakeDesk,
    simulator: Simulator,
    runtime: Runtime,
    transport: Transport,
    superuser: Superuser,
) -> None:
    at = await desk()
    message = await at.put()
    tasks: list[asyncio.Task[None]] = []

    async def echo(provider_id: str, written: asyncio.Event) -> None:
        async with runtime.db.workspace(at.workspace) as tx:
            await tx.run(
                "INSERT INTO message (workspace_id, conversation_id, channel_id, direction, kind,"
                " author, status, provider_id) VALUES (current_workspace_id(), %(place)s,"
                " %(channel)s, 'out', 'text', 'phone', 'sent', %(id)s)",
                place=at.place,
                channel=at.number.channel_id,
                id=provider_id,
            )
            written.set()
            await blocked(superuser)

    class Echoing:
        """When the answer is put on record, its echo is being taken in."""

        async def send(self, *given: Any, **more: Any) -> Any:
            answer = await transport.send(*given, **more)
            [accepted] = await simulator.log(at.number.number)
            written = asyncio.Event()
            tasks.append(asyncio.create_task(echo(accepted["id"], written)))
            await written.wait()
            return answer

    await Sending(runtime, Echoing(), 5.0).send(at.workspace, message)
    await asyncio.gather(*tasks)
    [row] = [m for m in await messages(runtime, at.workspace) if m["direction"] == "out"]
    assert (row["id"], row["status"]) == (message, "sent")


async def test_what_has_to_wait_is_given_back_also_if_postgresql_is_away_at_that_moment(
    desk: MakeDesk, runtime: Runtime, superuser: Superuser
) -> None:
    at = await desk(inFlight=1)
    message = await at.put()
    flying = key(at.workspace, "channel", at.number.channel_id, "flight")
    await runtime.redis.zadd(flying, {"1.1.1": clock.now().timestamp() * 1e6})
    sending = asyncio.create_task(at.send(message))
    for _ in range(900):
        if (await at.row(message))["status"] == "sending":
            break
        await asyncio.sleep(0.01)
    async with runtime.db.workspace(at.workspace) as tx:
        await tx.run("SELECT FROM message WHERE id = %(id)s FOR UPDATE", id=message)
        superuser.execute("SELECT pg_terminate_backend(%s)", [await blocked(superuser)])
    assert await sending is not None
    row = await at.row(message)
    assert (row["status"], row["claims"]) == ("pending", 1)


async def test_what_left_is_put_on_record_though_its_job_is_cancelled(
    desk: MakeDesk, simulator: Simulator, runtime: Runtime
) -> None:
    """As jobs are when their worker is told to stop."""
    at, own = await desk(), replace(runtime, closing=[])
    send = jobs.blueprint(own).tasks["send"].func
    await simulator.faults({"fault": {"kind": "latency", "ms": 1000}, "count": 1})
    message = await at.put()
    given = {"workspace_id": at.workspace, "conversation_id": at.place, "message_id": message}
    job = asyncio.create_task(send(**given))
    await simulator.saw(at.number.number, 1)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    for close in own.closing:
        await close()
    assert (await at.row(message))["status"] == "sent"
