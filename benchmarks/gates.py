"""How soon pause, cancel and opt-out hold: from the API's answer to the last request that left.

    DATABASE_URL=… REDIS_URL=… python benchmarks/gates.py [--tries N]

All slots in flight are taken at each try. What left before the answer may still arrive after it;
what left after it, by Redis' clock, is a broken promise.
"""

import argparse
import asyncio
import os
import time
from bisect import bisect_left
from dataclasses import dataclass, field

from benchmarks._sendlog import departures
from benchmarks._stage import Channel, Stage, judged, stage
from recado.domain.ids import RunId

IN_FLIGHT = 10
LATENCY_MS = 300  # so that ten slots carry 33 messages a second, and are never free
FULL = 2 * IN_FLIGHT
SILENCE = 1.2  # seconds that are watched after an answer


@dataclass
class Tries:
    """From each answer on, how long a request was still seen, and what left after it."""

    name: str
    delays: list[float] = field(default_factory=list)
    tries: int = 0
    late: int = 0
    logged: bool = True

    def tell(self) -> None:
        """Print the worst."""
        worst = max(self.delays)
        left = f"{self.late} left after the answer" if self.logged else "send log not kept"
        side = "after" if worst > 0 else "before"
        print(
            f"{self.name}: of {self.tries or len(self.delays)} tries the last request came"
            f" {abs(worst) * 1000:.0f} ms {side} the answer at worst"
            f" ({judged(worst, 1.0, most=True)}); {left}"
        )


@dataclass
class Client:
    """The API, as one workspace uses it."""

    opened: Stage
    channel: Channel
    headers: dict[str, str]

    async def post(self, path: str) -> float:
        """Ask for something; the time of the answer."""
        url = f"{os.environ['RECADO_PUBLIC_URL']}/api/v1{path}"
        async with self.opened.http.post(url, headers=self.headers) as answer:
            answered = time.time()
            if not answer.ok:
                raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")
        return answered

    async def campaign(self, run: RunId) -> int:
        """The campaign of a run."""
        (row,) = await self.opened.rows(
            self.channel.workspace_id, "SELECT campaign_id FROM run WHERE id = %(run)s", run=run
        )
        return int(row["campaign_id"])

    async def flowing(self, run: RunId) -> None:
        """Return once so many more have an outcome that every slot has been used again."""
        done = await self.opened.settled(self.channel, run)
        await self.opened.reached(self.channel, run, done + FULL)


async def pauses(client: Client, tries: int) -> Tries:
    """One campaign, paused and resumed again and again."""
    opened, channel = client.opened, client.channel
    run = await opened.run(channel, tries * 3 * FULL)
    campaign = await client.campaign(run)
    answers: list[tuple[float, float]] = []
    for _ in range(tries):
        await client.flowing(run)
        answered = await client.post(f"/campaigns/{campaign}/pause")
        await asyncio.sleep(SILENCE)
        answers.append((answered, time.time()))
        await client.post(f"/campaigns/{campaign}/resume")
    await client.post(f"/campaigns/{campaign}/cancel")
    came, left = await opened.arrivals(channel), await departures(opened.runtime, channel)
    found = Tries("pause", logged=bool(left))
    for answered, resumed in answers:
        last = came[bisect_left(came, resumed) - 1]
        found.delays.append(last - answered)
        found.late += bisect_left(left, resumed) - bisect_left(left, answered)
    return found


async def cancels(client: Client, tries: int) -> Tries:
    """A campaign for each try; the next one begins after it."""
    opened, channel = client.opened, client.channel
    answers: list[tuple[float, float]] = []
    for _ in range(tries):
        run = await opened.run(channel, 3 * FULL)
        await client.flowing(run)
        answered = await client.post(f"/campaigns/{await client.campaign(run)}/cancel")
        await asyncio.sleep(SILENCE)
        answers.append((answered, time.time()))
    came, left = await opened.arrivals(channel), await departures(opened.runtime, channel)
    found = Tries("cancel", logged=bool(left))
    for answered, watched in answers:
        last = came[bisect_left(came, watched) - 1]
        found.delays.append(last - answered)
        found.late += bisect_left(left, watched) - bisect_left(left, answered)
    return found


async def opt_outs(client: Client, tries: int) -> Tries:
    """Contacts whose message is about to leave."""
    opened, channel = client.opened, client.channel
    run = await opened.run(channel, tries * 3 * FULL)
    answers: dict[str, float] = {}
    for _ in range(tries):
        await client.flowing(run)
        rows = await opened.rows(
            channel.workspace_id,
            # Claimed, and waiting for a slot: of those that are not on the wire the next.
            "SELECT d.contact_id, d.phone FROM delivery d WHERE d.run_id = %(run)s"
            " AND d.status IN ('sending', 'pending') ORDER BY d.status DESC, d.id"
            " OFFSET %(ahead)s LIMIT 1",
            run=run,
            ahead=IN_FLIGHT,
        )
        for row in rows:
            answered = await client.post(f"/contacts/{row['contact_id']}/opt-out")
            answers[row["phone"].lstrip("+")] = answered
    await asyncio.sleep(SILENCE)
    log = await opened.log(channel)
    found = Tries("opt-out", logged=bool(await departures(opened.runtime, channel)))
    came = {row["to"]: row["at"] for row in log}
    found.delays = [came[to] - at for to, at in answers.items() if to in came] or [0.0]
    found.tries = len(answers)
    found.late = await _left_after(opened, channel, answers) if found.logged else 0
    return found


async def _left_after(opened: Stage, channel: Channel, answers: dict[str, float]) -> int:
    rows = await opened.rows(
        channel.workspace_id,
        "SELECT ltrim(d.phone, '+') AS phone, extract(epoch FROM a.left_at)::float AS at"
        " FROM attempt a"
        " JOIN delivery d ON d.id = a.delivery_id"
        " WHERE ltrim(d.phone, '+') = ANY(%(phones)s) AND a.left_at IS NOT NULL",
        phones=list(answers),
    )
    return sum(row["at"] > answers[row["phone"]] for row in rows)


async def main(tries: int) -> None:
    """Start the processes, measure, stop them."""
    async with stage(workers=2, latency_ms=LATENCY_MS) as opened:
        workspace = await opened.workspace()
        headers = await opened.key(workspace)
        for measure in (pauses, cancels, opt_outs):
            channel = await opened.channel(workspace, perSecond=200, inFlight=IN_FLIGHT)
            (await measure(Client(opened, channel, headers), tries)).tell()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=50)
    asyncio.run(main(parser.parse_args().tries))
