"""Each way of counting against a plain model of it: the same script, by a clock that is driven."""

import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.unit.dispatch.conftest import open_books

from recado.domain.ids import (
    ContactId,
    DeliveryId,
    MessageId,
    MessageReference,
    Reference,
    RunId,
    WorkspaceId,
)
from recado.domain.limits import DAY, HOUR, Kind, Limit, Path, Scope
from recado.features.limits.asks import Asking, width_us
from recado.features.limits.limiter import Limiter
from recado.platform.redis import key

SECOND = 1_000_000
MINUTE = 60 * SECOND
RUN = RunId(1)
Seen = tuple[int, Asking]  # when it left, and what


class Driven(Limiter):
    """The limiter of a channel nobody else has, at a time that is told."""

    def __init__(self, redis: "Redis", tenant: WorkspaceId, *, first: bool = False) -> None:
        super().__init__(redis, key(tenant))
        self.first = first
        if first:
            self._flight, self._beside = self._beside, self._flight
        package = files("recado.features.limits")
        source = package.joinpath("reserve.lua").read_text(encoding="utf-8")
        assert source.count("redis.call('TIME')") == 1
        real = redis.register_script(source.replace("redis.call('TIME')", "cjson.decode(ARGV[2])"))
        self.now = 1_800_000_000 * SECOND

        async def reserve(keys: Sequence[str], args: Sequence[bytes]) -> Any:
            clock = [str(self.now // SECOND), str(self.now % SECOND)]
            return await real(keys=keys, args=[*args, json.dumps(clock)])

        self._reserve = reserve  # type: ignore[assignment]  # stands in for the script


class Model:
    """What has left, and when one more may."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.left: list[Seen] = []
        self.people: dict[ContactId | None, int] = {}
        self.free_at = self.until = self.streak = 0
        self._before = (0, 0)

    def forget(self, now: int) -> None:
        """What is out of the window does not come back if the clock does."""
        width = width_us(self.limit)
        if self.limit.kind is Kind.MINUTES:
            first = (now - width) // MINUTE
            self.left = [one for one in self.left if one[0] // MINUTE >= first]
        elif self.limit.kind is Kind.LOG:
            self.left = [one for one in self.left if one[0] > now - width]
        self.people = {who: at for who, at in self.people.items() if at > now - width}

    def used(self) -> int:
        return len(self.people if self.limit.kind is Kind.UNIQUE else self.left)

    def may(self, one: Asking | None, now: int) -> bool:
        """Whether one more may leave at this moment; None: anybody's."""
        width = width_us(self.limit)
        match self.limit.kind:
            case Kind.LOG:
                within = sum(at > now - width for at, _ in self.left)
                return within < self.limit.most
            case Kind.MINUTES:
                first = (now - width) // MINUTE
                return sum(at // MINUTE >= first for at, _ in self.left) < self.limit.most
            case Kind.UNIQUE:
                known = one is not None and one.contact_id in self.people
                within = sum(at > now - width for at in self.people.values())
                return known or within < self.limit.most
            case Kind.INTERVAL:
                return self.free_at <= now
            case Kind.RATE:
                step = round(self.limit.seconds * SECOND)
                return max(self.until, now) + step - now <= step * self.limit.most

    def leaves(self, one: Asking, now: int) -> None:
        self.left.append((now, one))
        self.people[one.contact_id] = now
        self._before = (self.streak, now)
        self.streak += 1
        pause = self.limit.seconds
        if self.limit.longer_after and self.streak >= self.limit.longer_after:
            self.streak, pause = 0, self.limit.longer
        self.free_at = now + round(pause * SECOND)
        self.until = max(self.until, now) + round(self.limit.seconds * SECOND)

    def take_back(self, some: Sequence[Asking], at: int) -> None:
        self.left = [(when, one) for when, one in self.left if one not in some]
        if some and self._before[1] == at:
            self.streak, self.free_at = self._before[0], 0


LIMITS: Mapping[str, Limit] = {
    "log": Limit(Scope.CHANNEL, "1", "perMinute", Kind.LOG, 7, 60.0),
    "minutes": Limit(Scope.CHANNEL, "1", "capHourly", Kind.MINUTES, 9, HOUR),
    "unique": Limit(Scope.PORTFOLIO, "1", "tier", Kind.UNIQUE, 5, DAY),
    "interval": Limit(Scope.CHANNEL, "1", "messageInterval", Kind.INTERVAL, 1, 5.0, 4, 30.0),
    "rate": Limit(Scope.USER, "1", "pairRate", Kind.RATE, 5, 6.0),
}
STEPS: Mapping[str, Sequence[int]] = {
    "log": (0, SECOND // 50, 3 * SECOND, 20 * SECOND, 61 * SECOND, -SECOND),
    "minutes": (0, SECOND, 59 * SECOND, 7 * MINUTE, 40 * MINUTE, 200 * MINUTE, -2 * SECOND),
    "unique": (0, SECOND, 10 * MINUTE, 300 * MINUTE, 2000 * MINUTE, -SECOND),
    "interval": (0, SECOND, 5 * SECOND, 12 * SECOND, 31 * SECOND, -SECOND // 2),
    "rate": (0, SECOND, 6 * SECOND, 11 * SECOND, 50 * SECOND, -SECOND // 2),
}


def somebody(chance: random.Random, numbers: "itertools.count[int]") -> Callable[[], Asking]:
    return lambda: Asking(
        Reference(DeliveryId(next(numbers)), 1, 1), RUN, ContactId(chance.randint(1, 9))
    )


@pytest.mark.parametrize("name", LIMITS)
async def test_what_is_counted_is_what_a_plain_model_counts(
    redis: "Redis", tenant: WorkspaceId, name: str
) -> None:
    """Asked, taken back and looked at, at random; now and then the clock steps back."""
    chance = random.Random(name)
    limit, numbers = LIMITS[name], itertools.count(1)
    limiter, model, path = Driven(redis, tenant), Model(limit), Path((limit,), slots=10**6)
    await open_books(redis, tenant, path)
    person, granted = somebody(chance, numbers), 0
    for _ in range(150):
        limiter.now += chance.choice(STEPS[name])
        now = limiter.now
        asking = [person() for _ in range(chance.randint(0, 4))]
        grant = await limiter.reserve(asking, {RUN: path})
        model.forget(now)
        for place, one in enumerate(asking):
            may = model.may(one, now)
            assert (place in grant.granted) == may, (now, one)
            if may:
                model.leaves(one, now)
        granted += len(grant.granted)
        ((_, used),) = grant.used
        if limit.kind in {Kind.LOG, Kind.MINUTES, Kind.UNIQUE}:
            assert used == model.used()
        wait = round(grant.ahead[RUN].seconds * SECOND)
        assert model.may(None, now + wait)
        assert wait == 0 or not model.may(None, now + wait - 2)
        died = [asking[place] for place in grant.granted if chance.random() < 0.2]
        for _ in range(chance.randint(1, 2)):  # the second time it changes nothing
            await limiter.take_back([one.reference for one in died], grant)
        # Of an interval one leaves at a time; who was counted as a person stays counted.
        model.take_back(died, now)
        granted -= len(died)
    assert granted > 20


async def test_what_has_no_lease_holds_no_slot_for_long(
    redis: "Redis", tenant: WorkspaceId
) -> None:
    """Nobody frees them: of the installation's requests there would be ever more."""
    limiter, path = Driven(redis, tenant), Path(slots=3)
    person = somebody(random.Random(1), itertools.count(1))
    for _ in range(4):
        grant = await limiter.reserve([person() for _ in range(3)], {RUN: path})
        assert grant.granted == (0, 1, 2)
        limiter.now += MINUTE + 1
    assert await redis.zcard(key(tenant, "no-flight")) <= 3


PATIENCE, NAP = 3 * SECOND, SECOND // 20


@pytest.mark.parametrize("name", ["log", "minutes", "interval"])
async def test_an_answer_takes_the_first_place_that_is_free_and_no_limit_is_broken_by_it(
    redis: "Redis", tenant: WorkspaceId, name: str
) -> None:
    """A campaign that asks all the time, and answers that come back when they were told to."""
    chance = random.Random(name)
    limit, numbers = LIMITS[name], itertools.count(1)
    model, path = Model(limit), Path((limit,), slots=10**6)
    campaign, answers = Driven(redis, tenant), Driven(redis, tenant, first=True)
    await open_books(redis, tenant, path)
    person, answered, sent = somebody(chance, numbers), 0, 0
    waiting: dict[MessageId, int] = {}  # answer → when it was told to ask again

    async def answer(message: MessageId, now: int) -> None:
        nonlocal answered
        one = Asking(MessageReference(message, now), RUN, ContactId(chance.randint(1, 9)))
        grant = await answers.reserve([one], {RUN: path})
        assert bool(grant.granted) == model.may(one, now)
        if grant.granted:
            model.leaves(one, now)
            waiting.pop(message, None)
            answered += 1
        else:
            waiting[message] = now + round(grant.held[0].seconds * SECOND)

    async def send(now: int) -> None:
        nonlocal sent
        asking = [person() for _ in range(3)]
        kept = any(due + PATIENCE > now for due in waiting.values())
        grant = await campaign.reserve(asking, {RUN: path})
        for place, one in enumerate(asking):
            may = model.may(one, now) and not kept
            assert (place in grant.granted) == may, (now, one, waiting)
            if may:
                model.leaves(one, now)
                sent += 1
        assert not kept or grant.ahead[RUN].seconds > 0

    for number in range(400):
        campaign.now += chance.choice(STEPS[name][:4]) // 4
        answers.now = now = campaign.now
        model.forget(now)
        if chance.random() < 0.5:
            await send(now)
        if chance.random() < 0.03:
            await answer(MessageId(number), now)
        for message in [one for one, due in waiting.items() if due <= now]:
            await answer(message, now)
        await send(now)
    assert answered > 5
    assert sent > 20


async def test_who_is_waited_for_and_does_not_come_keeps_the_place_for_a_moment_only(
    redis: "Redis", tenant: WorkspaceId
) -> None:
    limit = LIMITS["interval"]
    path = Path((limit,), slots=10)
    campaign, answers = Driven(redis, tenant), Driven(redis, tenant, first=True)
    await open_books(redis, tenant, path)
    person = somebody(random.Random(1), itertools.count(1))
    assert (await campaign.reserve([person()], {RUN: path})).granted
    answers.now = campaign.now
    gone = Asking(MessageReference(MessageId(1), 1), RUN, ContactId(1))
    wait = round((await answers.reserve([gone], {RUN: path})).held[0].seconds * SECOND)
    for since, may in ((wait, False), (wait + PATIENCE - 1, False), (wait + PATIENCE, True)):
        campaign.now = answers.now + since
        grant = await campaign.reserve([person()], {RUN: path})
        assert bool(grant.granted) == may
        assert may or round(grant.held[0].seconds * SECOND) == NAP


async def test_slots_in_flight_are_shared_and_an_answer_gets_the_next_one(
    redis: "Redis", tenant: WorkspaceId
) -> None:
    path = Path(slots=2)
    campaign, answers = Driven(redis, tenant), Driven(redis, tenant, first=True)
    campaign.lease, answers.now = "1:x", campaign.now
    server = (await redis.info("server"))["run_id"]
    await redis.set(key(tenant, "no-lease"), f"1:x:{server}")
    person = somebody(random.Random(1), itertools.count(1))
    asking = [person() for _ in range(3)]
    assert (await campaign.reserve(asking, {RUN: path})).granted == (0, 1)
    answer = Asking(MessageReference(MessageId(1), 1), RUN, ContactId(1))
    assert (await answers.reserve([answer], {RUN: path})).held[0].full
    await redis.zrem(key(tenant, "no-flight"), str(asking[0].reference))
    assert not (await campaign.reserve([person()], {RUN: path})).granted
    assert (await answers.reserve([answer], {RUN: path})).granted
    assert not (await campaign.reserve([person()], {RUN: path})).granted
    # A worker that died with an answer on the wire holds its slot for no longer than a minute.
    campaign.now += MINUTE + 1
    await redis.zrem(key(tenant, "no-flight"), str(asking[1].reference))
    assert (await campaign.reserve([person()], {RUN: path})).granted
