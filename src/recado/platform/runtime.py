"""What a process holds for its whole life, handed down to whoever needs it."""

from dataclasses import dataclass

from redis.asyncio import Redis

from recado.platform.crypto import Sealer
from recado.platform.postgres import Database
from recado.platform.queue import JobQueue


@dataclass(frozen=True, slots=True)
class Runtime:
    """The open servers and keys of one process. Built by bootstrap alone."""

    db: Database
    redis: Redis
    queue: JobQueue
    sealer: Sealer
    public_url: str

    async def close(self) -> None:
        await self.redis.aclose()
        await self.db.close()
