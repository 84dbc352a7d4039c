"""What may leave a channel, and when: one call to a real Valkey decides."""

import asyncio
import itertools
import random
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis
from tests.unit.dispatch.conftest import MakeLimiter

from recado.domain.ids import ContactId, DeliveryId, Reference, RunId, WorkspaceId
from recado.domain.pacing import Pacing
from recado.features.dispatch.limiter import Asking, ChannelLimiter, Grant, LeaseLost
from recado.features.gates import service as gates
from recado.features.gates.service import GRANT_LIFE
from recado.platform.redis import key

FREE = Pacing(
    message_interval=None,
    longer_interval_after=None,
    greater_interval=None,
    per_minute=None,
    per_second=None,
    in_flight=None,
    cap_hourly=None,
    cap_daily=None,
)
SECOND_US = 1_000_000
_deliveries = itertools.count(1)


def pace(**limits: float | None) -> Pacing:
    return Pacing(**{**{name: getattr(FREE, name) for name in FREE.__slots__}, **limits})


def ask(count: int, *, run: int = 1, contact: int = 1) -> list[Asking]:
    return [
        Asking(Reference(DeliveryId(next(_deliveries)), 1, 1), RunId(run), ContactId(contact))
        for _ in range(count)
    ]


async def taken(limiter: ChannelLimiter) -> ChannelLimiter:
    await limiter.take([], stand_still=0)
    return limiter


async def reserve(limiter: ChannelLimiter, count: int, pacing: Pacing) -> Grant:
    intervals = [pacing.message_interval] * count if pacing.message_interval else []
    return await limiter.reserve(ask(count), pacing, [float(i) for i in intervals if i])


async def redis_now(redis: "Redis") -> float:
    seconds, microseconds = await redis.time()
    return float(seconds) * SECOND_US + float(microseconds)


async def test_without_a_limit_all_may_go(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert (await reserve(limiter, 16, FREE)).granted == 16


async def test_no_more_than_the_second_allows(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    first = await reserve(limiter, 16, pace(per_second=5))
    second = await reserve(limiter, 16, pace(per_second=5))
    assert (first.granted, second.granted) == (5, 0)
    assert second.wait is not None
    assert 0.5 < second.wait <= 1 + GRANT_LIFE + 0.001


async def test_a_limit_a_second_is_spread_over_the_second(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert (await reserve(limiter, 16, pace(per_second=80))).granted == 8
    again = await reserve(limiter, 16, pace(per_second=80))
    assert again.granted == 0
    assert again.wait is not None
    assert again.wait < 0.11


async def test_the_minute_counts_what_left_within_it(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    now = await redis_now(redis)
    earlier = {f"old{n}": now - n * SECOND_US for n in (10, 30, 50, 59.9, 60.5, 61)}
    await redis.zadd(key(tenant, "channel", 1, "window:60"), earlier)
    granted = await reserve(limiter, 16, pace(per_minute=10))
    assert granted.granted == 6  # four left within 60 s and the life of a grant
    full = await reserve(limiter, 1, pace(per_minute=10))
    assert full.granted == 0
    assert full.wait is not None
    assert 0 < full.wait < 0.2  # until the one of 59.9 s ago is out


async def test_a_pause_after_each_message(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert (await reserve(limiter, 4, pace(message_interval=30))).granted == 1
    next_ = await reserve(limiter, 4, pace(message_interval=30))
    assert next_.granted == 0
    assert next_.wait is not None
    assert 29 < next_.wait <= 30


async def test_slots_in_flight_are_freed_by_outcomes_alone(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    asked = ask(4)
    assert (await limiter.reserve(asked, pace(in_flight=3), [])).granted == 3
    full = await reserve(limiter, 1, pace(in_flight=3))
    assert (full.granted, full.wait) == (0, None)
    await limiter.leave([asked[0].reference])
    assert (await reserve(limiter, 4, pace(in_flight=3))).granted == 1


async def test_all_limits_hold_at_once(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    assert (await reserve(limiter, 9, pace(per_second=5, per_minute=7, in_flight=3))).granted == 3
    assert (await reserve(limiter, 9, pace(per_second=5, per_minute=7))).granted == 2


async def test_looking_ahead_grants_nothing(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    ahead = await limiter.reserve([], pace(per_second=1), [])
    assert (ahead.granted, ahead.wait) == (0, 0)
    assert (await reserve(limiter, 1, pace(per_second=1))).granted == 1


async def test_a_grant_tells_the_time_on_redis_clock(
    limiter_of: MakeLimiter, redis: "Redis"
) -> None:
    limiter = await taken(limiter_of(1))
    before = await redis_now(redis)
    grant = await reserve(limiter, 1, FREE)
    assert before <= float(grant.at) <= await redis_now(redis)


@pytest.mark.parametrize("limits", [{"per_second": 2}, {"message_interval": 30}, {"per_minute": 2}])
async def test_grants_that_died_unused_are_taken_back(
    limiter_of: MakeLimiter, limits: dict[str, float]
) -> None:
    limiter = await taken(limiter_of(1))
    pacing = pace(**limits, in_flight=2)
    asked = ask(2)
    intervals = [30.0, 30.0] if pacing.message_interval else []
    grant = await limiter.reserve(asked, pacing, intervals)
    used = [a.reference for a in asked[: grant.granted]]
    await limiter.take_back(used, pacing, grant)
    again = await limiter.reserve(asked, pacing, intervals)
    assert again.granted == grant.granted > 0


async def test_taking_a_grant_back_leaves_the_others_counted(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    asked = ask(3)
    grant = await limiter.reserve(asked, pace(per_second=3), [])
    await limiter.take_back([asked[1].reference], pace(per_second=3), grant)
    assert (await reserve(limiter, 3, pace(per_second=3))).granted == 1


async def test_taking_a_grant_back_does_not_end_a_later_pause(limiter_of: MakeLimiter) -> None:
    limiter = await taken(limiter_of(1))
    short, long = pace(message_interval=0.01), pace(message_interval=30)
    asked = ask(1)
    grant = await limiter.reserve(asked, short, [0.01])
    await asyncio.sleep(0.02)
    assert (await reserve(limiter, 1, long)).granted == 1
    await limiter.take_back([asked[0].reference], short, grant)
    assert (await reserve(limiter, 1, long)).granted == 0


async def test_a_closed_run_is_shut_out_and_its_neighbours_go(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await gates.sync_runs(redis, tenant, {RunId(7): "paused", RunId(8): "running"})
    asked = [*ask(1, run=7), *ask(2, run=8)]
    grant = await limiter.reserve(asked, FREE, [])
    assert (grant.granted, list(grant.gated)) == (2, [0])
    assert grant.gated[0].gate == gates.run_gate(tenant, RunId(7))
    assert grant.gated[0].held.startswith("paused:")


async def test_a_contact_that_opted_out_is_shut_out(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await gates.close_contacts(redis, tenant, [ContactId(9)], "opted_out")
    grant = await limiter.reserve([*ask(1), *ask(1, contact=9)], FREE, [])
    assert (grant.granted, list(grant.gated)) == (1, [1])


async def test_who_is_shut_out_takes_no_place(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await gates.sync_runs(redis, tenant, {RunId(7): "cancelled"})
    asked = [*ask(1, run=7), *ask(1), *ask(1, run=7), *ask(1)]
    grant = await limiter.reserve(asked, pace(message_interval=5), [5.0] * 4)
    assert (grant.granted, sorted(grant.gated)) == (1, [0, 2])
    assert grant.pause == 5 * SECOND_US


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
    assert (await reserve(new, 1, FREE)).granted == 1


async def test_a_new_driver_learns_what_was_in_flight_and_frees_the_slots(
    limiter_of: MakeLimiter,
) -> None:
    old = await taken(limiter_of(1))
    asked = ask(3)
    await old.reserve(asked[:2], FREE, [])
    await old.leave([asked[0].reference])
    new = limiter_of(2)
    found = await new.take([], stand_still=60)
    assert found.previous == old.lease
    assert found.in_flight == {str(asked[1].reference)}
    assert (await reserve(new, 9, pace(in_flight=3))).granted == 3  # and nobody stands still


async def test_a_driver_that_takes_its_channel_again_keeps_its_own_slots(
    limiter_of: MakeLimiter,
) -> None:
    limiter = await taken(limiter_of(1))
    asked = ask(2)
    await limiter.reserve(asked, FREE, [])
    await limiter.take([asked[0].reference], stand_still=0)
    assert (await reserve(limiter, 9, pace(in_flight=3))).granted == 2


async def test_limits_outlive_a_driver(limiter_of: MakeLimiter) -> None:
    pacing = pace(per_second=3, message_interval=None)
    await reserve(await taken(limiter_of(1)), 3, pacing)
    assert (await reserve(await taken(limiter_of(2)), 3, pacing)).granted == 0


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


async def test_after_a_flush_the_channel_stands_still_as_long_as_it_is_told(
    limiter_of: MakeLimiter, redis: "Redis", tenant: WorkspaceId
) -> None:
    limiter = await taken(limiter_of(1))
    await _forget(redis, tenant)
    found = await limiter.take([], stand_still=0.3)
    assert found.previous is None
    still = await reserve(limiter, 1, FREE)
    assert still.granted == 0
    assert still.wait is not None
    assert 0.2 < still.wait <= 0.3


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
    found = await limiter_of(2).take([], stand_still=1)
    assert found.previous is None
    assert found.in_flight  # known to have been reserved, though others may be missing


def densest(times: Sequence[float], width: float) -> int:
    """The most that any window of this width holds, both of its ends included but one."""
    most = start = 0
    for end, at in enumerate(times):
        while times[start] <= at - width:
            start += 1
        most = max(most, end - start + 1)
    return most


@pytest.mark.parametrize("seed", range(3))
async def test_however_it_is_asked_no_window_ever_holds_more_than_its_limit(
    limiter_of: MakeLimiter, seed: int
) -> None:
    """Several askers ask for random numbers at random moments, some of whose grants die."""
    chance = random.Random(seed)
    limiter = await taken(limiter_of(1))
    limits = pace(per_second=chance.choice([7, 23, 60]), in_flight=chance.choice([4, 30, None]))
    times: list[float] = []
    flying: list[Reference] = []
    most_flying = 0

    async def asker() -> None:
        nonlocal most_flying
        for _ in range(60):
            asked = ask(chance.randint(1, 16))
            grant = await limiter.reserve(asked, limits, [])
            granted = [a.reference for a in asked[: grant.granted]]
            died = [r for r in granted if chance.random() < 0.1]
            left = [r for r in granted if r not in died]
            times.extend([float(grant.at)] * len(left))
            flying.extend(left)
            most_flying = max(most_flying, len(flying))
            if died:
                await limiter.take_back(died, limits, grant)
            await asyncio.sleep(chance.uniform(0, 0.06))
            ended = [r for r in tuple(flying) if chance.random() < 0.6]
            for reference in ended:
                flying.remove(reference)
            await limiter.leave(ended)

    await asyncio.gather(*(asker() for _ in range(4)))
    times.sort()
    assert len(times) > 10
    assert limits.per_second is not None
    assert densest(times, (1 + GRANT_LIFE) * SECOND_US) <= limits.per_second
    if limits.per_second >= 10:
        assert densest(times, 0.1 * SECOND_US) <= -(-limits.per_second // 10)
    if limits.in_flight is not None:
        assert most_flying <= limits.in_flight


async def test_however_it_is_asked_the_pause_after_each_message_is_kept(
    limiter_of: MakeLimiter,
) -> None:
    chance = random.Random(5)
    limiter = await taken(limiter_of(1))
    granted: list[tuple[float, float]] = []

    async def asker() -> None:
        for _ in range(40):
            asked = ask(chance.randint(1, 4))
            pauses = [chance.uniform(0.02, 0.08) for _ in asked]
            grant = await limiter.reserve(asked, pace(message_interval=0.02), pauses)
            if grant.granted:
                granted.append((float(grant.at), pauses[0] * SECOND_US))
            await asyncio.sleep(chance.uniform(0, 0.02))

    await asyncio.gather(*(asker() for _ in range(3)))
    granted.sort()
    assert len(granted) > 5
    assert all(then - at >= pause - 1 for (at, pause), (then, _) in itertools.pairwise(granted))
