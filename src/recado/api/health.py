"""Whether the process lives, whether it can work, and what it has counted."""

import asyncio

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError
from starlette.responses import JSONResponse, Response

from recado.api.access import runtime_of
from recado.platform import outages
from recado.platform.postgres import DATABASE_AWAY
from recado.platform.runtime import Runtime

router = APIRouter(tags=["health"])

PATIENCE = 3.0  # seconds


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """Whether PostgreSQL and Redis answer; 503 with the one that does not."""
    runtime = runtime_of(request)
    postgres, redis = await asyncio.gather(_postgres(runtime), _redis(runtime))
    ready = postgres == redis == "ok"
    body = {"status": "ok" if ready else "unavailable", "postgres": postgres, "redis": redis}
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Counters for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _postgres(runtime: Runtime) -> str:
    try:
        async with asyncio.timeout(PATIENCE), runtime.db.system() as tx:
            await tx.value("SELECT 1")
    except (*DATABASE_AWAY, TimeoutError) as error:
        outages.POSTGRES.away(error)
        return "away"
    outages.POSTGRES.back()
    return "ok"


async def _redis(runtime: Runtime) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await runtime.redis.ping()
    except (RedisError, OSError, TimeoutError) as error:
        outages.REDIS.away(error)
        return "away"
    outages.REDIS.back()
    return "ok"
