"""A small state in Redis that several workers change, none over another's change.

Whoever changes it keeps what it saw as steps, and writes by compare-and-set: where somebody else
was faster, the same steps are taken again from what that one left.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis

from recado.platform.redis import script

S = TypeVar("S")
T = TypeVar("T")

MOST_STEPS = 1_000  # kept while Redis is away; of older ones the state would say the same by now
TRIES = 8


class Contended(Exception):
    """Others were faster every time."""


class Shared(Generic[S]):
    """One state, as far as this process knows it."""

    def __init__(
        self,
        redis: "Redis",
        key: str,
        *,
        load: Callable[[Mapping[str, str]], S],
        dump: Callable[[S], Mapping[str, str | int | float]],
        kept_seconds: float,
    ) -> None:
        """``load`` makes a state of what ``dump`` made of one, and a fresh one of nothing."""
        self._redis = redis
        self._key = key
        self._load = load
        self._dump = dump
        self._kept = round(kept_seconds * 1000)
        self._swap = script(redis, __package__ or "", "swap.lua")
        self._version = ""
        self._base = load({})
        self._steps: deque[Callable[[S], S]] = deque(maxlen=MOST_STEPS)
        self._alone = asyncio.Lock()  # else two of us would take the same steps
        self.view = self._base

    def change(self, step: Callable[[S], S]) -> None:
        """Take a step at once; the others learn of it by the next `sync`."""
        self._steps.append(step)
        self.view = step(self.view)

    async def sync(self) -> None:
        """Read what the others have seen, and add to it what was seen here.

        Raises:
            RedisError, Contended: The steps are kept for the next time.
        """
        async with self._alone:
            raw: dict[Any, Any] = await self._redis.hgetall(self._key)
            self._take(raw)
            if self._steps:
                await self._decide(lambda state: (state, None))

    async def decide(self, question: Callable[[S], tuple[S, T]]) -> T:
        """Ask the state itself, after all steps so far, and write what the answer makes of it.

        Raises:
            RedisError, Contended: Nothing was decided.
        """
        async with self._alone:
            return await self._decide(question)

    async def _decide(self, question: Callable[[S], tuple[S, T]]) -> T:
        for _ in range(TRIES):
            taken = len(self._steps)
            state, answer = question(self.view)
            if state == self._base or await self._write(state):
                for _ in range(taken):
                    self._steps.popleft()
                self._stand(state)
                return answer
        raise Contended

    async def _write(self, state: S) -> bool:
        version = secrets.token_hex(4)
        fields = {"version": version, **self._dump(state)}
        there = await self._swap(
            keys=[self._key],
            args=[self._version, self._kept, *(x for pair in fields.items() for x in pair)],
        )
        if there:
            self._take(dict(zip(there[::2], there[1::2], strict=True)))
            return False
        self._version = version
        return True

    def _take(self, raw: Mapping[str, str]) -> None:
        self._version = raw.get("version", "")
        self._stand(self._load(raw))

    def _stand(self, state: S) -> None:
        self._base = self.view = state
        for step in self._steps:
            self.view = step(self.view)
