"""Servers that do to a connection what networks do, and keep what reached them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from recado.providers.base import HttpRequest


@dataclass
class Connection:
    """One connection as its server sees it; every byte that came is in ``received``."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)

    async def request(self) -> bytes:
        """The next request whole; the body of each in these tests is ``{}``."""
        start = len(self.received)
        while not self.received[start:].endswith(b"\r\n\r\n{}"):
            piece = await self.reader.read(65536)
            if not piece:
                raise ConnectionError("the client went away")
            self.received.extend(piece)
        return bytes(self.received[start:])

    async def answer(self, *pieces: bytes) -> None:
        """Write an answer, each piece in a packet of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.02)

    async def listen(self) -> None:
        """Take in whatever comes, until the other side goes away."""
        while piece := await self.reader.read(65536):
            self.received.extend(piece)


Behaviour = Callable[[Connection], Awaitable[None]]


@dataclass
class RawServer:
    """A listening socket and all that was connected to it."""

    behaviour: Behaviour
    connections: list[Connection] = field(default_factory=list)
    url: str = ""

    @property
    def received(self) -> int:
        """Bytes that came, on all connections together."""
        return sum(len(connection.received) for connection in self.connections)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.append(connection)
        with suppress(ConnectionError):
            await self.behaviour(connection)
        writer.close()


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[RawServer]:
    """A raw server with this behaviour on each connection."""
    raw = RawServer(behaviour)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"
    try:
        yield raw
    finally:
        server.close()
        for connection in raw.connections:
            connection.writer.close()


def post(url: str) -> HttpRequest:
    """The request that these servers wait for."""
    return HttpRequest("POST", url, {"Content-Type": "application/json"}, b"{}")


def answering(*pieces: bytes) -> Behaviour:
    """Answer every request of a connection with the same bytes."""

    async def behave(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.answer(*pieces)

    return behave


async def silent(connection: Connection) -> None:
    """Read all and say nothing."""
    await connection.listen()


FINE = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
