"""How many texts a second the simulator takes on from each provider's side, on one core.

    python benchmarks/simulator.py [--callbacks]

The figure is by the simulator's own time on a processor, so what else runs on the machine does not
count. With ``--callbacks`` it also calls back all that becomes of the texts, to a server that
answers and forgets. Needs no database.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable

import psutil

from benchmarks._stage import judged
from recado.simulator.testing import Simulator

TEXTS = 20_000
CONNECTIONS = 16
ENOUGH = 5_000
TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def meta(number: int) -> bytes:
    """A text through the Cloud API."""
    body = (
        b'{"messaging_product":"whatsapp","to":"55119%08d","type":"text","text":{"body":"Oi"},'
        b'"biz_opaque_callback_data":"%d.1.1"}' % (number, number)
    )
    return _request(b"meta/v23.0/100001/messages", b"Authorization: Bearer secret", body)


def evolution(number: int) -> bytes:
    """A text through Evolution."""
    body = b'{"number":"55119%08d","text":"Oi"}' % number
    return _request(b"evolution/message/sendText/loja", b"apikey: secret", body)


def uazapi(number: int) -> bytes:
    """A text through uazapi."""
    body = b'{"number":"55119%08d","text":"Oi","track_id":"%d.1.1"}' % (number, number)
    return _request(b"uazapi/send/text", b"token: secret", body)


PROVIDERS: dict[Callable[[int], bytes], dict[str, object]] = {
    meta: {"phone_number_id": "100001", "access_token": "secret", "app_secret": "s"},
    evolution: {"instance": "loja", "api_key": "secret"},
    uazapi: {"token": "secret", "name": "loja"},
}


def _request(path: bytes, header: bytes, body: bytes) -> bytes:
    return (
        b"POST /%s HTTP/1.1\r\nhost: x\r\n%s\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (path, header, len(body), body)
    )


async def _send(port: int, numbers: range, make: Callable[[int], bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        writer.write(make(number))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head[9:10] == b"2", head
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(TAKEN)


def _settled(simulator: Simulator) -> int:
    """Wait until no callback is pending; how many requests were made for them."""
    while (counts := simulator.control("stats")["callbacks"])["pending"]:
        time.sleep(0.2)
    posts: int = counts["posts"]
    return posts


async def measure(make: Callable[[int], bytes], *, callbacks: bool) -> None:
    """Send the texts, wait until all is called back, print the figure."""
    with Simulator() as simulator:
        if callbacks:
            sink = await asyncio.start_server(_take, "127.0.0.1", 0)
            url = f"http://127.0.0.1:{sink.sockets[0].getsockname()[1]}/"
            channel = {"provider": make.__name__, **PROVIDERS[make], "callback_url": url}
            simulator.control("channels", channel)
        port = int(simulator.url.rpartition(":")[2])
        process = psutil.Process(simulator.pid)
        await _send(port, range(1_000), make)
        before, began = process.cpu_times(), time.monotonic()
        share = TEXTS // CONNECTIONS
        await asyncio.gather(
            *(
                _send(port, range(first, first + share), make)
                for first in range(10**6, 10**6 + TEXTS, share)
            )
        )
        calls = await asyncio.to_thread(_settled, simulator)
        after, took = process.cpu_times(), time.monotonic() - began
        rate = TEXTS / (after.user + after.system - before.user - before.system)
        print(
            f"{make.__name__}: {rate:,.0f} texts a second of one core"
            f" ({'' if callbacks else judged(rate, ENOUGH, most=False) + ', '}"
            f"{TEXTS / took:,.0f} a second as the machine was), {calls:,} callbacks",
            flush=True,
        )


async def main(*, callbacks: bool) -> None:
    """Measure each provider in turn."""
    for make in PROVIDERS:
        await measure(make, callbacks=callbacks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callbacks", action="store_true")
    asyncio.run(main(callbacks=parser.parse_args().callbacks))
