"""Running the simulator as a process of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recado.domain.errors import InvalidInput, Unavailable
from recado.simulator import faults as fault_rules
from recado.simulator.app import ABORT, App
from recado.simulator.settings import Settings
from recado.simulator.world import World

# Idle connections of a client's pool are kept, so that none is closed under a request.
KEEP_ALIVE_SECONDS = 120
BACKLOG = 2048


class PortTaken(Unavailable):
    code = "port_taken"
    sentence = "The simulator cannot listen on {host}:{port} ({reason}). Choose another --port."


def create_app(
    *,
    latency_ms: int = 0,
    faults: Path | None = None,
    seed: int | None = None,
    strict: bool = False,
) -> App:
    """The simulator as an ASGI application.

    Args:
        latency_ms: How long every answer of a provider is held back.
        faults: A JSON file with fault rules, of the form of ``POST /_sim/faults``.
        seed: Ids and chance repeat for the same seed; without one ids are always new.
        strict: Only registered channels and listed templates exist.

    Raises:
        InvalidInput: The file cannot be read or its rules are not valid.

    """
    world = World(
        Settings(seed=seed or 0, latency_ms=latency_ms, strict=strict), repeats=seed is not None
    )
    if faults is not None:
        try:
            body = faults.read_bytes()
        except OSError as error:
            raise InvalidInput(
                "The faults file {path} cannot be read: {reason}.",
                path=faults,
                reason=error.strerror,
            ) from None
        world.faults.replace(fault_rules.parse(body).rules)
    return App(world)


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8090,
    latency_ms: int = 0,
    faults: Path | None = None,
    seed: int | None = None,
    strict: bool = False,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        host: The address to listen on.
        port: 0 chooses a free one.
        latency_ms: How long every answer of a provider is held back.
        faults: A JSON file with fault rules, of the form of ``POST /_sim/faults``.
        seed: Ids and chance repeat for the same seed; without one ids are always new.
        strict: Only registered channels and listed templates exist.
        on_ready: Is called with the base URL once requests are taken; without it the URL is
            printed.

    Raises:
        InvalidInput: The faults file is not valid.
        PortTaken: The port is in use or not allowed.

    """
    app = create_app(latency_ms=latency_ms, faults=faults, seed=seed, strict=strict)
    try:
        listener = socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise PortTaken(host=host, port=port, reason=os.strerror(error.errno or 0)) from None
    url = f"http://{host}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=_Protocol,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, lambda: (on_ready or _print)(url))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


class _Protocol(HttpToolsProtocol):
    """Lets the application close a connection without answering, which ASGI has no word for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort


def _print(url: str) -> None:
    sys.stdout.write(f"The simulator plays the providers at {url}\n")
    sys.stdout.flush()
