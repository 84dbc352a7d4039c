"""What may leave a channel, and when: one call to a real Valkey decides."""

import asyncio
import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from tests.support.counting import densest
from tests.unit.dispatch.conftest import open_books, path_of

from recado.domain.ids import (
    ChannelId,
    ContactId,
    DeliveryId,
    MessageId,
    MessageReference,
    Reference,
    RunId,
    WorkspaceId,
)
from recado.domain.limits import Kind, Limit, Path, Scope, of_contact, pair, tier
from recado.domain.pacing import INTERVAL_JITTER, UNLIMITED, Pacing
from recado.features.gates import service as gates
from recado.features.gates.service import GRANT_LIFE
from recado.features.limits.asks import AnyReference, Asking, book_key
from recado.features.limits.limiter import (
    AnswerLimiter,
    BooksClosed,
    ChannelLimiter,
    Grant,
    LeaseLost,
)
from recado.platform.redis import key

FREE = UNLIMITED
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
_deliveries = itertools.count(1)


def pace(**limits: float | None) -> Pacing:
    return replace(UNLIMITED, **limits)  # type: ignore[arg-type]  # whole numbers are given as such


def ask(count: int, *, run: int = 1, contact: int = 1) -> list[Asking]:
    return [
        Asking(Reference(DeliveryId(next(_deliveries)), 1, 1), RunId(run), ContactId(contact))
        for _ in range(count)
    ]


class Channel(ChannelLimiter):
    """A channel's limiter whose books are open: nothing has left before."""

    async def ask(self, asking: Sequence[Asking], pacing: Pacing, *more: Limit) -> Grant:
        path = path_of(pacing, *more)
        await open_books(self._redis, self._workspace_id, path)
        return await self.reserve(asking, {RunId(1): path, **{a.run_id: path for a in asking}})


@pytest.fixture
def limiter_of(redis: "Redis", tenant: WorkspaceId) -> Callable[[int], Channel]:
    return lambda token: Channel(redis, tenant, ChannelId(1), token)


MakeLimiter = Callable[[int], Channel]


async def taken(limiter: Channel) -> Channel:
    await limiter.take([])
    return limiter


async def reserve(limiter: Channel, count: int, pacing: Pacing, *more: Limit) -> Grant:
    return await limiter.ask(ask(count), pacing, *more)


def let(grant: Grant) -> int:
    return len(grant.granted)


def wait(grant: Grant) -> float:
    return grant.ahead[RunId(1)].seconds


async def redis_now(redis: "Redis") -> float:
    seconds, microseconds = await redis.time()
    return float(seconds) * SECOND_US + float(microseconds)


async def test_without_a_limit_all_may_go(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert let(await reserve(limiter, 16, FREE)) == 16


async def test_no_more_than_the_second_allows(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    first = await reserve(limiter, 16, pace(per_second=5))
    second = await reserve(limiter, 16, pace(per_second=5))
    assert (let(first), let(second)) == (5, 0)
    assert 0.5 < wait(second) <= 1 + GRANT_LIFE + 0.001


async def test_a_limit_a_second_is_spread_over_the_second(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert let(await reserve(limiter, 16, pace(per_second=80))) == 10
    again = await reserve(limiter, 16, pace(per_second=80))
    assert let(again) == 0
    assert wait(again) < 0.11


async def test_the_minute_counts_what_left_within_it(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    now = await redis_now(redis)
    earlier = {f"old{n}": now - n * SECOND_US for n in (10, 30, 50, 59.9, 60.5, 61)}
    await redis.zadd(key(tenant, "limit", "channel:1:perMinute"), earlier)
    granted = await reserve(limiter, 16, pace(per_minute=10))
    assert let(granted) == 6  # four left within 60 s and the life of a grant
    full = await reserve(limiter, 1, pace(per_minute=10))
    assert let(full) == 0
    assert 0 < wait(full) < 0.2  # until the one of 59.9 s ago is out


async def test_a_pause_after_each_message(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert let(await reserve(limiter, 4, pace(message_interval=30))) == 1
    next_ = await reserve(limiter, 4, pace(message_interval=30))
    assert let(next_) == 0
    assert 29 < wait(next_) <= 30 * (1 + INTERVAL_JITTER)


async def test_slots_in_flight_are_freed_by_outcomes_alone(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    asked = ask(4)
    assert let(await limiter.ask(asked, pace(in_flight=3))) == 3
    full = await reserve(limiter, 1, pace(in_flight=3))
    assert (let(full), full.held[0].full) == (0, True)
    await limiter.leave([asked[0].reference])
    assert let(await reserve(limiter, 4, pace(in_flight=3))) == 1


async def test_all_limits_hold_at_once(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert let(await reserve(limiter, 9, pace(per_second=5, per_minute=7, in_flight=3))) == 3
    assert let(await reserve(limiter, 9, pace(per_second=5, per_minute=7))) == 2


async def test_looking_ahead_grants_nothing(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    ahead = await limiter.ask([], pace(per_second=1))
    assert (let(ahead), wait(ahead)) == (0, 0)
    assert let(await reserve(limiter, 1, pace(per_second=1))) == 1


async def test_a_grant_tells_the_time_on_redis_clock(
    limiter_of: MakeLimiter, redis: "Redis"
) -> None:
    limiter = await taken(limiter_of(1))
    before = await redis_now(redis)
    grant = await reserve(limiter, 1, FREE)
    assert before <= float(grant.at) <= await redis_now(redis)


@pytest.mark.parametrize(
    "limits", [{"per_second": 2}, {"message_interval": 30}, {"per_minute": 2}, {"cap_hourly": 2}]
)
async def test_grants_that_died_unused_are_taken_back(
    limiter_of: MakeLimiter, limits: dict[str, float]
) -> None:
    limiter = await taken(limiter_of(1))
    pacing = pace(**limits, in_flight=2)
    asked = ask(2)
    grant = await limiter.ask(asked, pacing)
    await limiter.take_back([asked[place].reference for place in grant.granted], grant)
    again = await limiter.ask(asked, pacing)
    assert let(again) == let(grant) > 0


async def test_taking_a_grant_back_leaves_the_others_counted(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    asked = ask(3)
    grant = await limiter.ask(asked, pace(per_second=3))
    await limiter.take_back([asked[1].reference], grant)
    assert let(await reserve(limiter, 3, pace(per_second=3))) == 1


async def test_taking_a_grant_back_does_not_end_a_later_pause(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    short, long = pace(message_interval=0.01), pace(message_interval=30)
    asked = ask(1)
    grant = await limiter.ask(asked, short)
    await asyncio.sleep(0.02)
    assert let(await reserve(limiter, 1, long)) == 1
    await limiter.take_back([asked[0].reference], grant)
    assert let(await reserve(limiter, 1, long)) == 0


async def test_a_closed_run_is_shut_out_and_its_neighbours_go(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await gates.sync_runs(redis, tenant, {RunId(7): "paused", RunId(8): "running"})
    asked = [*ask(1, run=7), *ask(2, run=8)]
    grant = await limiter.ask(asked, FREE)
    assert (grant.granted, list(grant.gated)) == ((1, 2), [0])
    assert grant.gated[0].gate == gates.run_gate(tenant, RunId(7))
    assert grant.gated[0].held.startswith("paused:")


async def test_a_contact_that_opted_out_is_shut_out(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await gates.close_contacts(redis, tenant, [ContactId(9)], "opted_out")
    grant = await limiter.ask([*ask(1), *ask(1, contact=9)], FREE)
    assert (grant.granted, list(grant.gated)) == ((0,), [1])


async def test_who_is_shut_out_takes_no_place(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await gates.sync_runs(redis, tenant, {RunId(7): "cancelled"})
    asked = [*ask(1, run=7), *ask(1), *ask(1, run=7), *ask(1)]
    grant = await limiter.ask(asked, pace(message_interval=5))
    assert (grant.granted, sorted(grant.gated)) == ((1,), [0, 2])


async def test_nothing_is_granted_without_a_lease(limiter_of: MakeLimiter) -> None:
    with pytest.raises(LeaseLost):
        await reserve(limiter_of(1), 1, FREE)


async def test_a_new_driver_revokes_the_old_one(limiter_of: MakeLimiter) -> None:
    old, new = await taken(limiter_of(1)), await taken(limiter_of(2))
    with pytest.raises(LeaseLost):
        await reserve(old, 1, FREE)
    with pytest.raises(LeaseLost) as lost:
        await taken(old)
    assert lost.value.above == 2
    assert let(await reserve(new, 1, FREE)) == 1


async def test_a_new_driver_learns_what_was_in_flight_and_frees_the_slots(
    limiter_of: MakeLimiter,
) -> None:
    old = await taken(limiter_of(1))
    asked = ask(3)
    await old.ask(asked[:2], FREE)
    await old.leave([asked[0].reference])
    new = limiter_of(2)
    found = await new.take([])
    assert found.previous == old.lease
    assert found.in_flight == {str(asked[1].reference)}
    assert let(await reserve(new, 9, pace(in_flight=3))) == 3  # and nobody stands still


async def test_a_driver_that_takes_its_channel_again_keeps_its_own_slots(
    limiter_of: MakeLimiter,
) -> None:
    limiter = await taken(limiter_of(1))
    asked = ask(2)
    await limiter.ask(asked, FREE)
    await limiter.take([asked[0].reference])
    assert let(await reserve(limiter, 9, pace(in_flight=3))) == 2


async def test_limits_outlive_a_driver(limiter_of: MakeLimiter) -> None:
    pacing = pace(per_second=3, message_interval=None)
    await reserve(await taken(limiter_of(1)), 3, pacing)
    assert let(await reserve(await taken(limiter_of(2)), 3, pacing)) == 0


async def _forget(redis: "Redis", tenant: WorkspaceId) -> None:
    """What a flush does to one workspace."""
    names = [name async for name in redis.scan_iter(match=key(tenant, "*"), count=1000)]
    await redis.delete(*names)


async def test_after_a_flush_nothing_is_granted_before_the_channel_is_taken_again(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await reserve(limiter, 1, FREE)
    await _forget(redis, tenant)
    with pytest.raises(LeaseLost):
        await reserve(limiter, 1, FREE)


async def test_after_a_flush_nothing_is_granted_before_the_books_are_filled(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await reserve(limiter, 1, pace(per_second=5))
    await _forget(redis, tenant)
    found = await limiter.take([])
    assert found.previous is None
    with pytest.raises(BooksClosed) as closed:
        await limiter.reserve(ask(1), {RunId(1): path_of(pace(per_second=5))})
    assert [limit.name for limit in closed.value.limits] == ["perSecond"]


async def test_a_limit_that_was_off_for_a_while_must_be_filled_again(
    limiter_of: MakeLimiter,
) -> None:
    limiter = await taken(limiter_of(1))
    on, off = path_of(pace(per_second=5)), path_of(FREE)
    await reserve(limiter, 1, pace(per_second=5))
    await limiter.reserve(ask(1), {RunId(1): on})
    await limiter.reserve([], {RunId(1): off})  # a look changes nothing
    await limiter.reserve(ask(1), {RunId(1): on})
    await limiter.reserve(ask(1), {RunId(1): off})  # this one stands in no book
    with pytest.raises(BooksClosed):
        await limiter.reserve(ask(1), {RunId(1): on})


async def test_a_restarted_redis_is_not_trusted(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await reserve(limiter, 2, pace(per_second=2))
    # What a restart leaves behind: all keys, written by a server of another identity.
    lease = key(tenant, "channel", 1, "lease")
    await redis.set(lease, f"{limiter.lease}:{'0' * 40}")
    with pytest.raises(LeaseLost):
        await reserve(limiter, 1, FREE)
    found = await limiter_of(2).take([])
    assert found.previous is None
    assert found.in_flight  # known to have been reserved, though others may be missing


@pytest.mark.parametrize("seed", range(3))
async def test_however_it_is_asked_no_window_ever_holds_more_than_its_limit(
    limiter_of: MakeLimiter, seed: int
) -> None:
    """Several askers ask for random numbers at random moments, some of whose grants die."""
    chance = random.Random(seed)
    limiter = await taken(limiter_of(1))
    kept = pace(per_second=chance.choice([7, 23, 60]), in_flight=chance.choice([4, 30, None]))
    times: list[float] = []
    flying: list[AnyReference] = []
    most_flying = 0

    async def asker() -> None:
        nonlocal most_flying
        for _ in range(60):
            asked = ask(chance.randint(1, 16))
            grant = await limiter.ask(asked, kept)
            granted = [asked[place].reference for place in grant.granted]
            died = [r for r in granted if chance.random() < 0.1]
            left = [r for r in granted if r not in died]
            times.extend([float(grant.at)] * len(left))
            flying.extend(left)
            most_flying = max(most_flying, len(flying))
            if died:
                await limiter.take_back(died, grant)
            await asyncio.sleep(chance.uniform(0, 0.06))
            ended = [r for r in tuple(flying) if chance.random() < 0.6]
            for reference in ended:
                flying.remove(reference)
            await limiter.leave(ended)

    await asyncio.gather(*(asker() for _ in range(4)))
    times.sort()
    assert len(times) > 10
    assert kept.per_second is not None
    assert densest(times, (1 + GRANT_LIFE) * SECOND_US) <= kept.per_second
    if kept.per_second >= 10:
        assert densest(times, 0.1 * SECOND_US) <= math.ceil(kept.per_second / 8)
    if kept.in_flight is not None:
        assert most_flying <= kept.in_flight


async def test_however_it_is_asked_the_pause_after_each_message_is_kept(
    limiter_of: MakeLimiter,
) -> None:
    chance = random.Random(5)
    limiter = await taken(limiter_of(1))
    granted: list[float] = []
    slow = pace(message_interval=0.02, longer_interval_after=4, greater_interval=0.06)

    async def asker() -> None:
        for _ in range(60):
            grant = await limiter.ask(ask(chance.randint(1, 4)), slow)
            granted.extend([float(grant.at)] * let(grant))
            await asyncio.sleep(chance.uniform(0, 0.02))

    await asyncio.gather(*(asker() for _ in range(3)))
    granted.sort()
    pauses = [then - at for at, then in itertools.pairwise(granted)]
    assert len(pauses) > 8
    assert min(pauses) >= 0.02 * SECOND_US
    # After every fourth message the longer one.
    assert min(pauses[3::4]) >= 0.06 * SECOND_US


async def test_chance_makes_a_pause_longer_and_never_shorter(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    (one,) = ask(1)
    grant = await limiter.ask([replace(one, chance=1.0)], pace(message_interval=10))
    assert wait(grant) == 10 * (1 + INTERVAL_JITTER)


async def test_long_windows_count_the_partial_minute_in_full(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    minute = int(await redis_now(redis)) // MINUTE_US
    book = key(tenant, "limit", "channel:1:capHourly")
    # The minute that ended an hour ago, or a moment less, is still touched by the hour before now.
    counts: dict[str | int, int] = {minute - 62: 100, minute - 60: 4, minute - 30: 3}
    counts |= {"oldest": minute - 62, "sum": 107}
    await redis.hset(book, mapping={str(name): count for name, count in counts.items()})
    assert let(await reserve(limiter, 9, pace(cap_hourly=10))) == 3
    full = await reserve(limiter, 1, pace(cap_hourly=10))
    assert let(full) == 0
    # Until that minute is out of every hour: at the next one, or a grant's life later.
    assert 0 < wait(full) <= 61


async def test_a_day_is_counted_too_and_what_is_over_is_forgotten(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    minute = int(await redis_now(redis)) // MINUTE_US
    book = key(tenant, "limit", "channel:1:capDaily")
    counts: dict[str | int, int] = {minute - 3000: 50, minute - 1500: 40, minute - 600: 5}
    counts |= {"oldest": minute - 3000, "sum": 95}
    await redis.hset(book, mapping={str(name): count for name, count in counts.items()})
    assert let(await reserve(limiter, 9, pace(cap_daily=8))) == 3
    left = await redis.hgetall(book)
    assert int(left["sum"]) == 8
    assert str(minute - 1500) not in left


async def test_a_tier_counts_people_and_not_messages(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    people = tier("waba", 2)
    asked = [*ask(2, contact=1), *ask(1, contact=2), *ask(2, contact=3), *ask(1, contact=2)]
    grant = await limiter.ask(asked, FREE, people)
    assert grant.granted == (0, 1, 2, 5)
    assert {wait.limit for wait in grant.held.values()} == {people}
    # Who wrote to us is answered, whatever the tier.
    (answer,) = ask(1, contact=9)
    assert let(await limiter.ask([replace(answer, answers=True)], FREE, people)) == 1


async def test_what_one_contact_may_not_get_yet_holds_nobody_else_back(
    limiter_of: MakeLimiter,
) -> None:
    limiter = await taken(limiter_of(1))
    asked = [*ask(1, contact=1), *ask(2, contact=1), *ask(1, contact=2)]
    grant = await limiter.ask(asked, FREE, of_contact(2))
    assert grant.granted == (0, 1, 3)
    assert grant.held[2].of_contact
    assert wait(grant) == 0


async def test_a_message_in_parts_is_one_message_to_its_contact(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    parts = [
        Asking(Reference(DeliveryId(77), part, part), RunId(1), ContactId(1)) for part in (1, 2, 3)
    ]
    for part in parts:
        assert let(await limiter.ask([part], FREE, of_contact(1))) == 1
    assert let(await limiter.ask(ask(1), FREE, of_contact(1))) == 0


async def test_a_pair_may_borrow_and_then_pays_back(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    granted = [let(await limiter.ask(ask(16), FREE, pair("1"))) for _ in range(4)]
    assert granted == [16, 16, 13, 0]
    held = (await limiter.ask(ask(1), FREE, pair("1"))).held[0]
    assert 5 < held.seconds <= 6
    assert let(await limiter.ask(ask(1, contact=2), FREE, pair("1"))) == 1


async def test_a_slow_campaign_does_not_slow_its_neighbour(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    slow = path_of(FREE, Limit(Scope.CAMPAIGN, "1.7", "perMinute", Kind.LOG, 1, 60))
    fast = path_of(pace(per_second=4))
    both = {RunId(7): slow, RunId(8): replace(fast, limits=(*fast.limits,))}
    for path in both.values():
        await open_books(limiter._redis, limiter._workspace_id, path)
    asked = [*ask(2, run=7), *ask(2, run=8)]
    grant = await limiter.reserve(asked, {**both, RunId(7): replace(slow, off=())})
    assert grant.granted == (0, 2, 3)
    assert grant.ahead[RunId(7)].seconds > 59
    assert grant.ahead[RunId(8)].seconds == 0


async def test_an_answer_of_a_channel_comes_before_its_campaigns(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    """Without its lease, through the same books."""
    every_minute = pace(message_interval=60)
    limiter = await taken(limiter_of(1))
    assert let(await reserve(limiter, 1, every_minute)) == 1
    answers = AnswerLimiter(redis, tenant, ChannelId(1), gated=False)
    path = {RunId(0): path_of(every_minute)}
    answer = Asking(MessageReference(MessageId(1), 1), RunId(0), ContactId(2))
    assert 59 < (await answers.reserve([answer], path)).held[0].seconds < 70
    [interval] = path_of(every_minute).limits
    await redis.delete(book_key(key(tenant), interval))  # the minute is over
    assert 0 < (await reserve(limiter, 1, every_minute)).held[0].seconds < 0.1
    assert (await answers.reserve([answer], path)).granted == (0,)
    assert (await reserve(limiter, 1, every_minute)).held[0].seconds > 59


async def test_what_waits_long_keeps_its_place_only_for_as_long_as_it_asks_again(
    redis: "Redis", tenant: WorkspaceId
) -> None:
    """Else a cap that a person raises would hold campaigns up until it had been over."""
    daily = pace(cap_daily=1)
    answers = AnswerLimiter(redis, tenant, ChannelId(1), gated=False)
    path = path_of(daily)
    await open_books(redis, tenant, path)
    for message in (1, 2):
        answer = Asking(MessageReference(MessageId(message), 1), RunId(0), ContactId(2))
        grant = await answers.reserve([answer], {RunId(0): path})
    assert grant.held[0].seconds > 80_000
    waiting = key(tenant, "waiting")
    assert await redis.zcard(waiting) == 1
    assert await redis.zcount(waiting, int(grant.at) + 40 * SECOND_US, "+inf") == 0


async def test_who_is_counted_already_is_written_to_while_others_wait_for_the_tier(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter, people = await taken(limiter_of(1)), tier("waba", 1)
    assert let(await limiter.ask(ask(1, contact=1), FREE, people)) == 1
    first = AnswerLimiter(redis, tenant, ChannelId(1), gated=True)
    begins = Asking(MessageReference(MessageId(1), 1), RunId(0), ContactId(2))
    assert (await first.reserve([begins], {RunId(0): path_of(FREE, people)})).held
    grant = await limiter.ask([*ask(1, contact=3), *ask(1, contact=1)], FREE, people)
    assert grant.granted == (1,)


async def test_who_opted_out_is_answered_while_they_talk_to_us_and_not_written_to_first(
    redis: "Redis", tenant: WorkspaceId
) -> None:
    await gates.close_contacts(redis, tenant, [ContactId(2)], "opted_out")
    for gated in (True, False):
        answers = AnswerLimiter(redis, tenant, ChannelId(1), gated=gated)
        answer = Asking(MessageReference(MessageId(1), 1), RunId(0), ContactId(2))
        grant = await answers.reserve([answer], {RunId(0): Path(slots=1)})
        assert bool(grant.gated) == gated
        assert bool(grant.granted) != gated
