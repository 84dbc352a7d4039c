"""A state that several workers change, none over another's change."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.ids import WorkspaceId
from recado.features.dispatch.shared import Contended, Shared
from recado.platform.redis import key


def counter(redis: "Redis", tenant: WorkspaceId) -> Shared[int]:
    return Shared(
        redis,
        key(tenant, "counted"),
        load=lambda raw: int(raw.get("count", 0)),
        dump=lambda count: {"count": count},
        kept_seconds=60,
    )


async def test_no_workers_step_is_lost_over_anothers(redis: "Redis", tenant: WorkspaceId) -> None:
    workers = [counter(redis, tenant) for _ in range(4)]
    for _ in range(25):
        for worker in workers:
            worker.change(lambda count: count + 1)
        for result in await asyncio.gather(*(w.sync() for w in workers), return_exceptions=True):
            assert result is None or isinstance(result, Contended)
    for worker in workers:
        await worker.sync()
    for worker in workers:
        await worker.sync()
    assert [worker.view for worker in workers] == [100] * 4


async def test_of_many_who_ask_for_one_thing_one_gets_it(
    redis: "Redis", tenant: WorkspaceId
) -> None:
    def take(count: int) -> tuple[int, bool]:
        return (1, True) if count == 0 else (count, False)

    workers = [counter(redis, tenant) for _ in range(6)]
    assert sum(await asyncio.gather(*(worker.decide(take) for worker in workers))) == 1


async def test_what_was_seen_while_redis_was_away_is_told_when_it_is_back(
    redis: "Redis", tenant: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: str) -> None:
        raise RedisError

    worker = counter(redis, tenant)
    worker.change(lambda count: count + 3)
    with monkeypatch.context() as patch:
        patch.setattr(redis, "hgetall", away)
        with pytest.raises(RedisError):
            await worker.sync()
    assert worker.view == 3
    await worker.sync()
    assert await redis.hget(key(tenant, "counted"), "count") == "3"


async def test_after_a_flush_it_begins_anew(redis: "Redis", tenant: WorkspaceId) -> None:
    worker = counter(redis, tenant)
    worker.change(lambda count: count + 3)
    await worker.sync()
    await redis.delete(key(tenant, "counted"))
    worker.change(lambda count: count + 1)
    assert await worker.decide(lambda count: (count, count)) == 1
