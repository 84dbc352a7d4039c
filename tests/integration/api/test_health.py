"""What a load balancer and Prometheus ask, and what callers are told while a server is away."""

import aiohttp
import pytest
from tests.integration.api.product import Api

from recado.platform import redis
from recado.platform.postgres import Database
from recado.platform.runtime import Runtime

AWAY = "postgresql://postgres:x@127.0.0.1:1/recado"


async def test_a_process_that_reaches_its_servers_is_ready(http: aiohttp.ClientSession) -> None:
    api = Api(http, None)
    assert await api("GET", "/healthz") == {"status": "ok"}
    ready = {"status": "ok", "postgres": "ok", "redis": "ok"}
    assert await api("GET", "/readyz") == ready


async def test_what_is_counted_is_told_to_prometheus(http: aiohttp.ClientSession) -> None:
    async with http.get("/metrics") as answer:
        assert answer.status == 200
        assert "recado_callbacks_total" in await answer.text()


async def test_the_description_and_its_page_come_from_here_alone(
    http: aiohttp.ClientSession,
) -> None:
    description = await Api(http, None)("GET", "/openapi.json")
    assert description["info"]["title"] == "Recado"
    async with http.get("/docs") as answer:
        page = await answer.text()
        assert answer.status == 200
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


async def test_while_redis_is_away_the_process_says_that_it_is_not_ready(
    http: aiohttp.ClientSession, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = redis.connect("redis://127.0.0.1:1/0")
    monkeypatch.setattr(runtime.redis, "connection_pool", away.connection_pool)
    said = await Api(http, None)("GET", "/readyz", status=503)
    assert said == {"status": "unavailable", "postgres": "ok", "redis": "away"}


async def test_while_postgresql_is_away_callers_are_told_to_come_back(
    http: aiohttp.ClientSession,
    runtime: Runtime,
    owner: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = Database(AWAY, pool_size=2)
    monkeypatch.setattr(runtime.db, "_engine", away._engine)
    said = await Api(http, None)("GET", "/readyz", status=503)
    assert said == {"status": "unavailable", "postgres": "away", "redis": "ok"}
    refusal = await Api(http, owner)("GET", "workspace", status=503)
    assert refusal["error"]["code"] == "unavailable"
    await away.close()
