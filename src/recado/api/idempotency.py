"""``Idempotency-Key``: a repeated POST that creates is answered as the first one was."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recado.api.access import Access, identify
from recado.domain.errors import Conflict, InvalidInput
from recado.features.settings import idempotency

LONGEST_KEY = 255
HEADER = "idempotency-key"
REPLAYED = {"Idempotency-Replayed": "true"}
ABANDONED_AFTER = timedelta(minutes=1)


class KeyTooLong(InvalidInput):
    code = "idempotency_key_too_long"
    sentence = "The Idempotency-Key is over 255 characters. Send a shorter one."


class KeyReused(InvalidInput):
    code = "idempotency_key_reused"
    sentence = "This Idempotency-Key came with another request before. Use a new one."


class StillRunning(Conflict):
    code = "request_in_progress"
    sentence = "The first request with this Idempotency-Key is still being worked on. Try again."


class IdempotentRoute(APIRoute):
    """A route whose POSTs may be repeated safely, if the caller names them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if key is None or request.method != "POST":
                return await handle(request)
            return await _once(request, key, handle)

        return once


async def _once(
    request: Request, key: str, handle: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    if not 0 < len(key) <= LONGEST_KEY:
        raise KeyTooLong
    access = await identify(request)
    body = await request.body()
    # An answer is for callers who may ask for it: a role that may not, asks for something else.
    told = f"{request.url.path}\n{access.role}\n".encode() + body
    digest = hashlib.sha256(told).digest()
    async with access.transaction() as tx:
        earlier = await idempotency.begin(tx, key, digest, abandoned_after=ABANDONED_AFTER)
    if earlier is not None:
        if earlier["request_hash"] != digest:
            raise KeyReused
        if earlier["status"] is None:
            raise StillRunning
        kept = access.runtime.sealer.open(earlier["response"]["sealed"].encode())
        return JSONResponse(kept["body"], earlier["status"], headers=REPLAYED)
    try:
        response = await handle(request)
    except BaseException:
        await _forget(access, key)
        raise
    if response.status_code >= 300:  # noqa: PLR2004 - what was not made may be tried again
        await _forget(access, key)
        return response
    # Sealed, as the answer may hold what is shown only once, such as a new key.
    sealed = access.runtime.sealer.seal({"body": json.loads(bytes(response.body))}).decode()
    async with access.transaction() as tx:
        await idempotency.finish(tx, key, response.status_code, {"sealed": sealed})
    return response


async def _forget(access: Access, key: str) -> None:
    async with access.transaction() as tx:
        await idempotency.forget(tx, key)
