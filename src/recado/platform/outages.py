"""A server is away: said once by a process, however many wait for it, and again when it is back.

Whoever meets it reports so, and whoever reaches the server again as well. One line tells of the
beginning, one a minute that it lasts, one of the end.
"""

import time
from collections.abc import Callable

from redis.exceptions import RedisError

from recado.platform import logging, metrics

log = logging.get(__name__)

EVERY_SECONDS = 60.0
QUIET_SECONDS = 6.0
"""So long without a failure before it is back: till then others may find connections broken."""


class Outage:
    """Whether one server is away, as far as this process has met it."""

    def __init__(self, server: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._since: float | None = None
        self._told = self._last = 0.0
        self._failures = 0
        metrics.SERVER_AWAY.labels(server).set(0)

    @property
    def lasts(self) -> bool:
        """Whether it is away."""
        return self._since is not None

    def away(self, error: BaseException) -> None:
        """Somebody could not reach it, and will try again."""
        now = self._last = self._clock()
        self._failures += 1
        if self._since is None:
            self._since = self._told = now
            self._failures = 1
            metrics.SERVER_AWAY.labels(self._server).set(1)
            log.warning("server away; waiting", server=self._server, error=str(error))
        elif now - self._told >= EVERY_SECONDS:
            self._told = now
            log.warning(
                "server still away",
                server=self._server,
                seconds=round(now - self._since),
                failures=self._failures,
                error=str(error),
            )

    def back(self) -> None:
        """Somebody has reached it; costs nothing while all is well."""
        if self._since is None:
            return
        now = self._clock()
        if now - self._last < QUIET_SECONDS:
            return
        log.info("server back", server=self._server, seconds=round(self._last - self._since))
        metrics.SERVER_AWAY.labels(self._server).set(0)
        self._since = None


POSTGRES = Outage("PostgreSQL")
REDIS = Outage("Redis")


# Classes of PostgreSQL's codes by which it says that it cannot work: lost connections, too few
# resources, shutting down. By any other it has answered.
_AWAY_CODES = ("08", "53", "57P")


def met(error: BaseException) -> None:
    """Report what was raised to the server that it came from."""
    if isinstance(error, RedisError):
        REDIS.away(error)
        return
    code = getattr(getattr(error, "orig", error), "sqlstate", None)
    if code is not None and not code.startswith(_AWAY_CODES):
        log.warning("PostgreSQL refused; trying again", code=code, error=str(error))
        return
    POSTGRES.away(error)


def over() -> None:
    """Both servers were reached."""
    POSTGRES.back()
    REDIS.back()
