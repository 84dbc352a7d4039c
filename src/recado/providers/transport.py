"""HTTP to providers on aiohttp: one pool a process, and a last look at the clock before writing."""

import os
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import aiohttp

from recado.platform import outbound, settings
from recado.providers.base import HttpAnswer, HttpRequest
from recado.providers.errors import GrantExpired, NoAnswer, NotSent

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.client import ClientTimeout
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

LARGEST_ANSWER = 1 << 20  # bytes; no provider answers a send with more
LAST_TURN = 0.005  # seconds; uvloop writes at the end of the turn in which it is asked to


@dataclass(slots=True)
class _Departure:
    """One request on its way to the wire."""

    write_before: float | None
    has_body: bool
    missed: bool = False
    may_have_left: bool = False

    def is_late(self) -> bool:
        """Whether its time to leave has passed: then it must not be written."""
        if self.write_before is not None:
            self.missed = time.monotonic() + LAST_TURN > self.write_before
        return self.missed


_departure: ContextVar[_Departure] = ContextVar("departure")


class _Connector(aiohttp.TCPConnector):
    """Lets a request have a connection only while its time has not run out.

    Opening a connection takes longer than a grant lives; the connection is kept, so that the next
    request finds it open.
    """

    async def connect(
        self, req: aiohttp.ClientRequest, traces: "list[Trace]", timeout: "ClientTimeout"
    ) -> "Connection":
        connection = await super().connect(req, traces, timeout)
        departure = _departure.get()
        if departure.is_late():
            connection.release()
            raise GrantExpired("its time to leave had passed")
        departure.may_have_left = not departure.has_body  # a request without one is written next
        return connection


class _Request(aiohttp.ClientRequest):
    """Looks at the clock again where the bytes are written, which may be a turn of the loop later.

    Between this look and the system call, only the rest of this turn is left.
    """

    async def write_bytes(
        self,
        writer: "AbstractStreamWriter",
        conn: "Connection",
        content_length: int | None = None,
    ) -> None:
        departure = _departure.get()
        if departure.is_late():
            # The answer that is waited for ends with the connection; send() knows why.
            if conn.protocol is not None:
                conn.protocol.abort()
            return
        departure.may_have_left = True
        await super().write_bytes(writer, conn, content_length)


class AiohttpTransport:
    """The Transport of a process, or of a piece of work; open it inside a running loop.

    Workspaces name the addresses, so it goes only where `settings.Sending` lets them; the simulator
    is the installation's own.
    """

    def __init__(self, *, connections: int = 1000) -> None:
        sending = settings.sending()
        self._private = sending.allow_private_hosts
        self._own = f"{sending.simulator_url.rstrip('/')}/"
        own_name = urlsplit(self._own).hostname or ""
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=connections,
                resolver=outbound.Resolver(private=self._private, trusted={own_name}),
                ttl_dns_cache=300,
                keepalive_timeout=60,
            ),
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            headers={"User-Agent": "recado"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        """See Transport. Redirects are not followed: a provider has no reason to send any."""
        departure = _Departure(write_before, has_body=bool(request.body))
        token = _departure.set(departure)
        try:
            if not request.url.startswith(self._own):
                outbound.check(request.url, private=self._private)
            async with self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                return HttpAnswer(
                    response.status,
                    {name.lower(): value for name, value in response.headers.items()},
                    await _body(response),
                )
        except GrantExpired:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            detail = _words(error)
            if departure.may_have_left:
                raise NoAnswer(detail) from error
            if departure.missed:
                raise GrantExpired(detail) from error
            raise NotSent(detail) from error
        finally:
            _departure.reset(token)

    async def close(self) -> None:
        await self._session.close()


def _words(error: Exception) -> str:
    """What went wrong, for a person: where it could not connect, or what the library says."""
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        why = os.strerror(number) if number > 0 else error.os_error.strerror
        return f"Cannot connect to {error.host}:{error.port}: {why or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return "It took too long to answer"
    return f"{type(error).__name__}: {error}"


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The whole answer, however many pieces it comes in; of one that never ends, its beginning."""
    pieces: list[bytes] = []
    left = LARGEST_ANSWER
    while left > 0 and (piece := await response.content.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
