"""Failed sign-ins, counted in Redis: who guesses passwords is made to wait."""

import hashlib
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.errors import RecadoError, TooManyRequests

WINDOW: Final = 15 * 60
"""Seconds over which failures are counted, from the first of them."""

MOST_PER_EMAIL: Final = 10
MOST_PER_ADDRESS: Final = 100
"""Far more than one person needs: a whole office may share an address."""


class TooManySignIns(TooManyRequests):
    code = "too_many_sign_ins"
    sentence = "Too many failed sign-ins. Wait {minutes} min and try again."

    def __init__(self, *, retry_after: int) -> None:
        # Past the parent's, which knows of no minutes.
        RecadoError.__init__(self, retry_after=retry_after, minutes=-(-retry_after // 60))
        self.retry_after = retry_after


def _keys(email: str, address: str) -> dict[str, int]:
    """The counters that a sign-in touches, and how far each may go."""
    digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]
    return {
        f"recado:sign-in:email:{digest}": MOST_PER_EMAIL,
        f"recado:sign-in:address:{address}": MOST_PER_ADDRESS,
    }


async def check(redis: Redis, *, email: str, address: str) -> None:
    """Let a sign-in be tried.

    With Redis away nothing is counted and everybody may try: a right password must open the
    pages that show what is wrong.

    Raises:
        TooManySignIns: There were too many failures for this e-mail or from this address.

    """
    try:
        for key, most in _keys(email, address).items():
            if int(await redis.get(key) or 0) >= most:
                left = await redis.ttl(key)
                raise TooManySignIns(retry_after=max(1, left))
    except RedisError:
        return


async def failed(redis: Redis, *, email: str, address: str) -> None:
    """Count a failure."""
    try:
        for key in _keys(email, address):
            async with redis.pipeline(transaction=True) as pipe:
                pipe.incr(key)
                pipe.expire(key, WINDOW, nx=True)
                await pipe.execute()
    except RedisError:
        return


async def succeeded(redis: Redis, *, email: str) -> None:
    """Forget the failures of an e-mail whose owner has come in."""
    try:
        await redis.delete(next(iter(_keys(email, ""))))
    except RedisError:
        return
