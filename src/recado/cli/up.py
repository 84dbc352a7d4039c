"""``recado up``: servers, processes and the demonstration workspace, until Ctrl-C."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

import anyio
import typer
from rich.console import Console

from recado import embedded
from recado.cli import demo, installation
from recado.cli.installation import Running
from recado.cli.language import language
from recado.cli.supervisor import Supervisor
from recado.domain.errors import Unavailable
from recado.platform import migrations, settings

PATIENCE_SECONDS = 60.0
SIMULATOR_PORT = 8090


class PortTaken(Unavailable):
    code = "port_taken"
    sentence = "Port {port} is in use. Choose another with --port, or end what listens there."


class ProcessFailed(Unavailable):
    code = "process_failed"
    sentence = "The process '{name}' does not come up. Its last words: {words}"


class AlreadyUp(Unavailable):
    code = "already_up"
    sentence = "Recado is running already, at {url}. Use that one, or set RECADO_HOME for another."


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked on the command line."""

    demo: bool
    port: int
    workers: int
    simulator: bool
    as_json: bool


class _Ended(BaseException):
    """SIGTERM or SIGINT, wherever we are."""


def run(wishes: Wishes) -> None:
    """Start everything and stay until told to end; then end everything in order."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    console = Console(stderr=wishes.as_json)
    home = installation.home()
    running = Running.read(home)
    if running is not None:
        raise AlreadyUp(url=running.url)
    with ExitStack() as stack:
        try:
            _run(wishes, home, console, stack)
        except _Ended:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            console.print("\n" + language().gettext("Stopping …"))
            (home / "running.json").unlink(missing_ok=True)


def _run(wishes: Wishes, home: Path, console: Console, stack: ExitStack) -> None:
    port = _free(wishes.port) if wishes.port else _any_free()
    say: Callable[[str], None] = lambda line: console.print(line, highlight=False)  # noqa: E731
    given = settings.servers()
    words = language()
    with console.status(words.gettext("Starting PostgreSQL and Valkey …")):
        servers = stack.enter_context(
            embedded.start(home, postgres=not given.database_url, valkey=not given.redis_url)
        )
        url = f"http://127.0.0.1:{port}"
        simulator_port = _simulator_port() if wishes.simulator else None
        simulator_url = f"http://127.0.0.1:{simulator_port}" if simulator_port else None
        environment = {
            "DATABASE_URL": given.database_url or servers.database_url,
            "REDIS_URL": given.redis_url or servers.redis_url,
            "RECADO_SECRET_KEY": installation.secret_key(home),
            "RECADO_PUBLIC_URL": str(settings.web().public_url or url).rstrip("/"),
            "RECADO_HOME": str(home),
        }
        if simulator_url:
            environment["RECADO_SIMULATOR_URL"] = simulator_url
        installation.apply_environment(environment)
        migrations.upgrade(given.database_direct_url or environment["DATABASE_URL"])
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    children = Supervisor(logs, said=lambda line: say(f"[yellow]{line}[/]"))
    stack.callback(children.stop)
    with console.status(words.gettext("Starting the web server, the workers and the simulator …")):
        _start_children(children, wishes, port, simulator_port)
        if simulator_url:
            _wait(children, "simulator", f"{simulator_url}/healthz")
        _wait(children, "web", f"{url}/healthz")
        access = anyio.run(demo.ensure, home, simulator_url is not None)
    Running(
        pid=os.getpid(),
        url=url,
        simulator_url=simulator_url,
        environment=environment,
        workspace_id=access.workspace_id,
    ).write(home)
    if wishes.as_json:
        ready = {
            "url": url,
            "api_key": access.api_key,
            "email": access.email,
            "password": access.password,
            "simulator_url": simulator_url,
        }
        typer.echo(json.dumps(ready))
        sys.stdout.flush()
    _introduce(say, access, url, simulator_url)
    if wishes.demo:
        _demonstrate(console, children, url)
    say(words.gettext("Ctrl-C stops everything; the data stays in {home}", home=home))
    while True:
        time.sleep(0.2)
        children.watch_once()


def _introduce(
    say: Callable[[str], None], access: demo.Access, url: str, simulator_url: str | None
) -> None:
    words = language()
    say(f"[bold green]{words.gettext('Recado is up:')}[/] {url}")
    say("  " + words.gettext("e-mail: {email}", email=f"[bold]{access.email}[/]"))
    say("  " + words.gettext("password: {password}", password=f"[bold]{access.password}[/]"))
    say("  " + words.gettext("API key: {key}", key=access.api_key))
    if simulator_url:
        say("  " + words.gettext("simulator: {url}", url=simulator_url))


def _start_children(
    children: Supervisor, wishes: Wishes, port: int, simulator_port: int | None
) -> None:
    this = [sys.executable, "-m", "recado"]
    if simulator_port:
        children.add("simulator", [*this, "simulator", "--port", str(simulator_port)])
    children.add("web", [*this, "web", "--port", str(port)])
    for number in range(wishes.workers):
        children.add(f"worker-{number + 1}", [*this, "worker"])


def _demonstrate(console: Console, children: Supervisor, url: str) -> None:
    campaign_id = anyio.run(demo.run, console, children.watch_once)
    page = f"{url}/campaigns/{campaign_id}"
    console.print(language().gettext("See it at {page}", page=page), highlight=False)


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _Ended


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(port=port) from error
    return port


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _simulator_port() -> int:
    try:
        return _free(SIMULATOR_PORT)
    except PortTaken:
        return _any_free()


def _wait(children: Supervisor, name: str, url: str) -> None:
    """Return once an address answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=2):  # noqa: S310 - our own address
                return
        except (URLError, OSError):
            if children.pid(name) is None:
                break
            time.sleep(0.05)
    log = children.log(name)
    words = log.read_text(errors="replace")[-800:].strip() if log and log.exists() else "none"
    raise ProcessFailed(name=name, words=words)
