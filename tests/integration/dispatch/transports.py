"""Networks as they are: slow to connect, slow to answer, saying odd things."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from recado.providers.base import HttpAnswer, HttpRequest, Transport
from recado.providers.errors import GrantExpired


@dataclass
class Unlucky:
    """Some grants die before their request is written, sooner or later."""

    inner: Transport
    rate: float
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    died: int = 0

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        if write_before is not None and self.chance.random() < self.rate:
            await asyncio.sleep(self.chance.uniform(0, 0.01))
            self.died += 1
            raise GrantExpired("by chance")
        return await self.inner.send(request, write_before=write_before, timeout=timeout)


@dataclass
class FarAway:
    """A provider whose connections take longer to open than a grant lives, and idle out soon."""

    inner: Transport
    idle_seconds: float
    open_until: float = 0.0
    opened: int = 0

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        now = asyncio.get_running_loop().time()
        found_open = now < self.open_until
        self.open_until = now + 0.1 + self.idle_seconds
        if write_before is not None and not found_open:
            await asyncio.sleep(0.1)
            self.opened += 1
            raise GrantExpired("connecting took longer")
        return await self.inner.send(request, write_before=write_before, timeout=timeout)


@dataclass
class Answering:
    """A provider that is played by a function."""

    answer: Callable[[HttpRequest], Awaitable[HttpAnswer]]

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        return await self.answer(request)
