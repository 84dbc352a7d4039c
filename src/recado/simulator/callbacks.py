"""The outbox: callbacks that are due later, batched, posted and repeated until they are taken.

Updates for one address that fall into the same slice of time share a request. All is kept in
memory: a provider's own retries would outlive a restart, the simulator's do not.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import aiohttp

from recado.simulator.settings import Settings

U = TypeVar("U", contravariant=True)  # noqa: PLC0105 - one letter reads better in one signature


class Route(Protocol[U]):
    """Where updates go and what a request with several of them looks like; hashable."""

    @property
    def url(self) -> str:
        """The address to post to."""
        ...

    def pack(self, updates: Sequence[U]) -> tuple[bytes, Mapping[str, str]]:
        """The body and headers of one request."""
        ...


@runtime_checkable
class Judging(Protocol):
    """A route that says itself which answers end the matter; without that only 200 does."""

    def taken(self, status: int) -> bool | None:
        """Whether the callback has arrived; False: it is given up, None: it is repeated."""
        ...


class Outbox:
    """Schedules updates and delivers them.

    Args:
        settings: Gives the settings in force, asked for anew at each use.

    """

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._slices: dict[int, dict[Route[Any], list[Any]]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._posts: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._clear_counts()

    async def open(self) -> None:
        """Get ready to post; needs a running loop."""
        # Shorter than servers keep idle connections, so that none is closed under a callback.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=4)
        self._session = aiohttp.ClientSession(connector=connector)

    async def close(self) -> None:
        """Forget what is pending and let the connections go."""
        self.reset()
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The client that callbacks leave by."""
        if self._session is None:
            raise RuntimeError("the outbox has not been opened")
        return self._session

    def schedule(self, route: Route[U], update: U, *, delay: float) -> None:
        """Have an update delivered ``delay`` seconds from now, or up to a batch's time later."""
        length = max(self._settings().batch_ms, 1) / 1000
        now = time.monotonic()
        # The slice's number is its end in milliseconds, so slices of all lengths can coexist.
        end = math.ceil((now + delay) / length) * length
        number = round(end * 1000)
        routes = self._slices.get(number)
        if routes is None:
            routes = self._slices[number] = {}
            loop = asyncio.get_running_loop()
            self._timers[number] = loop.call_later(max(end - now, 0), self._flush, number)
        routes.setdefault(route, []).append(update)
        self.pending += 1

    def reset(self) -> None:
        """Forget every pending update and all counts."""
        for timer in self._timers.values():
            timer.cancel()
        for post in self._posts:
            post.cancel()
        self._slices.clear()
        self._timers.clear()
        self._gates.clear()
        self._posts = set()
        self._clear_counts()

    def stats(self) -> dict[str, int]:
        """Updates taken, given up and still to deliver; requests made for them, and repeats."""
        return {
            "sent": self.sent,
            "failed": self.failed,
            "pending": self.pending,
            "posts": self.posts,
            "retries": self.retries,
        }

    def _clear_counts(self) -> None:
        self.pending = 0
        self.sent = 0
        self.failed = 0
        self.posts = 0
        self.retries = 0

    def _flush(self, number: int) -> None:
        del self._timers[number]
        most = self._settings().batch_max
        for route, updates in self._slices.pop(number).items():
            for start in range(0, len(updates), most):
                batch = updates[start : start + most]
                body, headers = route.pack(batch)
                post = asyncio.create_task(self._deliver(route, body, headers, len(batch)))
                self._posts.add(post)
                post.add_done_callback(self._posts.discard)

    async def _deliver(
        self, route: Route[Any], body: bytes, headers: Mapping[str, str], updates: int
    ) -> None:
        settings = self._settings()
        gate = self._gates.setdefault(route.url, asyncio.Semaphore(settings.callback_connections))
        taken: bool | None = None
        for attempt in range(settings.retry_attempts):
            if attempt:
                self.retries += 1
                pause = settings.retry_first_ms * 2.0 ** (attempt - 1)
                await asyncio.sleep(min(pause, settings.retry_max_ms) / 1000)
            async with gate:
                self.posts += 1
                status = await self._post(route.url, body, headers)
            taken = _taken(route, status)
            if taken is not None:
                break
        self.pending -= updates
        if taken:
            self.sent += updates
        else:
            self.failed += updates

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The answer's status, 0 where there was none."""
        timeout = aiohttp.ClientTimeout(total=self._settings().callback_timeout_ms / 1000)
        try:
            async with self.session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0


def _taken(route: Route[Any], status: int) -> bool | None:
    if isinstance(route, Judging):
        return route.taken(status)
    return True if status == 200 else None  # noqa: PLR2004 - Meta repeats on anything but 200
