"""``/webhooks/{provider}/{channel_key}`` as plain ASGI, in front of everything else.

Statuses come at three times the rate of what is sent: routing, sessions and validation of a
framework would cost more than the work itself.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from recado.features.webhooks.intake import Intake, Verdict
from recado.platform import logging, metrics, outages
from recado.platform.postgres import DATABASE_AWAY
from recado.platform.runtime import Runtime

log = logging.get(__name__)

PREFIX = "/webhooks/"
LARGEST_CALLBACK = 4 * 1024 * 1024  # bytes; Meta: payloads of up to 3 MB
# What waits for its commit. One more is told at once to come again, so that memory has an end
# however slow the database is and however many call.
MOST_WAITING = 5_000  # callbacks: five seconds' worth at a thousand a second
MOST_HELD = 64 * 1024 * 1024  # bytes of their bodies
ANSWER_WITHIN = 10.0  # seconds; Evolution gives up after 30, of the others nobody says when


class WebhookBranch:
    """Answers providers; hands everything else on."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._intake = Intake(runtime)
        self._waiting = 0
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        # Evolution and uazapi can be told to put the event behind the address; the body has it too.
        provider, _, behind = path.removeprefix(PREFIX).partition("/")
        key = behind.partition("/")[0]
        if not provider or not key:
            await _answer(send, 404, b"no such address")
            return
        if scope["method"] == "GET":
            await self._handshake(scope, send, provider, key)
        elif scope["method"] == "POST":
            await self._receive(scope, receive, send, provider, key)
        else:
            await _answer(send, 405, b"use GET or POST")

    async def _handshake(self, scope: Scope, send: Send, provider: str, key: str) -> None:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        try:
            challenge = await self._intake.handshake(provider, key, query)
        except DATABASE_AWAY as error:
            log.warning("handshake waits for PostgreSQL", error=str(error))
            await _answer(send, 503, b"try again")
            return
        except Exception:
            log.exception("handshake failed")
            await _answer(send, 503, b"try again")
            return
        if challenge is None:
            await _answer(send, 403, b"refused")
        else:
            await _answer(send, 200, challenge.encode())

    async def _receive(
        self, scope: Scope, receive: Receive, send: Send, provider: str, key: str
    ) -> None:
        if self._waiting >= MOST_WAITING or self._held >= MOST_HELD:
            metrics.TURNED_AWAY.labels("full").inc()
            await _answer(send, 503, b"try again")
            return
        held = 0
        self._waiting += 1
        metrics.WAITING.set(self._waiting)
        try:
            pieces: list[bytes] = []
            async for piece in _pieces(receive):
                held += len(piece)
                self._held += len(piece)
                if held > LARGEST_CALLBACK:
                    await _answer(send, 413, b"too large")
                    return
                pieces.append(piece)
            await self._keep(scope, send, provider, key, b"".join(pieces))
        finally:
            self._waiting -= 1
            metrics.WAITING.set(self._waiting)
            self._held -= held

    async def _keep(self, scope: Scope, send: Send, provider: str, key: str, body: bytes) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                verdict = await self._intake.receive(provider, key, _headers(scope), body)
        except DATABASE_AWAY as error:
            # Not durable, so not 200: the provider will come again.
            metrics.TURNED_AWAY.labels("away").inc()
            outages.POSTGRES.away(error)
            await _answer(send, 503, b"try again")
            return
        except Exception:
            log.exception("callback not kept")
            await _answer(send, 503, b"try again")
            return
        if verdict is Verdict.KEPT:
            outages.POSTGRES.back()
        await _answer(send, verdict.value, b"" if verdict.value == 200 else b"refused")  # noqa: PLR2004


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes in; what a caller who hangs up has said so far."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


def _headers(scope: Scope) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
