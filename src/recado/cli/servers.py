"""Commands that start processes: up, web, worker, simulator; and migrate and doctor."""

import sys
from pathlib import Path
from typing import Annotated

import anyio
import typer
import uvicorn
from psycopg.errors import InsufficientPrivilege
from rich.console import Console
from sqlalchemy.exc import ProgrammingError

from recado.bootstrap import direct_url
from recado.cli import installation, supervisor, up
from recado.cli.checks import findings
from recado.cli.language import language
from recado.domain.errors import Unavailable
from recado.platform import migrations
from recado.simulator import server as simulator_server
from recado.worker import known_queues, work

LARGEST_PORT = 65_535
Port = Annotated[int, typer.Option(min=0, max=LARGEST_PORT)]


class RightsMissing(Unavailable):
    code = "rights_missing"
    sentence = (
        "The login of DATABASE_URL may not do what the tables need: {why}. Let a superuser run "
        "GRANT recado_app, recado_system, recado_jobs TO it WITH ADMIN OPTION, and try again."
    )


class BehindSchema(Unavailable):
    code = "schema_behind"
    sentence = "The database has not the tables of this release. Run 'recado migrate' first."


def add_to(app: typer.Typer) -> None:
    """Put these commands at the top level."""
    app.command("up")(start_all)
    app.command()(web)
    app.command()(worker)
    app.command()(simulator)
    app.command()(migrate)
    app.command()(doctor)


def start_all(
    demo: Annotated[bool, typer.Option(help="Run the demonstration campaign.")] = False,
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
    simulator: Annotated[bool, typer.Option(help="Start the simulator as well.")] = True,
    json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when ready.")
    ] = False,
) -> None:
    """Start everything, on embedded servers where no others are given, until Ctrl-C."""
    up.run(up.Wishes(demo=demo, port=port, workers=workers, simulator=simulator, as_json=json))


def web(
    port: Port = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the API, the pages and the webhooks."""
    installation.reach()
    _need_schema()
    uvicorn.run(
        "recado.app:create",
        factory=True,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def worker(
    queues: Annotated[str, typer.Option(help="Names separated by commas; all without it.")] = "",
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes to run.")] = 1,
) -> None:
    """Drive channels and run background jobs."""
    chosen = [queue.strip() for queue in queues.split(",") if queue.strip()]
    for queue in chosen:
        if queue not in known_queues():
            sentence = language().gettext(
                "There is no queue '{queue}'. The known ones are: {known}.",
                queue=queue,
                known=", ".join(known_queues()),
            )
            raise typer.BadParameter(sentence, param_hint="--queues")
    installation.reach()
    _need_schema()
    if processes == 1:
        anyio.run(work, chosen or None, backend_options={"use_uvloop": True})
        return
    command = [sys.executable, "-m", "recado", "worker", *(["--queues", queues] if chosen else [])]
    children = supervisor.Supervisor(log_folder=None)
    for number in range(processes):
        children.add(f"worker-{number + 1}", command)
    children.run()


def simulator(
    port: Port = 8090,
    latency_ms: Annotated[int, typer.Option(min=0, help="How long answers take.")] = 0,
    faults: Annotated[Path | None, typer.Option(help="A JSON file of fault rules.")] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats ids and chance.")] = None,
) -> None:
    """Play the providers: accept messages and call back."""
    simulator_server.run(port=port, latency_ms=latency_ms, faults=faults, seed=seed)


def migrate() -> None:
    """Bring the database to this release's tables."""
    installation.reach()
    try:
        migrations.upgrade(direct_url())
    except (InsufficientPrivilege, ProgrammingError) as error:
        if not isinstance(getattr(error, "orig", error), InsufficientPrivilege):
            raise
        raise RightsMissing(why=str(error).strip().splitlines()[0]) from error
    typer.echo("ok")


def doctor() -> None:
    """Say what is wrong and how to mend it; exit 1 if anything is."""
    console = Console()
    wrong = False
    for finding in findings():
        mark = "[green]ok[/]" if finding.ok else "[red]!![/]"
        console.print(
            f"{mark}  [bold]{finding.name}[/]", finding.detail, highlight=False, soft_wrap=True
        )
        if not finding.ok:
            wrong = True
            console.print(f"      → {finding.remedy}", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if wrong else 0)


def _need_schema() -> None:
    if migrations.pending(direct_url()):
        raise BehindSchema
