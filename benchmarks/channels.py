"""Three hundred slow channels on one worker process: does each keep its pace, and at what cost?

    DATABASE_URL=… REDIS_URL=… python benchmarks/channels.py [--channels N] [--minutes N]

Lateness is exact: a channel that is given back is due at a time that stands in the database, and
its next message should leave then.
"""

import argparse
import asyncio
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks._stage import MEGABYTE, Channel, Stage, seconds_of, stage
from recado.domain.ids import ChannelId

INTERVAL, LONGEST = 30.0, 36.0  # up to 20 % more by chance
A_WORKSPACE = 10
LOOK_SECONDS = 1.0


@dataclass
class Watch:
    """When each channel was due, as it was seen."""

    opened: Stage
    due: dict[ChannelId, set[float]] = field(default_factory=lambda: defaultdict(set))

    async def look(self) -> None:
        """Note when those that nobody drives now are due."""
        async with self.opened.runtime.db.system() as tx:
            rows = await tx.all(
                "SELECT channel_id, extract(epoch FROM due_at)::float AS due FROM drive"
                " WHERE owner IS NULL AND due_at IS NOT NULL"
            )
        for row in rows:
            self.due[ChannelId(row["channel_id"])].add(round(row["due"], 3))


async def main(count: int, minutes: float) -> None:
    """Start the processes, measure, stop them."""
    async with stage(workers=1) as opened:
        channels = await _prepare(opened, count, messages=round(minutes * 60 / INTERVAL) + 2)
        (worker,) = opened.drivers
        watch = Watch(opened)
        # The first message of each leaves as soon as there is a turn: pace begins with the second.
        await asyncio.sleep(INTERVAL / 2)
        began, before = time.monotonic(), seconds_of(worker)
        while time.monotonic() < began + minutes * 60:
            await watch.look()
            await asyncio.sleep(LOOK_SECONDS)
        lasted, used = time.monotonic() - began, seconds_of(worker) - before
        came = {channel.id: await opened.arrivals(channel) for channel in channels}
        memory = worker.memory_info().rss / MEGABYTE
    gaps = [later - early for times in came.values() for early, later in pairwise(times)]
    late = sorted(_lateness(watch, came))
    print(
        f"{count} channels at {INTERVAL:g} s for {minutes:g} minutes: {len(gaps)} intervals,"
        f" {min(gaps):.2f} to {max(gaps):.2f} s (allowed: {INTERVAL:g} and up to 20 % more)"
    )
    if late:
        print(
            f"late by {late[len(late) // 2]:.3f} s in the middle, {late[-1]:.3f} s at worst,"
            f" of {len(late)} turns that were seen"
        )
    shortest = min(len(times) for times in came.values())
    print(f"the slowest channel has sent {shortest}; {LONGEST:g} s a message would be the least")
    print(f"processor {used / lasted:.1%} of one core, memory {memory:.0f} MB")


async def _prepare(opened: Stage, count: int, messages: int) -> list[Channel]:
    channels = []
    for number in range(count):
        if number % A_WORKSPACE == 0:
            workspace = await opened.workspace()
        channel = await opened.channel(workspace, messageInterval=INTERVAL)
        await opened.run(channel, messages)
        channels.append(channel)
    return channels


def _lateness(watch: Watch, came: Mapping[ChannelId, list[float]]) -> list[float]:
    """From the time that a channel was due until its next message came."""
    found = []
    for channel, times in watch.due.items():
        for due in times:
            place = bisect_left(came[channel], due - 0.005)
            if place < len(came[channel]) and came[channel][place] - due < INTERVAL:
                found.append(came[channel][place] - due)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=2.5)
    given = parser.parse_args()
    asyncio.run(main(given.channels, given.minutes))
