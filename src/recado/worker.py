"""The worker process: it drives channels and runs background jobs, until told to stop."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Collection

from prometheus_client import start_http_server

from recado.bootstrap import direct_url, open_runtime
from recado.domain import windows
from recado.features.dispatch.fleet import Fleet
from recado.platform import logging, settings
from recado.platform.queue import QUEUES
from recado.providers.transport import AiohttpTransport

log = logging.get(__name__)

MOST_WORKERS = 64  # on a machine, each with a port of its own for metrics
CAMPAIGN_MESSAGES = "campaign-messages"  # the drive table; not one of procrastinate's queues


def known_queues() -> list[str]:
    """All that a worker can be told to work on."""
    return [CAMPAIGN_MESSAGES, *QUEUES]


async def work(queues: Collection[str] | None = None) -> None:
    """Work on these queues, all by default, until SIGTERM or SIGINT."""
    logging.configure()
    # Calendars take a third of a second to load: better now than while a grant runs out.
    windows.is_country("BR")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runtime = open_runtime()
    _show_metrics()
    transport = AiohttpTransport()
    chosen = set(queues or known_queues())
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    jobs = {queue: most for queue, most in QUEUES.items() if queue in chosen}
    try:
        async with asyncio.TaskGroup() as tasks:
            if CAMPAIGN_MESSAGES in chosen:
                fleet = Fleet(runtime, transport, owner)
                tasks.create_task(fleet.run(direct_url(), stop), name="fleet")
            if jobs:
                tasks.create_task(runtime.queue.run(jobs, stop=stop), name="jobs")
            log.info("worker started", owner=owner, queues=sorted(chosen))
    finally:
        await transport.close()
        await runtime.close()
    log.info("worker stopped", owner=owner)


def _show_metrics() -> None:
    """Answer Prometheus on the first free port from the one that is set."""
    first = settings.logs().metrics_port
    if first is None:
        return
    for port in range(first, first + MOST_WORKERS):
        try:
            start_http_server(port, addr=settings.logs().metrics_host)
        except OSError:
            continue
        log.info("metrics shown", port=port)
        return
    log.warning("no port left for metrics", first=first)
