"""HTTP to providers on aiohttp: one pool a process, and a last look at the clock before writing."""

import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from recado.providers.base import HttpAnswer, HttpRequest
from recado.providers.errors import GrantExpired, NoAnswer, NotSent

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

LARGEST_ANSWER = 1 << 20  # bytes; no provider answers a send with more


@dataclass(slots=True)
class _Departure:
    """One request on its way to the wire."""

    write_before: float | None
    may_have_left: bool = False


_departure: ContextVar[_Departure] = ContextVar("departure")


class _Connector(aiohttp.TCPConnector):
    """Lets a request pass only while its time has not run out.

    Opening a connection takes longer than a grant lives; the connection is kept, so that the next
    request finds it open.
    """

    async def connect(
        self, req: "ClientRequest", traces: "list[Trace]", timeout: "ClientTimeout"
    ) -> "Connection":
        connection = await super().connect(req, traces, timeout)
        departure = _departure.get()
        if departure.write_before is not None and time.monotonic() > departure.write_before:
            connection.release()
            raise GrantExpired("its time to leave had passed")
        departure.may_have_left = True
        return connection


class AiohttpTransport:
    """The Transport of a process; open it inside a running loop."""

    def __init__(self, *, connections: int = 1000) -> None:
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=connections, ttl_dns_cache=300, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            headers={"User-Agent": "recado"},
        )

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        """See Transport. Redirects are not followed: a provider has no reason to send any."""
        departure = _Departure(write_before)
        token = _departure.set(departure)
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                body = await response.content.read(LARGEST_ANSWER)
                return HttpAnswer(
                    response.status, {k.lower(): v for k, v in response.headers.items()}, body
                )
        except GrantExpired:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            detail = f"{type(error).__name__}: {error}"
            if departure.may_have_left:
                raise NoAnswer(detail) from error
            raise NotSent(detail) from error
        finally:
            _departure.reset(token)

    async def close(self) -> None:
        await self._session.close()
