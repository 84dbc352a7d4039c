"""What leaves, what provably did not, and what nobody can tell."""

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator

import pytest
from tests.unit.providers.raw_server import (
    FINE,
    Behaviour,
    Connection,
    answering,
    post,
    serving,
    silent,
)

from recado.platform import settings
from recado.providers import transport as transport_module
from recado.providers.base import HttpRequest
from recado.providers.errors import GrantExpired, NoAnswer, NotSent
from recado.providers.transport import LARGEST_ANSWER, LAST_TURN, AiohttpTransport

TIMEOUT = 5.0


class Clock:
    """A clock that tells the times it was given, one after the other."""

    def __init__(self, times: list[float]) -> None:
        self._times = iter(times)

    def monotonic(self) -> float:
        return next(self._times)


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    opened = AiohttpTransport()
    yield opened
    await opened.close()


async def test_an_answer_comes_back_whole(transport: AiohttpTransport) -> None:
    async with serving(
        answering(b"HTTP/1.1 418 Teapot\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok")
    ) as s:
        answer = await transport.send(post(s.url), timeout=TIMEOUT)
    assert (answer.status, answer.headers["x-a"], answer.body) == (418, "b", b"ok")


async def test_an_answer_in_pieces_comes_back_whole(transport: AiohttpTransport) -> None:
    pieces = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b'5\r\n{"a":\r\n',
        b"3\r\n 1}\r\n",
        b"0\r\n\r\n",
    )
    async with serving(answering(*pieces)) as server:
        answer = await transport.send(post(server.url), timeout=TIMEOUT)
    assert answer.body == b'{"a": 1}'


async def test_a_compressed_answer_is_opened(transport: AiohttpTransport) -> None:
    body = gzip.compress(b"{}")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(answering(head + body)) as server:
        answer = await transport.send(post(server.url), timeout=TIMEOUT)
    assert answer.body == b"{}"


async def test_of_an_endless_answer_the_beginning_is_kept(transport: AiohttpTransport) -> None:
    async def endless(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.writer.write(b"x" * 65536)
            await connection.writer.drain()

    async with serving(endless) as server:
        answer = await transport.send(post(server.url), timeout=TIMEOUT)
    assert len(answer.body) == LARGEST_ANSWER


async def test_a_connection_serves_request_after_request(transport: AiohttpTransport) -> None:
    async with serving(FINE) as server:
        for _ in range(3):
            await transport.send(post(server.url), timeout=TIMEOUT)
        assert len(server.connections) == 1


async def test_a_redirect_is_not_followed(transport: AiohttpTransport) -> None:
    away = b"HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(away)) as server:
        assert (await transport.send(post(server.url), timeout=TIMEOUT)).status == 307


async def test_a_refused_connection_is_surely_not_sent(transport: AiohttpTransport) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(NotSent):
            await transport.send(post(url), timeout=TIMEOUT)


async def test_an_unknown_host_is_surely_not_sent(transport: AiohttpTransport) -> None:
    with pytest.raises(NotSent):
        await transport.send(post("http://nowhere.invalid/"), timeout=TIMEOUT)


async def test_an_impossible_address_is_surely_not_sent(transport: AiohttpTransport) -> None:
    with pytest.raises(NotSent):
        await transport.send(post("http://"), timeout=TIMEOUT)


async def test_a_host_that_never_completes_a_connection_is_surely_not_sent(
    transport: AiohttpTransport,
) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = [socket.socket() for _ in range(8)]
    for one in waiting:  # the queue of connections is full: one more gets no answer
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    try:
        with pytest.raises(NotSent):
            await transport.send(post(f"http://127.0.0.1:{full.getsockname()[1]}/"), timeout=0.3)
    finally:
        for one in (*waiting, full):
            one.close()


async def _close_before_answering(connection: Connection) -> None:
    await connection.request()


async def _close_in_the_head(connection: Connection) -> None:
    await connection.request()
    await connection.answer(b"HTTP/1.1 200 OK\r\nContent-Le")


async def _close_in_the_body(connection: Connection) -> None:
    await connection.request()
    await connection.answer(b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"messag')


async def _close_in_a_chunk(connection: Connection) -> None:
    await connection.request()
    await connection.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{")


async def _answer_rubbish(connection: Connection) -> None:
    await connection.request()
    await connection.answer(b"\x16\x03\x01 no HTTP at all\r\n\r\n")


async def _reset(connection: Connection) -> None:
    await connection.request()
    connection.writer.transport.abort()


@pytest.mark.parametrize(
    "behaviour",
    [
        _close_before_answering,
        _close_in_the_head,
        _close_in_the_body,
        _close_in_a_chunk,
        _answer_rubbish,
        _reset,
    ],
)
async def test_without_a_whole_answer_nobody_can_tell(
    transport: AiohttpTransport, behaviour: Behaviour
) -> None:
    async with serving(behaviour) as server:
        with pytest.raises(NoAnswer):
            await transport.send(post(server.url), timeout=TIMEOUT)
        assert len(server.connections) == 1  # and it was not tried again behind our back


async def test_after_a_timeout_nobody_can_tell(transport: AiohttpTransport) -> None:
    async with serving(silent) as server:
        with pytest.raises(NoAnswer):
            await transport.send(post(server.url), timeout=0.2)
        assert server.received > 0


async def test_a_request_without_a_body_may_have_left_as_well(transport: AiohttpTransport) -> None:
    async with serving(silent) as server:
        with pytest.raises(NoAnswer):
            await transport.send(HttpRequest("POST", server.url), timeout=0.2)


async def test_a_dead_grant_writes_nothing(transport: AiohttpTransport) -> None:
    async with serving(FINE) as server:
        for body in (b"{}", None):
            request = HttpRequest("POST", server.url, body=body)
            with pytest.raises(GrantExpired):
                await transport.send(request, write_before=time.monotonic() - 1, timeout=TIMEOUT)
        await asyncio.sleep(0.05)
        assert server.received == 0


async def test_a_grant_that_dies_while_connecting_writes_nothing_and_keeps_the_connection(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [100.0]  # when the connection is there
    async with serving(FINE) as server:
        with monkeypatch.context() as patch:
            patch.setattr(transport_module, "time", Clock(times))
            with pytest.raises(GrantExpired):
                await transport.send(post(server.url), write_before=99.0, timeout=TIMEOUT)
        assert server.received == 0
        await transport.send(post(server.url), write_before=time.monotonic() + 5, timeout=TIMEOUT)
        assert len(server.connections) == 1


async def test_a_grant_that_dies_between_connecting_and_writing_writes_nothing(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [98.0, 100.0]  # when the connection is there, and when the bytes would leave
    async with serving(silent) as server:
        with monkeypatch.context() as patch:
            patch.setattr(transport_module, "time", Clock(times))
            with pytest.raises(GrantExpired):
                await transport.send(post(server.url), write_before=99.0, timeout=TIMEOUT)
        await asyncio.sleep(0.05)
        assert server.received == 0


async def test_a_live_grant_is_written(transport: AiohttpTransport) -> None:
    async with serving(FINE) as server:
        await transport.send(post(server.url), write_before=time.monotonic() + 5, timeout=TIMEOUT)
        assert server.received > 0


async def test_when_many_grants_die_at_random_no_byte_of_theirs_leaves(
    transport: AiohttpTransport,
) -> None:
    async with serving(FINE) as server:
        sent = 0
        for round_ in range(200):
            margin = LAST_TURN + (round_ % 20 - 10) / 10_000  # a millisecond less, or more
            try:
                await transport.send(
                    post(server.url), write_before=time.monotonic() + margin, timeout=TIMEOUT
                )
            except GrantExpired:
                continue
            sent += 1
        requests = sum(c.received.count(b"POST /messages") for c in server.connections)
    assert requests == sent


async def test_numbers_on_private_addresses_are_refused_where_strangers_have_workspaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(FINE) as server, serving(FINE) as simulator:
        chosen = {"allow_private_hosts": False, "simulator_url": simulator.url.rstrip("/")}
        sending = settings.sending().model_copy(update=chosen)
        monkeypatch.setattr(settings, "sending", lambda: sending)
        opened = AiohttpTransport()
        try:
            for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
                with pytest.raises(NotSent, match=r"not a public address|localhost"):
                    await opened.send(post(url), timeout=TIMEOUT)
            assert (await opened.send(post(f"{simulator.url}/x"), timeout=TIMEOUT)).status == 200
        finally:
            await opened.close()


async def test_the_link_of_this_machine_is_refused_always(transport: AiohttpTransport) -> None:
    for host in ("169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]"):
        with pytest.raises(NotSent, match="public address"):
            await transport.send(post(f"http://{host}/latest"), timeout=TIMEOUT)
