"""Requests and answers as the simulator passes them around: ASGI with the ceremony taken off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = b"application/json; charset=UTF-8"
HTML = b"text/html; charset=utf-8"
PLAIN = b"text/plain; charset=utf-8"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What goes back over the connection."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Request:
    """One HTTP request, its body read in full.

    Args:
        parts: The path cut at its slashes, without the leading empty piece.
        disconnected: Waits until the other side has gone away.

    """

    __slots__ = ("_headers", "_query", "body", "disconnected", "method", "parts")

    def __init__(
        self,
        *,
        method: str,
        parts: list[str],
        body: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = (),
        query: bytes = b"",
        disconnected: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.method = method
        self.parts = parts
        self.body = body
        self.disconnected = disconnected
        self._headers = headers
        self._query = query

    def header(self, name: bytes) -> bytes:
        """The value of a header (name in lower case), empty where it is absent."""
        for key, value in self._headers:
            if key == name:
                return value
        return b""

    def query(self) -> Mapping[str, str]:
        """The query string's parameters; the last of a repeated one wins."""
        return dict(parse_qsl(self._query.decode("latin-1"), keep_blank_values=True))


async def read_body(receive: Receive) -> bytes:
    """The request's whole body.

    Raises:
        Dropped: The other side went away before it was complete.

    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Dropped
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    pieces = [body]
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Dropped
        pieces.append(message.get("body", b""))
    return b"".join(pieces)


async def reply(send: Send, answer: Answer) -> None:
    """Write an answer."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def json_answer(
    value: object, *, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, msgspec.json.encode(value), headers=headers)
