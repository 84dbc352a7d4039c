"""Claims on their way: the next messages are claimed beside those that leave."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recado.domain.ids import RunId
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.plans import ChannelPlan, Ready, prepare
from recado.features.dispatch.records import Result


@dataclass(frozen=True, slots=True)
class _Coming:
    """What is being claimed, and the plan that it is prepared by."""

    plan: ChannelPlan
    claims: "asyncio.Task[list[Ready | Result]]"


class Supply:
    """One claim at a time, in a task of its own, so that its statement holds nobody up."""

    def __init__(self, ledger: Ledger, arrived: Callable[[], None]) -> None:
        """``arrived`` is told when there is something to be taken."""
        self._ledger = ledger
        self._arrived = arrived
        self._coming: _Coming | None = None

    @property
    def coming(self) -> bool:
        """Whether something is being claimed, or waits to be taken."""
        return self._coming is not None

    @property
    def there(self) -> bool:
        """Whether it can be taken without waiting."""
        return self._coming is not None and self._coming.claims.done()

    def order(self, plan: ChannelPlan, most: int, runs: Mapping[RunId, int]) -> None:
        """Have up to ``most`` claimed, of each run no more than its number."""
        claims = asyncio.create_task(self._claim(plan, most, runs), name="claim")
        claims.add_done_callback(lambda _: self._arrived())
        self._coming = _Coming(plan, claims)

    async def take(self) -> tuple[ChannelPlan | None, list[Ready | Result]]:
        """Wait for what was ordered; and the plan it was prepared by.

        Raises:
            DATABASE_AWAY: Nobody knows what was claimed; taking the channel again settles it.
        """
        coming, self._coming = self._coming, None
        if coming is None:
            return None, []
        return coming.plan, await coming.claims

    async def _claim(
        self, plan: ChannelPlan, most: int, runs: Mapping[RunId, int]
    ) -> list[Ready | Result]:
        claimed = await self._ledger.claim(plan, most, runs)
        prepared = [prepare(one, plan.runs[one.run_id], plan.channel) for one in claimed]
        await self._ledger.keep_parts([one for one in prepared if isinstance(one, Ready)])
        return prepared
