"""What is found at the end, shown first and judged then."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos import judging, sendlog
from tests.chaos.blows import TAKE_OVER, Blow
from tests.chaos.forms import Form
from tests.chaos.judging import Lost, Use
from tests.integration.dispatch.stack import Product
from tests.support.counting import densest

WIDTHS = {"perSecond": 1.0, "perMinute": 60.0, "capHourly": 3_600.0}
FORGETTING = frozenset({"flush", "valkey"})
# What a driver claims ahead. Once Redis has forgotten what was reserved, nobody knows of it either.
AHEAD = 50


@dataclass
class Verdict:
    """The figures of one campaign under one form."""

    product: Product
    campaign: int
    form: Form
    blows: Sequence[Blow]
    made: Sequence[tuple[int, str]]

    async def gather(self, begin: float, end: float) -> None:
        """Read everything once; the rate counts between these times."""
        product, form = self.product, self.form
        self.recipients = await judging.by_recipient(product, [number for _, number in self.made])
        self.sends = await sendlog.read(product, [channel for channel, _ in self.made])
        self.shown = await product.progress(self.campaign)
        self.lost = await judging.lost(product, self.campaign)
        self.attempts = await judging.attempts(product, self.campaign)
        self.stats = {
            channel: await product.stack.simulator.stats(number) for channel, number in self.made
        }
        self.uses: dict[int, Use] = {}
        self.strips: dict[int, tuple[str, str]] = {}
        for (channel, _), pacing in zip(self.made, form.pacing, strict=True):
            if not {"perMinute", "capHourly"} & pacing.keys():
                times, most = self.sends.times[channel], int(pacing["perSecond"])
                calm = judging.calm(channel, self.blows, begin, end)
                self.uses[channel] = judging.use(times, calm, most)
                self.strips[channel] = judging.strip(times, calm, begin, end, most)

    def windows(self) -> list[tuple[int, str, int, int]]:
        """Channel, limit, the most that any window held, what is allowed."""
        return [
            (channel, key, densest(self.sends.times[channel], width), int(pacing[key]))
            for (channel, _), pacing in zip(self.made, self.form.pacing, strict=True)
            for key, width in WIDTHS.items()
            if key in pacing
        ]

    def over_a_cap(self) -> list[int]:
        """Channels that came to the simulator more often than an hour allows; none lasts one."""
        return [
            channel
            for (channel, _), pacing in zip(self.made, self.form.pacing, strict=True)
            if self.stats[channel]["requests"] > pacing.get("capHourly", float("inf"))
        ]

    def may_lose(self, one: Lost) -> int:
        """How many requests in doubt a lost lease may leave: its slots in flight.

        If Redis was emptied between the worker's end and the takeover, what was claimed ahead is in
        doubt as well.
        """
        most = max(int(pacing["inFlight"]) for pacing in self.form.pacing)
        since = one.at - self.form.lease_seconds - 2 * TAKE_OVER
        emptied = any(
            blow.kind in FORGETTING and since < blow.ended and blow.began < one.at
            for blow in self.blows
        )
        return most + AHEAD if emptied else most

    def table(self, lasted: float) -> str:
        """The figures."""
        blows = Counter(blow.kind for blow in self.blows)
        lines: list[tuple[str, object]] = [
            ("lasted", f"{lasted:.0f} s"),
            ("blows", ", ".join(f"{kind} {n}" for kind, n in sorted(blows.items()))),
            ("duplicates", sum(n - 1 for n in self.recipients.values())),
            *((f"deliveries {name}", n) for name, n in self.shown.items() if isinstance(n, int)),
            *((f"attempts {name}", n) for name, n in sorted(self.attempts.items())),
            ("left at an untold time", self.sends.untold),
        ]
        for one in self.lost:
            before = [b.kind for b in self.blows if b.began < one.at][-3:]
            lost = f"{one.count} of {self.may_lose(one)}, after {' '.join(before)}"
            lines.append((f"channel {one.channel}, in doubt by a lost lease", lost))
        lines += [(f"channel {c}, {key}", f"{most} of {n}") for c, key, most, n in self.windows()]
        for channel, stats in self.stats.items():
            arrived = stats["max_requests_per_window"]
            came = f"{arrived['1s']} in a second, {arrived['60s']} in a minute"
            lines.append((f"channel {channel}, at the simulator", came))
        for channel, (shown, excused) in self.strips.items():
            lines += [(f"channel {channel}, second by second", shown), ("", excused)]
        for channel, used in self.uses.items():
            share = f"{used.share:.0%} in {used.seconds:.0f} s"
            lines.append((f"channel {channel}, used without a fault", share))
        return judging.table(f"chaos: {self.form.name}, seed {self.form.seed}", lines)

    async def check(self) -> None:
        """Every promise."""
        shown = self.shown
        assert max(self.recipients.values()) == 1
        assert all(stats["duplicates"] == 0 for stats in self.stats.values())
        assert shown["sent"] + shown["unknown"] + shown["failed"] == shown["total"]
        assert shown["total"] == self.form.deliveries
        assert shown["sent"] == len(self.recipients)
        await self.product.adds_up(self.campaign)
        assert self.attempts["claimed"] == 0
        assert [found for found in self.windows() if found[2] > found[3]] == []
        assert self.over_a_cap() == []
        assert all(self.sends.times.values())
        assert [one for one in self.lost if one.count > self.may_lose(one)] == []
        if self.form.least_use is not None:
            assert min(used.share for used in self.uses.values()) >= self.form.least_use
