"""Claims that are rendered and wait, in a driver's memory, for their turn to leave."""

from collections import deque
from collections.abc import Collection, Iterable
from datetime import datetime

from recado.domain.ids import RunId
from recado.features.dispatch.plans import ChannelPlan, Ready
from recado.features.dispatch.records import Result


class Turns:
    """A short queue. What is taken out belongs to the taker, who sends it or puts it back."""

    def __init__(self) -> None:
        self._waiting: deque[Ready] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ready: Ready) -> None:
        """Behind all others."""
        self._waiting.append(ready)

    def put_back(self, some: Iterable[Ready]) -> None:
        """Before all others, in this order."""
        self._waiting.extendleft(reversed(list(some)))

    @property
    def runs(self) -> set[RunId]:
        """The runs of which something waits."""
        return {ready.claim.run_id for ready in self._waiting}

    def count(self, runs: Collection[RunId]) -> int:
        """How many of these runs wait."""
        return sum(ready.claim.run_id in runs for ready in self._waiting)

    def take(self, most: int, held: Collection[RunId]) -> list[Ready]:
        """Take the first few whose runs are not held."""
        some = [ready for ready in self._waiting if ready.claim.run_id not in held][:most]
        self._remove(some)
        return some

    def take_of(self, runs: Collection[RunId]) -> list[Ready]:
        """Take out all of these runs."""
        some = [ready for ready in self._waiting if ready.claim.run_id in runs]
        self._remove(some)
        return some

    def older_than(self, moment: float) -> list[Ready]:
        """Take out what was claimed before a moment of the monotonic clock."""
        some = [ready for ready in self._waiting if ready.claim.claimed_at < moment]
        self._remove(some)
        return some

    def _remove(self, some: Collection[Ready]) -> None:
        if some:
            gone = {ready.claim.reference for ready in some}
            self._waiting = deque(r for r in self._waiting if r.claim.reference not in gone)

    def take_all(self) -> list[Ready]:
        """Take everything out."""
        everything = list(self._waiting)
        self._waiting.clear()
        return everything

    def take_late(self, now: datetime) -> list[Ready]:
        """Take out what must not leave any more at this moment."""
        late: list[Ready] = []
        for ready in self.take_all():
            if ready.in_hours(now):
                self.add(ready)
            else:
                late.append(ready)
        return late

    def refit(self, plan: ChannelPlan) -> tuple[list[Ready], list[Result]]:
        """Fit what waits to a new plan.

        Returns:
            Claims of runs that may not send any more, and those that cannot be sent as they are
            now. Both are out of the queue.
        """
        shut: list[Ready] = []
        failed: list[Result] = []
        for ready in self.take_all():
            run = plan.runs.get(ready.claim.run_id)
            if run is None or not run.sending:
                shut.append(ready)
                continue
            again = ready.again(run, plan.channel)
            if isinstance(again, Result):
                failed.append(again)
            else:
                self.add(again)
        return shut, failed
