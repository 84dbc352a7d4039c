"""Everything that may happen to an installation, at once, and what must be true afterwards."""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import pytest
from tests.chaos import forms, judging
from tests.chaos.blows import WORKERS, Striker
from tests.chaos.forms import Form
from tests.chaos.sendlog import SendLog
from tests.integration.dispatch.driving import until
from tests.integration.dispatch.stack import UNSETTLED, Product, Stack

pytestmark = pytest.mark.serial

# From so many deliveries left on, a channel may be idle because the others have the rest.
NEARLY_ALL = 0.9
FIRST = 30  # messages sent before the first blow


@dataclass
class Watch:
    """One campaign under the blows."""

    product: Product
    campaign: int
    form: Form
    began: float = 0.0
    nearly_done: float = 0.0

    async def progress(self) -> dict[str, int] | None:
        """How far it is; None while a server is away."""
        with suppress(AssertionError, aiohttp.ClientError, TimeoutError):
            return await self.product.progress(self.campaign)
        return None

    async def enough(self) -> bool:
        """Whether so little is left that a blow would meet nobody."""
        now = await self.progress()
        if now is None or now["pending"] > (1 - NEARLY_ALL) * self.form.deliveries:
            return False
        self.nearly_done = self.nearly_done or time.time()
        return True

    async def noticing(self) -> None:
        """Return once nearly all has left."""
        await until(self.enough, "nearly all", seconds=self.form.patience)

    async def settled(self) -> bool:
        """Whether the campaign is completed and nothing of it is under way."""
        now = await self.progress()
        return (
            now is not None
            and str(now["status"]) == "completed"
            and not any(now[state] for state in UNSETTLED)
        )


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("form", forms.chosen(), ids=lambda form: f"{form.name}-{form.seed}")
async def test_nothing_is_lost_repeated_or_sent_too_fast(
    stack: Stack, form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nchaos: form {form.name}, RECADO_CHAOS_SEEDS={form.seed}", flush=True)  # noqa: T201 - for a person
    product = await stack.workspace()
    made = [await product.channel(**pacing) for pacing in form.pacing]
    channels = dict(made)
    stack.workers(WORKERS)
    await stack.simulator.settings(seed=form.seed)
    await stack.simulator.faults(*form.faults)
    sends = SendLog(stack.servers.redis_url, product.workspace_id, channels)
    watch = Watch(product, await product.started(list(channels), form.deliveries), form)
    watch.began = time.time()
    await product.reached(watch.campaign, FIRST)
    noticing = asyncio.create_task(watch.noticing())
    striker = Striker(stack, product, form, random.Random(form.seed))
    await striker.strike(watch.enough)
    await until(watch.settled, "the end", seconds=form.patience)
    await noticing
    await sends.close()
    ended = time.time()

    async def healed() -> bool:
        return not await product.unknown_though_accepted(watch.campaign, *channels.values())

    await until(healed, "healing")
    verdict = Verdict(watch, striker, sends, made)
    await verdict.gather()
    with capsys.disabled():
        print(verdict.table(ended), flush=True)  # noqa: T201 - for a person
    await verdict.check()


@dataclass
class Verdict:
    """What is found at the end, shown first and judged then."""

    watch: Watch
    striker: Striker
    sends: SendLog
    made: list[tuple[int, str]]

    async def gather(self) -> None:
        """Read everything once."""
        product, form = self.watch.product, self.watch.form
        self.recipients = await judging.by_recipient(product, [number for _, number in self.made])
        self.shown = await product.progress(self.watch.campaign)
        self.lost = await judging.lost(product, self.watch.campaign)
        self.attempts = await judging.attempts(product, self.watch.campaign)
        self.stats = {
            channel: await product.stack.simulator.stats(number) for channel, number in self.made
        }
        self.uses = {
            channel: judging.use(
                self.sends.times(channel),
                judging.calm(
                    channel, self.striker.blows, self.watch.began + 1, self.watch.nearly_done
                ),
                int(pacing["perSecond"]),
            )
            for (channel, _), pacing in zip(self.made, form.pacing, strict=True)
            if not {"perMinute", "capHourly"} & pacing.keys()
        }

    def windows(self) -> list[tuple[int, str, int, int]]:
        """Channel, limit, the most that any window held, what is allowed."""
        widths = {"perSecond": 1.0, "perMinute": 60.0, "capHourly": 3_600.0}
        return [
            (channel, key, judging.densest(self.sends.times(channel), width), int(pacing[key]))
            for (channel, _), pacing in zip(self.made, self.watch.form.pacing, strict=True)
            for key, width in widths.items()
            if key in pacing and self.sends.knows(width)
        ]

    def table(self, ended: float) -> str:
        """The figures."""
        blows = Counter(blow.kind for blow in self.striker.blows)
        lines: list[tuple[str, object]] = [
            ("lasted", f"{ended - self.watch.began:.0f} s"),
            ("blows", ", ".join(f"{kind} {n}" for kind, n in sorted(blows.items()))),
            ("duplicates", sum(n - 1 for n in self.recipients.values())),
            *((f"deliveries {name}", n) for name, n in self.shown.items() if isinstance(n, int)),
            *((f"attempts {name}", n) for name, n in sorted(self.attempts.items())),
        ]
        for one in self.lost:
            before = [b.kind for b in self.striker.blows if b.began < one.at][-3:]
            lines.append(
                (f"lost with a lease of channel {one.channel}", f"{one.count}, after {before}")
            )
        for channel, key, most, allowed in self.windows():
            lines.append((f"channel {channel}, {key}", f"{most} of {allowed}"))
        for channel, stats in self.stats.items():
            arrived = stats["max_requests_per_window"]["1s"]
            lines.append((f"channel {channel}, at the simulator in a second", arrived))
        for channel, used in self.uses.items():
            lines.append(
                (
                    f"channel {channel}, used without a fault",
                    f"{used.share:.0%} in {used.seconds:.0f} s",
                )
            )
        title = f"chaos: {self.watch.form.name}, seed {self.watch.form.seed}"
        return judging.table(title, lines)

    async def check(self) -> None:
        """Every promise."""
        form, shown = self.watch.form, self.shown
        assert max(self.recipients.values()) == 1
        assert all(stats["duplicates"] == 0 for stats in self.stats.values())
        assert shown["sent"] + shown["unknown"] + shown["failed"] == shown["total"]
        assert shown["total"] == form.deliveries
        assert shown["sent"] == len(self.recipients)
        await self.watch.product.adds_up(self.watch.campaign)
        assert [found for found in self.windows() if found[2] > found[3]] == []
        assert all(len(self.sends.times(channel)) > FIRST for channel, _ in self.made)
        most = max(int(pacing["inFlight"]) for pacing in form.pacing)
        assert [one for one in self.lost if one.count > most] == []
        if form.least_use is not None:
            assert min(used.share for used in self.uses.values()) >= form.least_use
