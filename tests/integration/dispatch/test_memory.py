"""What a driver holds is about its pace, and not about how many people it writes to."""

import gc
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.integration.dispatch.driving import Number

from recado.providers.base import HttpAnswer, HttpRequest, Transport

FEW, MANY = 100, 1_100
EARLY, LATE = 50, 1_050  # answers; at both as much is on its way


@dataclass
class Counting:
    """Counts what Python holds at the answers of these numbers."""

    inner: Transport
    at: Collection[int]
    answers: int = 0
    held: list[int] = field(default_factory=list)

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        answer = await self.inner.send(request, write_before=write_before, timeout=timeout)
        self.answers += 1  # a grant that has died gets none
        if self.answers in self.at:
            gc.collect()
            self.held.append(len(gc.get_objects()))
        return answer


async def held_while_driving(number: Number, count: int, at: Collection[int]) -> list[int]:
    run_id = await number.run(count)
    transport = Counting(number.transport, at)
    await number.driver(transport=transport).drive()
    assert (await number.run_row(run_id))["status"] == "completed"
    return transport.held


async def test_memory_does_not_grow_with_the_audience(quiet_number: Number) -> None:
    await quiet_number.execute(
        """UPDATE channel SET pacing = '{"perSecond": 1000, "inFlight": 20}'"""
    )
    await held_while_driving(quiet_number, FEW, ())  # makes what is made once for all
    few, *_ = await held_while_driving(quiet_number, FEW, [EARLY])
    held = await held_while_driving(quiet_number, MANY, [EARLY, LATE])
    # Less than two objects for each person more: neither read ahead nor kept afterwards.
    assert abs(held[0] - few) < 2 * (MANY - FEW), (few, held)
    assert abs(held[-1] - held[0]) < 2 * (LATE - EARLY), held
