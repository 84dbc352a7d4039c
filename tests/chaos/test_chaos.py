"""Everything that may happen to an installation, at once."""

import asyncio
import logging
import os
import random
import signal
from collections.abc import Callable, Coroutine

import pytest
from tests.chaos.grants import Grants
from tests.integration.dispatch.driving import until
from tests.integration.dispatch.stack import LEASE_SECONDS, Product, Stack, kill

log = logging.getLogger(__name__)

SEEDS = [int(seed) for seed in os.environ.get("RECADO_CHAOS_SEEDS", "1").split(",")]
DELIVERIES = 600
WORKERS = 3
PER_SECOND = 30
PAUSE_SECONDS = 2.5  # between one blow and the next

FAULTS = (
    {"fault": {"kind": "error", "code": 131056}, "rate": 0.05, "count": 12},
    {"fault": {"kind": "hang", "ms": 10_000}, "rate": 0.02},
    {"fault": {"kind": "accept_then_drop"}, "rate": 0.02},
    {"fault": {"kind": "callback_doubled"}, "rate": 0.05},
    {"fault": {"kind": "callback_reordered"}, "rate": 0.05},
    {"fault": {"kind": "latency", "ms": 150}, "rate": 0.3},
)


async def _kill_a_worker(stack: Stack, chance: random.Random) -> None:
    kill(chance.choice(stack.workers(WORKERS)))
    stack.workers(WORKERS)


async def _stop_a_worker_for_longer_than_its_lease(stack: Stack, chance: random.Random) -> None:
    worker = chance.choice(stack.workers(WORKERS))
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_SECONDS * 1.5)
    worker.send_signal(signal.SIGCONT)


async def _flush(stack: Stack, _: random.Random) -> None:
    await stack.flush()


async def _restart_valkey(stack: Stack, _: random.Random) -> None:
    await asyncio.to_thread(stack.servers.restart_valkey)


async def _restart_postgresql(stack: Stack, chance: random.Random) -> None:
    if chance.random() < 0.5:
        await asyncio.to_thread(stack.servers.restart_postgres, "immediate")
    else:
        await asyncio.to_thread(stack.servers.restart_postgres, "fast")


BLOWS: tuple[Callable[[Stack, random.Random], Coroutine[None, None, None]], ...] = (
    _kill_a_worker,
    _stop_a_worker_for_longer_than_its_lease,
    _flush,
    _restart_valkey,
    _restart_postgresql,
)


async def _strike(stack: Stack, chance: random.Random) -> None:
    """Each blow once, in an order of chance, some of them at the same time."""
    blows = chance.sample(BLOWS, len(BLOWS))
    striking = []
    for blow in blows:
        await asyncio.sleep(PAUSE_SECONDS * chance.uniform(0.5, 1.5))
        log.info("%s", blow.__name__)
        striking.append(asyncio.create_task(blow(stack, chance)))
    await asyncio.gather(*striking)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_repeated_or_sent_too_fast(stack: Stack, seed: int) -> None:
    chance = random.Random(seed)
    product: Product = await stack.workspace()
    channels = dict([await product.channel(perSecond=PER_SECOND) for _ in range(2)])
    stack.workers(WORKERS)
    await stack.simulator.faults(*FAULTS)
    grants = Grants(stack.servers.redis_url, product.workspace_id, channels)
    campaign = await product.started(list(channels), DELIVERIES)
    await product.reached(campaign, 30)
    await _strike(stack, chance)
    await product.ended(campaign, seconds=60)
    await grants.close()

    recipients: list[str] = []
    for channel, number in channels.items():
        stats = await stack.simulator.stats(number)
        assert stats["duplicates"] == 0
        recipients += [row["to"] for row in await stack.simulator.log(number)]
        # Arrivals come a little unevenly; what counts is when each was let go, on Redis' clock.
        log.info(
            "at most %d in a second at the simulator, %d as granted; allowed are %d",
            stats["max_requests_per_window"]["1s"],
            grants.densest(channel, 1.0),
            PER_SECOND,
        )
        assert grants.seen(channel) > DELIVERIES / 10
        assert grants.densest(channel, 1.0) <= PER_SECOND
    assert len(recipients) == len(set(recipients))

    async def healed() -> bool:
        return not await product.unknown_though_accepted(campaign, *channels.values())

    await until(healed, "healing")
    shown = await product.progress(campaign)
    assert shown["sent"] + shown["unknown"] + shown["failed"] == shown["total"] == DELIVERIES
    assert shown["sent"] == len(recipients)
    await product.adds_up(campaign)
