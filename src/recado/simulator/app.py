"""The ASGI application: which request goes to which provider, and how an answer leaves."""

from __future__ import annotations

import asyncio
import logging

from recado.domain.errors import InvalidInput
from recado.simulator.control import Control
from recado.simulator.evolution.provider import Evolution
from recado.simulator.meta.provider import Meta
from recado.simulator.uazapi.provider import Uazapi
from recado.simulator.wire import (
    PLAIN,
    Answer,
    Dropped,
    Receive,
    Request,
    Scope,
    Send,
    json_answer,
    read_body,
    reply,
)
from recado.simulator.world import Provider, World

logger = logging.getLogger(__name__)

# What the server puts into a request's state so that its connection can be closed unanswered.
ABORT = "abort"


_TOO_DEEP = json_answer(
    {"error": {"code": 100, "message": "The body is nested too deeply."}}, status=400
)


class App:
    """The simulator as an ASGI 3 application."""

    def __init__(self, world: World) -> None:
        self.world = world
        providers: tuple[Provider, ...] = (
            Meta(world),
            Evolution(world),
            Uazapi(world),
        )
        self._providers = {provider.name: provider for provider in providers}
        self._control = Control(world, self._providers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and the end of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        try:
            request = Request(
                method=scope["method"],
                parts=scope["path"][1:].split("/"),
                body=await read_body(receive),
                headers=scope["headers"],
                query=scope["query_string"],
                disconnected=lambda: _disconnected(receive),
            )
            await reply(send, await self._answer(request))
        except Dropped:
            abort = scope.get("state", {}).get(ABORT)
            if abort is None:
                raise
            abort()
            await _disconnected(receive)

    async def _answer(self, request: Request) -> Answer:
        first = request.parts[0]
        provider = self._providers.get(first)
        if provider is not None:
            answer = await self._played(provider, request)
            if self.world.settings.latency_ms:
                await asyncio.sleep(self.world.settings.latency_ms / 1000)
            return answer
        if first == "_sim":
            return self._controlled(request)
        if first == "healthz":
            return Answer(200, b"ok", PLAIN)
        return json_answer(
            {"error": {"code": "not_found", "message": "The simulator plays no such path."}},
            status=404,
        )

    async def _played(self, provider: Provider, request: Request) -> Answer:
        try:
            return await provider.handle(request)
        except InvalidInput as error:
            return json_answer(
                {"error": {"code": error.code, "message": error.message()}}, status=422
            )
        except RecursionError:
            return _TOO_DEEP

    def _controlled(self, request: Request) -> Answer:
        try:
            return self._control.handle(request)
        except RecursionError:
            return _TOO_DEEP

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.world.outbox.open()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.world.outbox.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
