"""What the chaos has done, counted: from the send log, the simulator, and the rows themselves."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.blows import Blow
from tests.integration.dispatch.stack import Product

# A stretch that is shorter says little about a pace.
SHORTEST_STRETCH = 1.0


def calm(
    channel: int, blows: Iterable[Blow], begin: float, end: float
) -> list[tuple[float, float]]:
    """Stretches between two times in which a channel had no excuse to stand still."""
    found = []
    for blow in sorted(blows, key=lambda blow: blow.began):
        if blow.concerns(channel):
            found.append((begin, min(blow.began, end)))
            begin = max(begin, blow.recovered)
    found.append((begin, end))
    return [(early, late) for early, late in found if late - early >= SHORTEST_STRETCH]


@dataclass(frozen=True, slots=True)
class Use:
    """How much of what was permitted was used, in the seconds without a fault."""

    seconds: float
    left: int
    share: float


def use(times: Sequence[float], stretches: Iterable[tuple[float, float]], per_second: int) -> Use:
    """Of a channel whose only limit is one a second."""
    seconds, left = 0.0, 0
    for begin, end in stretches:
        seconds += end - begin
        left += bisect_left(times, end) - bisect_left(times, begin)
    return Use(seconds, left, left / (seconds * per_second) if seconds else 0.0)


def strip(
    times: Sequence[float],
    stretches: Iterable[tuple[float, float]],
    begin: float,
    end: float,
    per_second: int,
) -> tuple[str, str]:
    """Each second as one character: tenths of what is permitted; and whether a fault excuses it."""
    shown, excused = "", ""
    calm_ones = list(stretches)
    for second in range(int(end - begin)):
        at = begin + second
        left = bisect_left(times, at + 1) - bisect_left(times, at)
        shown += str(min(9, left * 10 // per_second))
        inside = any(early <= at and at + 1 <= late for early, late in calm_ones)
        excused += " " if inside else "-"
    return shown, excused


async def by_recipient(product: Product, numbers: Iterable[str]) -> Counter[str]:
    """How many messages each recipient got, of all channels together."""
    counted: Counter[str] = Counter()
    for number in numbers:
        counted.update(row["to"] for row in await product.stack.simulator.log(number))
    return counted


@dataclass(frozen=True, slots=True)
class Lost:
    """What one lease of one channel left that may have left: it ended in `unknown`."""

    channel: int
    lease: str
    count: int
    at: float


async def lost(product: Product, campaign: int) -> list[Lost]:
    """Every lease that was lost with requests that may have been under way."""
    rows = await _rows(
        product,
        "SELECT a.channel_id, a.lease, count(*) AS n, extract(epoch FROM max(a.ended_at))::float"
        " AS at FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
        " JOIN run r ON r.id = d.run_id"
        " WHERE r.campaign_id = %(campaign)s AND a.error_code = 'lease_lost'"
        " GROUP BY a.channel_id, a.lease ORDER BY at",
        campaign=campaign,
    )
    return [Lost(row["channel_id"], row["lease"], row["n"], row["at"]) for row in rows]


async def attempts(product: Product, campaign: int) -> Counter[str]:
    """How many attempts came to which end."""
    rows = await _rows(
        product,
        "SELECT a.status || coalesce(' ' || a.error_code, '') AS outcome, count(*) AS n"
        " FROM attempt a JOIN delivery d ON d.id = a.delivery_id JOIN run r ON r.id = d.run_id"
        " WHERE r.campaign_id = %(campaign)s GROUP BY outcome",
        campaign=campaign,
    )
    return Counter({row["outcome"]: row["n"] for row in rows})


async def _rows(product: Product, statement: Any, **parameters: Any) -> list[dict[str, Any]]:
    async with product.stack.runtime.db.workspace(product.workspace_id) as tx:
        return await tx.all(statement, **parameters)


def table(title: str, lines: Iterable[tuple[str, object]]) -> str:
    """Figures below each other, for a person."""
    shown = [(name, str(value)) for name, value in lines]
    wide = max(len(name) for name, _ in shown)
    return "\n".join([f"\n{title}", *(f"  {name.ljust(wide)}  {value}" for name, value in shown)])
