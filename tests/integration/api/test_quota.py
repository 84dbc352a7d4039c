"""How often a caller may call."""

import asyncio

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api

from recado.api.quota import WINDOW_SECONDS, Quota, quota_key
from recado.domain.errors import TooManyRequests
from recado.domain.ids import WorkspaceId
from recado.platform import redis
from recado.platform.runtime import Runtime

MICROSECONDS = 1_000_000


async def age(runtime: Runtime, workspace: WorkspaceId, caller: str, seconds: int) -> None:
    """Let so much time pass for the requests counted so far."""
    name = quota_key(workspace, caller)
    for place, at in enumerate(await runtime.redis.lrange(name, 0, -1)):
        await runtime.redis.lset(name, place, str(int(at) - seconds * MICROSECONDS))


async def allowed(quota: Quota, workspace: WorkspaceId, caller: str, tries: int) -> int:
    """How many of so many requests at once are let through."""
    results = await asyncio.gather(
        *(quota.count(workspace, caller) for _ in range(tries)), return_exceptions=True
    )
    refused = [result for result in results if result is not None]
    assert all(isinstance(result, TooManyRequests) for result in refused), refused
    return tries - len(refused)


async def test_no_minute_ever_holds_more_than_the_limit(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    quota = Quota(runtime.redis, 5)
    assert await allowed(quota, workspace, "key:1", 3) == 3
    await age(runtime, workspace, "key:1", 40)
    assert await allowed(quota, workspace, "key:1", 20) == 2
    with pytest.raises(TooManyRequests) as caught:
        await quota.count(workspace, "key:1")
    assert 19 <= caught.value.retry_after <= 20
    await age(runtime, workspace, "key:1", 20)  # the first three are a minute old
    assert await allowed(quota, workspace, "key:1", 20) == 3
    assert await runtime.redis.llen(quota_key(workspace, "key:1")) == 5
    assert 0 < await runtime.redis.ttl(quota_key(workspace, "key:1")) <= WINDOW_SECONDS


async def test_each_caller_has_a_limit_of_its_own_and_none_has_one_where_it_is_off(
    runtime: Runtime, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    quota = Quota(runtime.redis, 2)
    for place, caller in ((workspace, "key:1"), (workspace, "user:1"), (other_workspace, "key:1")):
        assert await allowed(quota, place, caller, 4) == 2
    assert await allowed(Quota(runtime.redis, 0), workspace, "key:1", 9) == 9


async def test_with_redis_away_nobody_is_shut_out(workspace: WorkspaceId) -> None:
    nowhere = redis.connect("redis://127.0.0.1:1/0")
    quota = Quota(nowhere, 1)
    assert await allowed(quota, workspace, "key:1", 3) == 3
    await nowhere.aclose()


@pytest.fixture
async def busy(runtime: Runtime, workspace: WorkspaceId, owner: str) -> str:
    """A key that has been used a thousand times just now."""
    caller = f"key:{owner.split('_')[2]}"
    seconds, micros = await runtime.redis.time()
    now = seconds * MICROSECONDS + micros
    await runtime.redis.rpush(quota_key(workspace, caller), *[str(now)] * 1000)
    return caller


async def test_a_caller_over_the_limit_is_told_when_to_come_again(
    busy: str, api: Api, runtime: Runtime, workspace: WorkspaceId, http: aiohttp.ClientSession
) -> None:
    async with api.request("GET", "workspace", headers={"Accept-Language": "en"}) as answer:
        body = await answer.json()
        assert answer.status == 429
        wait = int(answer.headers["Retry-After"])
    assert 0 < wait <= WINDOW_SECONDS
    assert body == {
        "error": {
            "code": "too_many_requests",
            "message": f"Too many requests. Try again in {wait} seconds.",
        }
    }
    # Refused as well where a repeated request is answered with what was kept.
    once = {"Idempotency-Key": "once"}
    await api("POST", "lists", {"name": "x"}, status=429, headers=once)
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        async with api.request("GET", path) as answer:
            assert answer.status == 200, path
    async with http.get("/webhooks/meta/nobody") as answer:
        assert answer.status != 429
    other = Api(http, await factories.api_key(runtime, workspace))
    assert (await other("GET", "workspace"))["id"] == workspace
    await age(runtime, workspace, busy, WINDOW_SECONDS)
    assert (await api("GET", "workspace"))["id"] == workspace


async def test_a_request_is_counted_once(
    api: Api, runtime: Runtime, workspace: WorkspaceId, owner: str
) -> None:
    name = quota_key(workspace, f"key:{owner.split('_')[2]}")
    once = {"Idempotency-Key": "once"}
    for count in (1, 2):  # the second is answered with what was kept
        await api("POST", "lists", {"name": "x"}, status=201, headers=once)
        assert await runtime.redis.llen(name) == count
