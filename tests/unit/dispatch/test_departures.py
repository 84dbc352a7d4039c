"""A slot in flight is held from the grant until the outcome is on record, and no longer."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from redis.exceptions import ConnectionError as RedisAway
from tests.unit.dispatch.conftest import MakeLimiter, open_books, path_of

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import CampaignId, ChannelId, ContactId, DeliveryId, Reference, RunId
from recado.domain.limits import Path
from recado.domain.pacing import PRESETS
from recado.domain.rendering import parse
from recado.features.channels.service import OpenChannel
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.departures import Answer, Departed, Departures
from recado.features.dispatch.plans import Plan, Ready
from recado.features.dispatch.records import Result
from recado.features.dispatch.sender import Sender
from recado.features.limits.asks import Asking
from recado.features.limits.limiter import ChannelLimiter, Grant
from recado.platform import pulse
from recado.providers.base import Message, Text
from recado.providers.registry import provider

PACE = PRESETS["cloud"]
CHANNEL = OpenChannel(
    id=ChannelId(1),
    adapter=provider("simulator"),
    config={},
    pacing=PACE,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    portfolio=None,
    tier=None,
    paused_until=None,
    paused_reason=None,
    deleted=False,
)
PLAN = Plan(RunId(1), CampaignId(1), "running", parse("Olá"), PACE, Path())


def ready(number: int) -> Ready:
    claim = Claim(
        Reference(DeliveryId(number), 1, 1), RunId(1), ContactId(1), "+5531", 0, None, {}, False
    )
    return Ready(claim, PLAN, CHANNEL, Message("5531", str(claim.reference), Text("Olá")))


def result(number: int) -> Result:
    reference = Reference(DeliveryId(number), 1, 1)
    return Result(reference, None, None, "accepted", DeliveryState.SENT, "wamid")


class Scripted:
    """A sender whose answers are in the test's hands: numbers that are late never leave."""

    def __init__(self, *late: int) -> None:
        self._late = late

    async def send(self, message: Ready, write_before: float) -> Result | None:
        del write_before
        number = message.claim.reference.delivery_id
        return None if number in self._late else result(number)


def departures(*late: int) -> tuple[Departures, list[Result | None]]:
    ended: list[Result | None] = []
    return Departures(cast("Sender", Scripted(*late)), lambda _: None, ended.append), ended


async def let_pass(limiter: ChannelLimiter, *numbers: int) -> tuple[Grant, list[Ready]]:
    messages = [ready(number) for number in numbers]
    asking = [Asking(m.claim.reference, RunId(1), ContactId(1)) for m in messages]
    path = path_of(PACE)
    await open_books(limiter._redis, limiter._workspace_id, path)
    grant = await limiter.reserve(asking, {RunId(1): path})
    assert len(grant.granted) == len(numbers)
    return grant, messages


async def in_flight(limiter: ChannelLimiter) -> set[str]:
    return {str(attempt) for attempt in await limiter._redis.zrange(limiter._flight, 0, -1)}


async def test_a_slot_is_held_until_the_outcome_is_on_record(limiter_of: MakeLimiter) -> None:
    limiter = limiter_of(1)
    await limiter.take([])
    wire, ended = departures()
    grant, messages = await let_pass(limiter, 1, 2)
    for message in messages:
        wire.start(Departed(message, grant, 0))
    await wire.wait()
    assert len(ended) == len(wire) == 2
    assert await in_flight(limiter) == {"1.1.1", "2.1.1"}
    wire.recorded([messages[0].claim.reference])
    await wire.free(limiter)
    assert await in_flight(limiter) == {"2.1.1"}
    assert len(wire) == 1


async def test_what_could_not_be_written_waits_for_its_turn_again(limiter_of: MakeLimiter) -> None:
    limiter = limiter_of(1)
    await limiter.take([])
    wire, ended = departures(2)
    grant, messages = await let_pass(limiter, 1, 2)
    for message in messages:
        wire.start(Departed(message, grant, 0))
    await wire.wait()
    assert ended == [replace(result(1), left_at=grant.left_at), None]
    assert await wire.take_back(limiter) == [messages[1]]
    assert await in_flight(limiter) == {"1.1.1"}
    assert await wire.take_back(limiter) == []


async def test_while_redis_is_away_slots_are_kept_in_mind(
    limiter_of: MakeLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = limiter_of(1)
    await limiter.take([])
    wire, _ = departures(2)
    grant, messages = await let_pass(limiter, 1, 2)
    for message in messages:
        wire.start(Departed(message, grant, 0))
    await wire.wait()
    wire.recorded([messages[0].claim.reference])

    async def away(*_: object) -> None:
        raise RedisAway("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(limiter, "leave", away)
        patch.setattr(limiter, "take_back", away)
        with pytest.raises(RedisAway):
            await wire.free(limiter)
        with pytest.raises(RedisAway):
            await wire.take_back(limiter)
    await wire.free(limiter)
    assert await wire.take_back(limiter) == [messages[1]]
    assert await in_flight(limiter) == set()


async def test_what_came_to_its_end_during_a_takeover_holds_no_slot_under_the_new_lease(
    limiter_of: MakeLimiter,
) -> None:
    limiter = limiter_of(1)
    await limiter.take([])
    wire, _ = departures()
    grant, (message,) = await let_pass(limiter, 1)
    wire.start(Departed(message, grant, 0))
    await wire.wait()
    known = wire.references
    wire.recorded(known)  # while the take is on its way to Redis
    await wire.free(limiter)
    await limiter.take(list(known))
    assert await in_flight(limiter) == {"1.1.1"}
    wire.forgotten(known)
    await wire.free(limiter)
    assert await in_flight(limiter) == set()


async def test_what_could_not_be_undone_can_still_be_given_back(limiter_of: MakeLimiter) -> None:
    limiter = limiter_of(1)
    await limiter.take([])
    wire, _ = departures(1)
    grant, (message,) = await let_pass(limiter, 1)
    wire.start(Departed(message, grant, 0))
    await asyncio.sleep(0)
    await wire.wait()
    assert wire.never_left() == [message]
    assert len(wire) == 0


async def test_what_this_process_slept_through_says_nothing_about_the_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[Answer] = []
    on_the_wire = Departures(cast("Sender", Scripted()), answers.append, lambda _: None)
    grant = Grant((0,), {}, {}, {}, "1", "1:x")
    on_the_wire.start(Departed(ready(1), grant, 0.0))
    await on_the_wire.wait()
    assert len(answers) == 1
    monkeypatch.setattr(pulse, "awake_since", lambda: time.monotonic() + 1)
    on_the_wire.start(Departed(ready(2), grant, 0.0))
    await on_the_wire.wait()
    assert len(answers) == 1


async def test_a_process_that_stood_still_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.005)
    monkeypatch.setattr(pulse, "STILL_SECONDS", 0.05)
    monkeypatch.setattr(pulse, "_pulses", {})
    assert pulse.awake_since() == 0
    await asyncio.sleep(0.03)
    assert pulse.awake_since() == 0
    before = time.monotonic()
    time.sleep(0.1)  # noqa: ASYNC251 - this is what standing still is
    await asyncio.sleep(0.02)
    assert pulse.awake_since() > before
