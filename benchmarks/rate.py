"""How much of what one channel is allowed three workers use, and what that costs.

    DATABASE_URL=… REDIS_URL=… python benchmarks/rate.py [--minute]

With ``--minute`` the same at 20 a minute, which takes three minutes more.
"""

import argparse
import asyncio
import time
from itertools import pairwise
from typing import Any

from tests.support.counting import densest

from benchmarks._sendlog import departures
from benchmarks._stage import Stage, judged, spent, stage, until

WORKERS = 3
LATENCY_MS = 60
PER_SECOND, SUSTAINED_SECONDS = 80, 30
PER_MINUTE, MINUTES = 20, 3


async def by_the_second(opened: Stage) -> None:
    """80 a second, for half a minute and a second at each end."""
    count = PER_SECOND * (SUSTAINED_SECONDS + 3)
    channel = await opened.channel(await opened.workspace(), perSecond=PER_SECOND)
    began, cpu = time.time(), opened.cpu()
    run = await opened.run(channel, count)
    await opened.reached(channel, run, count)
    cpu_after = opened.cpu()
    times = await opened.arrivals(channel)
    begin = times[0] + 1
    steady = [at for at in times if begin <= at < begin + SUSTAINED_SECONDS]
    use = len(steady) / SUSTAINED_SECONDS / PER_SECOND
    left = await departures(opened.runtime, channel)
    gaps = [later - earlier for earlier, later in pairwise(steady)]
    print(
        f"{PER_SECOND} a second, {WORKERS} workers, {LATENCY_MS} ms: {use:.1%} of it over"
        f" {SUSTAINED_SECONDS} s at the simulator ({judged(use, 0.95, most=False)});"
        f" first after {times[0] - began:.2f} s, longest silence {max(gaps) * 1000:.0f} ms"
    )
    print(_worst(left, times, 1.0, PER_SECOND))
    print(spent(cpu, cpu_after, count))


async def by_the_minute(opened: Stage) -> None:
    """20 a minute, for some minutes from the first message on."""
    channel = await opened.channel(
        await opened.workspace(), perSecond=None, perMinute=PER_MINUTE, inFlight=10
    )
    await opened.run(channel, PER_MINUTE * (MINUTES + 1))

    async def begun() -> bool:
        return bool(await opened.arrivals(channel))

    await until(begun, "the first message")
    end = (await opened.arrivals(channel))[0] + 60 * MINUTES
    await asyncio.sleep(end - time.time())
    times = [at for at in await opened.arrivals(channel) if at < end]
    use = len(times) / PER_MINUTE / MINUTES
    left = await departures(opened.runtime, channel)
    print(
        f"{PER_MINUTE} a minute: {use:.1%} of it over {MINUTES} minutes"
        f" ({judged(use, 0.95, most=False)})"
    )
    print(_worst(left, times, 60.0, PER_MINUTE))


def _worst(left: list[float], came: list[float], width: float, limit: int) -> str:
    logged: Any = f"{densest(left, width)} ({judged(densest(left, width), limit, most=True)})"
    return (
        f"worst sliding {width:g} s: {logged if left else 'not logged'} as they left by Redis'"
        f" clock, {densest(came, width)} as they came to the simulator"
    )


async def main(*, minute: bool) -> None:
    """Start the processes, measure, stop them."""
    async with stage(workers=WORKERS, latency_ms=LATENCY_MS) as opened:
        await by_the_second(opened)
        if minute:
            await by_the_minute(opened)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minute", action="store_true")
    asyncio.run(main(minute=parser.parse_args().minute))
