"""A provider that calls back: an open loop in a process of its own, on raw connections.

    python benchmarks/_callers.py PLAN RESULTS

PLAN is JSON lines: first ``{"host", "port", "path", "begin", "per_second"}``, then one callback
each, ``{"body", "signature"}``. When each is due is settled beforehand, so a slow answer delays no
other call, and its time counts from the moment at which it was due. What is not answered with 200
comes again, at once and then with growing pauses, as Meta does. RESULTS is a JSON line for each
try: ``[callback, due, answered, status]`` in Unix time; status 0: refused, broken off, no answer.
"""

import asyncio
import heapq
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

PAUSES = (0.05, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds until it comes again; the last one repeats
MOST_TRIES = 40
NO_ANSWER = 20.0  # seconds
TICK = 0.002


@dataclass(slots=True)
class Try:
    """One callback on its way."""

    callback: int
    due: float
    tries: int = 0


class Line(asyncio.Protocol):
    """A connection that carries one request at a time."""

    def __init__(self, callers: "Callers") -> None:
        self.callers = callers
        self.transport: asyncio.Transport | None = None
        self.busy: Try | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by descent

    def call(self, one: Try) -> None:
        """Write a request."""
        transport = self.transport
        if transport is None:
            raise RuntimeError("not connected")
        self.busy, self.received = one, b""
        self.timer = asyncio.get_running_loop().call_later(NO_ANSWER, transport.abort)
        transport.write(self.callers.requests[one.callback])

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or self.busy is None:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if len(body) < int(length or 0):
            return
        one, status = self.busy, int(head[9:12])
        self._release()
        self.callers.answered(one, status)
        if b"connection: close" in head.lower() and self.transport:
            self.transport.close()
        else:
            self.callers.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self in self.callers.free:
            self.callers.free.remove(self)
        if self.busy is not None:
            one = self.busy
            self._release()
            self.callers.answered(one, 0)

    def _release(self) -> None:
        self.busy = None
        if self.timer is not None:
            self.timer.cancel()


@dataclass
class Callers:
    """All callbacks, and the lines they go over."""

    host: str
    port: int
    requests: Sequence[bytes]
    results: list[tuple[int, float, float, int]] = field(default_factory=list)
    free: list[Line] = field(default_factory=list)
    again: list[tuple[float, int, Try]] = field(default_factory=list)
    left: int = 0
    opening: set["asyncio.Task[None]"] = field(default_factory=set)

    def answered(self, one: Try, status: int) -> None:
        """Keep what came of a try; without a 200 it comes again."""
        now = time.time()
        self.results.append((one.callback, one.due, now, status))
        if status == 200 or one.tries >= MOST_TRIES:
            self.left -= 1
            return
        pause = PAUSES[min(one.tries, len(PAUSES) - 1)]
        heapq.heappush(
            self.again, (now + pause, one.callback, Try(one.callback, now + pause, one.tries + 1))
        )

    def call(self, one: Try) -> None:
        """Over a line that is free, or else over a new one."""
        while self.free:
            line = self.free.pop()
            if line.transport is not None and not line.transport.is_closing():
                line.call(one)
                return
        task = asyncio.get_running_loop().create_task(self._open(one))
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)

    async def _open(self, one: Try) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, line = await loop.create_connection(lambda: Line(self), self.host, self.port)
        except OSError:
            self.answered(one, 0)
        else:
            line.call(one)

    async def run(self, begin: float, per_second: float) -> None:
        """Call until each has been taken."""
        self.left, number = len(self.requests), 0
        while self.left:
            now = time.time()
            while number < len(self.requests) and begin + number / per_second <= now:
                self.call(Try(number, begin + number / per_second))
                number += 1
            while self.again and self.again[0][0] <= now:
                self.call(heapq.heappop(self.again)[2])
            await asyncio.sleep(TICK)


def _request(path: str, host: str, line: str) -> bytes:
    given = json.loads(line)
    body: bytes = given["body"].encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: {given['signature']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main(plan: str, results: str) -> None:
    """Call as planned, and write down what came of it."""
    first, *lines = Path(plan).read_text().splitlines()
    how = json.loads(first)
    requests = [_request(how["path"], how["host"], line) for line in lines]
    callers = Callers(how["host"], how["port"], requests)
    uvloop.run(callers.run(how["begin"], how["per_second"]))
    with Path(results).open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in callers.results)


if __name__ == "__main__":
    main(*sys.argv[1:])
