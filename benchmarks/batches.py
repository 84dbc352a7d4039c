"""What 10,000 deliveries in batches of 50 cost: statements, memory, processor.

    DATABASE_URL=… REDIS_URL=… python benchmarks/batches.py

Statements are PostgreSQL's own count (pg_stat_statements) of everything in the database, without
BEGIN, COMMIT and set_config. Nobody but the one worker uses it: callbacks lead nowhere.
"""

import asyncio
import os
import time

from tests.support.statements import Statements, counting

from benchmarks._stage import MEGABYTE, UNBOUND, Stage, judged, spent, stage, until

COUNT, EARLY = 10_000, 1_000
MOST_STATEMENTS, MOST_MEGABYTES = 1_000, 20
RECORDING_SECONDS = 2.0  # in which the last outcomes are written


async def main() -> None:
    """Start the processes, measure, stop them."""
    async with stage(workers=1, latency_ms=0, callbacks=False) as opened:
        (worker,) = opened.drivers
        channel = await opened.channel(await opened.workspace(), **UNBOUND)
        with counting(os.environ["DATABASE_URL"]) as statements:
            began, cpu = time.monotonic(), opened.cpu()
            run = await opened.run(channel, COUNT)
            await came(opened, EARLY)
            early = worker.memory_info().rss
            await came(opened, COUNT)
            seconds, late = time.monotonic() - began, worker.memory_info().rss
            await asyncio.sleep(RECORDING_SECONDS)
            cpu_after = opened.cpu()
        if await opened.settled(channel, run) < COUNT:
            raise RuntimeError("not all outcomes are on record")
    print(f"{COUNT:,} deliveries in {seconds:.1f} s = {COUNT / seconds:.0f} a second")
    tell_statements(statements)
    growth = (late - early) / MEGABYTE
    print(
        f"memory {early / MEGABYTE:.1f} MB at delivery {EARLY:,}, {growth:+.1f} MB until"
        f" {COUNT:,} ({judged(growth, MOST_MEGABYTES, most=True)})"
    )
    print(spent(cpu, cpu_after, COUNT))


async def came(opened: Stage, count: int) -> None:
    """Return once the simulator has so many messages: asking the database would count."""

    async def enough() -> bool:
        async with opened.http.get(f"{opened.simulator}/_sim/stats") as answer:
            accepted: int = (await answer.json())["accepted"]
        return accepted >= count

    await until(enough, f"{count} messages")


def tell_statements(statements: Statements) -> None:
    """Print how many there were, and the most frequent."""
    total = statements.total
    print(f"{total} statements ({judged(total, MOST_STATEMENTS, most=True)}), most of them:")
    for query, calls in sorted(statements.calls.items(), key=lambda item: -item[1])[:10]:
        print(f"  {calls:5} {' '.join(query.split())[:90]}")


if __name__ == "__main__":
    asyncio.run(main())
