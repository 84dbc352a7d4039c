"""What a process holds for its whole life, handed down to whoever needs it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

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
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def close(self) -> None:
        """Close what was opened here, and before that what others have opened beside."""
        for close in self.closing:
            await close()
        await self.redis.aclose()
        await self.db.close()
