"""Whose turn it is among the runs of one channel."""

from collections.abc import Iterable
from dataclasses import dataclass

from recado.domain.ids import RunId


@dataclass(slots=True)
class Rota:
    """Goes round and round, from one driver of the channel to the next.

    Else a channel that sends one message at a time would begin anew, with the same run, each time.
    """

    last_run: RunId | None = None

    def order(self, runs: Iterable[RunId]) -> list[RunId]:
        """The runs by id, beginning after the one that had the last turn."""
        last = self.last_run
        return sorted(runs, key=lambda run: (last is not None and run <= last, run))

    def had(self, turns: Iterable[RunId]) -> None:
        """These have had their turns, in this order."""
        for run in turns:
            self.last_run = run
