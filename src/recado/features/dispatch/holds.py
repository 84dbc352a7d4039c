"""What one driver remembers of the limits' answers: which run may go again when."""

import time
from collections.abc import Collection, Iterable

from recado.domain.ids import RunId
from recado.domain.limits import Kind, Limit, Path
from recado.features.limits.limiter import Grant

TOLD_FROM_SECONDS = 2.0  # shorter waits are the ordinary course of things
PLENTY = 1_000_000
FULL_SECONDS = 0.05  # between two looks at slots that only some runs find all taken


class Holds:
    """Waits of runs, on the monotonic clock, and how much room the limits leave."""

    def __init__(self) -> None:
        self._until: dict[RunId, float] = {}
        self._told: dict[str, float] = {}
        self._left: dict[str, int] = {}

    def room(self, path: Path) -> int:
        """How many more its fullest limit allows; 1 at least, as it may refill any moment."""
        return max(
            1, min((self._left.get(one.mark, PLENTY) for one in path.limits), default=PLENTY)
        )

    @property
    def held(self) -> Collection[RunId]:
        """The runs that may not go yet."""
        now = time.monotonic()
        return {run for run, until in self._until.items() if until > now}

    def of(self, run: RunId) -> float:
        """Seconds until a run may go; 0 if it may."""
        return max(0.0, self._until.get(run, 0.0) - time.monotonic())

    def shortest(self, runs: Iterable[RunId]) -> float:
        """Seconds until the first of these may go; 0 if there are none."""
        return min((self.of(run) for run in runs), default=0.0)

    def forget(self) -> None:
        """Something changed that the limits' earlier answers did not know of."""
        self._until.clear()
        self._left.clear()

    def note(self, grant: Grant) -> list[tuple[Limit, float]]:
        """Learn from an answer.

        Returns:
            Limits that are used up for longer than a moment, and the seconds until they refill;
            each once until then.
        """
        now = time.monotonic()
        self._left |= {
            limit.mark: limit.most - used
            for limit, used in grant.used
            if limit.kind in {Kind.LOG, Kind.MINUTES} and limit.seconds > 1
        }
        # Where all are full, the next outcome is the moment to ask again.
        some_full = not grant.full and any(wait.full for wait in grant.ahead.values())
        news: list[tuple[Limit, float]] = []
        for run, wait in grant.ahead.items():
            pause = FULL_SECONDS if some_full and wait.full else 0.0
            self._until[run] = now + max(pause, wait.seconds)
            limit = wait.limit
            if limit is None or limit.kind is Kind.INTERVAL or wait.seconds <= TOLD_FROM_SECONDS:
                continue
            if self._told.get(limit.mark, 0.0) <= now:
                self._told[limit.mark] = now + wait.seconds
                news.append((limit, round(wait.seconds, 1)))
        return news
