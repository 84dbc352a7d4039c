"""How long a dead worker's channel stands still: kill -9, then the first message of another.

    DATABASE_URL=… REDIS_URL=… python benchmarks/takeover.py [--tries N]

With the leases of an installation that nobody has configured.
"""

import argparse
import asyncio
import signal
import time

import psutil

from benchmarks._stage import Channel, Stage, judged, stage, until

PER_SECOND = 20
LONGEST = 60.0


async def once(opened: Stage, channel: Channel) -> float:
    """Kill the worker that drives the channel; seconds until another sends for it."""
    before = len(await opened.arrivals(channel))

    async def flowing() -> bool:
        return len(await opened.arrivals(channel)) >= before + PER_SECOND

    await until(flowing, "some messages")
    worker = await _driver(opened, channel)
    worker.send_signal(signal.SIGKILL)
    killed = time.time()
    worker.wait()
    opened.drivers.remove(worker)
    await opened.drive()

    # What was on the wire at that moment arrives within a second.
    async def driven() -> bool:
        return bool(await opened.arrivals(channel, killed + 1))

    await until(driven, "another driver", seconds=LONGEST)
    return (await opened.arrivals(channel, killed + 1))[0] - killed


async def _driver(opened: Stage, channel: Channel) -> psutil.Process:
    rows = await opened.rows(
        channel.workspace_id, "SELECT owner FROM drive WHERE channel_id = %(id)s", id=channel.id
    )
    return next(w for w in opened.drivers if f":{w.pid}:" in str(rows[0]["owner"]))


async def main(tries: int) -> None:
    """Start the processes, measure, stop them."""
    async with stage(workers=2) as opened:
        channel = await opened.channel(await opened.workspace(), perSecond=PER_SECOND)
        await opened.run(channel, PER_SECOND * 60 * tries)
        took = [await once(opened, channel) for _ in range(tries)]
        shown = ", ".join(f"{seconds:.1f} s" for seconds in took)
        print(f"driven again after {shown} ({judged(max(took), 30, most=True)})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=4)
    asyncio.run(main(parser.parse_args().tries))
