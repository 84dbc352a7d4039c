"""One client a process, however many channels ask at once."""

import asyncio

from redis.asyncio import Redis


async def test_more_callers_than_connections_wait_for_their_turn(redis: "Redis") -> None:
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(redis.ping() for _ in range(600)))
    assert all(answers)
