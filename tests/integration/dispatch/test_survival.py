"""A campaign on real processes, whatever is killed, stopped, flushed or restarted meanwhile."""

import asyncio
import csv
import io
import logging
import os
import signal
import time
from collections import defaultdict

import pytest
from tests.integration.dispatch.driving import known_to_redis, until
from tests.integration.dispatch.stack import LEASE_SECONDS, Product, Stack, kill

from recado.domain.ids import ChannelId, RunId, WorkspaceId
from recado.features.gates import service as gates

pytestmark = pytest.mark.serial

log = logging.getLogger(__name__)

IN_FLIGHT = 64  # of a channel on the cloud preset
ON_ITS_WAY = 0.15  # seconds from a worker's hand to the simulator's log, on a busy machine


async def test_every_contact_gets_its_message_once_and_a_line_in_the_report(
    product: Product,
) -> None:
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=200)
    campaign = await product.started([channel], 300)
    shown = await product.ended(campaign)
    stats = await product.stack.simulator.stats(number)
    assert (stats["accepted"], stats["duplicates"]) == (300, 0)
    assert (shown["total"], shown["sent"]) == (300, 300)
    await product.adds_up(campaign)
    report = await product.call("GET", f"/campaigns/{campaign}/report.csv")
    lines = list(csv.reader(io.StringIO(report.lstrip("\ufeff")), delimiter=";"))
    assert len(lines) - 1 == 300


async def test_a_worker_killed_three_times_in_the_middle_sends_nothing_twice(
    product: Product,
) -> None:
    channel, number = await product.channel(perSecond=250)
    (worker,) = product.stack.workers(1)
    campaign = await product.started([channel], 1_500)
    unknown = []
    for sent in (300, 650, 1_000):
        await product.reached(campaign, sent)
        kill(worker)
        before = (await product.statuses(campaign))["unknown"]
        (worker,) = product.stack.workers(1)
        await product.reached(campaign, sent + 150)
        unknown.append((await product.statuses(campaign))["unknown"] - before)
    shown = await product.ended(campaign, seconds=60)
    assert (await product.stack.simulator.stats(number))["duplicates"] == 0
    assert max(unknown) <= IN_FLIGHT

    async def healed() -> bool:
        return not await product.unknown_though_accepted(campaign, number)

    await until(healed, "healing")
    shown = await product.progress(campaign)
    assert shown["sent"] + shown["unknown"] == 1_500
    assert shown["unknown"] <= 3 * 16  # only what was let pass and not written yet at a kill
    await product.adds_up(campaign)


async def test_a_worker_killed_between_the_parts_of_messages_repeats_and_forgets_none(
    product: Product,
) -> None:
    channel, number = await product.channel(perSecond=100)
    simulator = product.stack.simulator
    (worker,) = product.stack.workers(1)
    text = "Olá {nome}, tudo bem?\n\nA assembleia é amanhã."
    campaign = await product.started([channel], 150, text=text, parts=2)
    await simulator.saw(number, 200)  # second parts among first ones
    kill(worker)
    product.stack.workers(1)

    async def arrived() -> dict[str, list[str]]:
        came: dict[str, list[str]] = defaultdict(list)
        for row in await simulator.log(number):
            delivery, part, _ = row["reference"].split(".")
            came[delivery].append(part)
        return came

    async def healed() -> bool:
        """What was in doubt and has arrived is known to have, and has been followed by the rest."""
        async with product.stack.runtime.db.workspace(product.workspace_id) as tx:
            doubted = await tx.all("SELECT id, next_part FROM delivery WHERE status = 'unknown'")
        came = await arrived()
        return (await product.progress(campaign))["status"] == "completed" and not any(
            str(row["next_part"]) in came[str(row["id"])] for row in doubted
        )

    await product.ended(campaign, seconds=60)
    await until(healed, "healing")
    shown, came = await product.progress(campaign), await arrived()
    assert (await simulator.stats(number))["duplicates"] == 0
    assert all(parts in (["1"], ["1", "2"]) for parts in came.values()), came
    assert shown["sent"] == sum(parts == ["1", "2"] for parts in came.values())
    assert shown["sent"] + shown["unknown"] == 150
    assert shown["unknown"] <= 16  # only what was let pass and not written yet at the kill
    await product.adds_up(campaign)


async def test_three_workers_on_three_channels_share_one_campaign(product: Product) -> None:
    channels = [await product.channel(perSecond=60) for _ in range(3)]
    product.stack.workers(3)
    campaign = await product.started([channel for channel, _ in channels], 400)
    shown = await product.ended(campaign)
    assert shown["sent"] == 400
    recipients: list[str] = []
    for _, number in channels:
        log = await product.stack.simulator.log(number)
        assert len(log) > 50
        recipients += [row["to"] for row in log]
    assert len(recipients) == len(set(recipients)) == 400
    await product.adds_up(campaign)


async def test_a_pause_is_kept_from_the_moment_it_is_answered(product: Product) -> None:
    simulator = product.stack.simulator
    await simulator.settings(latency_ms=100)
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=150)
    campaign = await product.started([channel], 360)
    for sent in (80, 200):
        await product.reached(campaign, sent)
        await product.call("POST", f"/campaigns/{campaign}/pause")
        answered = time.time()
        await asyncio.sleep(0.7)
        last = max(row["at"] for row in await simulator.log(number))
        assert last < answered + ON_ITS_WAY
        assert (await product.progress(campaign))["status"] == "paused"
        await product.call("POST", f"/campaigns/{campaign}/resume")
    await product.ended(campaign)
    stats = await simulator.stats(number)
    assert (stats["accepted"], stats["duplicates"]) == (360, 0)


async def test_after_a_cancel_nothing_leaves_and_everything_is_settled(product: Product) -> None:
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=150)
    campaign = await product.started([channel], 500)
    await product.reached(campaign, 100)
    await product.call("POST", f"/campaigns/{campaign}/cancel")
    answered = time.time()
    shown = await product.ended(campaign, "cancelled")
    assert shown["sent"] + shown["cancelled"] == 500
    assert shown["cancelled"] > 200
    log = await product.stack.simulator.log(number)
    assert max(row["at"] for row in log) < answered + ON_ITS_WAY
    assert len(log) == shown["sent"]
    await product.adds_up(campaign)


async def test_a_contact_that_opts_out_in_the_middle_gets_nothing_any_more(
    product: Product,
) -> None:
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=100)
    campaign = await product.started([channel], 300)
    await product.reached(campaign, 50)
    shown = await product.call("GET", f"/campaigns/{campaign}/deliveries?status=pending&limit=100")
    asked: dict[str, float] = {}
    for delivery in shown["items"][::20]:
        await product.call("POST", f"/contacts/{delivery['contact_id']}/opt-out")
        asked[delivery["phone"].lstrip("+")] = time.time()
    await product.ended(campaign)
    log = await product.stack.simulator.log(number)
    for row in log:
        assert row["at"] < asked.get(row["to"], row["at"] + 1) + ON_ITS_WAY
    progress = await product.progress(campaign)
    assert progress["sent"] + progress["suppressed"] == 300
    assert progress["suppressed"] > 0


async def test_a_stopped_worker_that_wakes_up_sends_nothing_twice(product: Product) -> None:
    await product.stack.simulator.settings(latency_ms=300)
    workers = product.stack.drivers(2)
    channel, number = await product.channel(perSecond=100)
    campaign = await product.started([channel], 300)
    await product.reached(campaign, 60)
    driving = await product.driver_of(channel)
    stopped = next(worker for worker in workers if f":{worker.pid}:" in driving)
    stopped.send_signal(signal.SIGSTOP)  # with requests on the wire and claims in its memory
    before = (await product.progress(campaign))["sent"]
    await product.reached(campaign, before + 60)
    stopped.send_signal(signal.SIGCONT)
    shown = await product.ended(campaign)
    assert (await product.stack.simulator.stats(number))["duplicates"] == 0

    async def healed() -> bool:
        return not await product.unknown_though_accepted(campaign, number)

    await until(healed, "healing")
    shown = await product.progress(campaign)
    assert shown["sent"] + shown["unknown"] == 300
    assert shown["unknown"] <= IN_FLIGHT
    await product.adds_up(campaign)


async def test_a_dead_workers_channel_is_driven_again_soon(product: Product) -> None:
    workers = product.stack.drivers(2)
    channel, number = await product.channel(perSecond=50)
    campaign = await product.started([channel], 150)
    await product.reached(campaign, 40)
    driving = await product.driver_of(channel)
    kill(next(worker for worker in workers if f":{worker.pid}:" in driving))
    killed = time.time()
    await product.ended(campaign)
    accepted = await product.stack.simulator.log(number)
    silence = min(row["at"] for row in accepted if row["at"] > killed + 1) - killed
    # The lease runs out, the other worker sees it, and stands still for a second at most.
    assert silence < LEASE_SECONDS + 6
    log.info("driven again after %.1f s, with leases of %d s", silence, LEASE_SECONDS)
    product.stack.workers(0)


async def test_a_worker_that_is_asked_to_stop_leaves_nothing_open(product: Product) -> None:
    await product.stack.simulator.settings(latency_ms=200)
    (worker,) = product.stack.workers(1)
    channel, number = await product.channel(perSecond=100)
    campaign = await product.started([channel], 150)
    await product.reached(campaign, 50)
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, 20) == 0
    counted = await product.statuses(campaign)
    assert (counted["sending"], counted["unknown"]) == (0, 0)
    product.stack.workers(1)
    shown = await product.ended(campaign)
    assert shown["sent"] == 150
    assert (await product.stack.simulator.stats(number))["duplicates"] == 0


async def test_a_restart_of_postgresql_in_the_middle_loses_and_repeats_nothing(
    product: Product,
) -> None:
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=100)
    campaign = await product.started([channel], 400)
    await product.reached(campaign, 80)
    await asyncio.to_thread(product.stack.servers.restart_postgres, "fast")
    await product.reached(campaign, 200)
    await asyncio.to_thread(product.stack.servers.restart_postgres, "immediate")
    shown = await product.ended(campaign, seconds=60)
    stats = await product.stack.simulator.stats(number)
    assert (stats["accepted"], stats["duplicates"]) == (400, 0)
    assert shown["sent"] == 400
    await product.adds_up(campaign)


async def test_a_restart_of_valkey_in_the_middle_loses_and_repeats_nothing(
    product: Product,
) -> None:
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=100)
    campaign = await product.started([channel], 300)
    await product.reached(campaign, 80)
    await asyncio.to_thread(product.stack.servers.restart_valkey)
    await product.reached(campaign, 160)
    os.kill(product.stack.servers.valkey_pid or 0, signal.SIGKILL)  # its last second is lost
    await asyncio.to_thread(product.stack.servers.restart_valkey)
    shown = await product.ended(campaign)
    stats = await product.stack.simulator.stats(number)
    assert (stats["accepted"], stats["duplicates"]) == (300, 0)
    assert shown["sent"] == 300


async def test_flushes_in_the_middle_lose_and_repeat_nothing_and_break_no_limit(
    product: Product,
) -> None:
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=50)
    campaign = await product.started([channel], 150)
    for sent in (40, 90):
        await product.reached(campaign, sent)
        await product.stack.flush()
    shown = await product.ended(campaign)
    stats = await product.stack.simulator.stats(number)
    assert (stats["accepted"], stats["duplicates"]) == (150, 0)
    assert shown["sent"] == 150
    # Arrivals come a little unevenly; what leaves is tested where it is granted.
    assert stats["max_requests_per_window"]["1s"] <= 50 * 1.1


async def test_while_redis_is_away_nothing_leaves(product: Product) -> None:
    """No limit can be checked then."""
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=50)
    campaign = await product.started([channel], 80)
    await product.reached(campaign, 20)
    os.kill(product.stack.servers.valkey_pid or 0, signal.SIGKILL)
    await asyncio.sleep(0.3)
    before = (await product.stack.simulator.stats(number))["requests"]
    await asyncio.sleep(1.0)
    assert (await product.stack.simulator.stats(number))["requests"] == before
    await asyncio.to_thread(product.stack.servers.restart_valkey)
    await product.ended(campaign)
    stats = await product.stack.simulator.stats(number)
    assert (stats["accepted"], stats["duplicates"]) == (80, 0)


async def test_a_gate_is_closed_though_redis_was_restarted_a_moment_ago(stack: Stack) -> None:
    workspace, run = WorkspaceId(999), RunId(1)
    await known_to_redis(stack.runtime, workspace, ChannelId(1))  # an open connection
    await asyncio.to_thread(stack.servers.restart_valkey)
    await gates.sync_runs(stack.runtime.redis, workspace, {run: "paused"})  # which is closed now
    assert await stack.runtime.redis.get(gates.run_gate(workspace, run))
