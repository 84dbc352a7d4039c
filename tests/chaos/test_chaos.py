"""Everything that may happen to an installation, at once, and what must be true afterwards."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import pytest
from tests.chaos import forms
from tests.chaos.blows import WORKERS, Striker
from tests.chaos.forms import Form
from tests.chaos.verdict import Verdict
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
    watch = Watch(product, await product.started(list(channels), form.deliveries), form)
    watch.began = time.time()
    await product.reached(watch.campaign, FIRST)
    sending = time.time()
    noticing = asyncio.create_task(watch.noticing())
    striker = Striker(stack, product, form, random.Random(form.seed))
    await striker.strike(watch.enough)
    await until(watch.settled, "the end", seconds=form.patience)
    await noticing
    ended = time.time()

    async def healed() -> bool:
        return not await product.unknown_though_accepted(watch.campaign, *channels.values())

    await until(healed, "healing")
    verdict = Verdict(product, watch.campaign, form, striker.blows, made)
    await verdict.gather(sending + 1, watch.nearly_done)
    with capsys.disabled():
        print(verdict.table(ended - watch.began), flush=True)  # noqa: T201 - for a person
    await verdict.check()
