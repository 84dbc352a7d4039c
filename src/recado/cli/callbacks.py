"""``recado callbacks``: what providers called back with, and applying it again."""

import json
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from recado.cli import installation
from recado.cli.language import language
from recado.cli.schedules import moment_there
from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels import service as channels
from recado.features.webhooks import replaying
from recado.features.webhooks.applying import apply_waiting
from recado.features.webhooks.replaying import Chosen
from recado.features.workspaces import service as workspaces
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

app = typer.Typer(help="Callbacks of providers, kept for seven days.", no_args_is_help=True)

Channel = Annotated[str | None, typer.Option(help="Name of a channel: only its callbacks.")]
Since = Annotated[
    str | None, typer.Option(help="Received since 2026-03-02 09:00, in the workspace's time zone.")
]
Until = Annotated[str | None, typer.Option(help="Received before this moment.")]
Errors = Annotated[
    bool, typer.Option("--errors", help="Only those that could not be read or applied.")
]
Workspace = Annotated[str | None, typer.Option(help="Name of the workspace.")]


@app.callback()
def root() -> None:
    """Callbacks."""


@app.command("list")
def list_callbacks(
    channel: Channel = None,
    since: Since = None,
    until: Until = None,
    errors: Errors = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    workspace: Workspace = None,
) -> None:
    """Print callbacks a line each: id, channel, received, applied, bytes, error."""

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        async with runtime.db.workspace(workspace_id) as tx:
            chosen = await _chosen(tx, channel, since, until, None, errors=errors)
            rows = await replaying.page(tx, chosen, limit=limit)
        for row in rows:
            applied = row["processed_at"]
            told = (
                row["id"],
                row["channel"],
                row["received_at"].isoformat(timespec="seconds"),
                "-" if applied is None else applied.isoformat(timespec="seconds"),
                row["bytes"],
                " ".join((row["error"] or "").split()),
            )
            typer.echo("\t".join(map(str, told)))

    installation.in_workspace(workspace, work)


@app.command("replay")
def replay(
    callback: Annotated[
        list[int] | None, typer.Option("--id", help="An id, as often as needed.")
    ] = None,
    channel: Channel = None,
    since: Since = None,
    until: Until = None,
    errors: Errors = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what they say, a JSON line an event.")
    ] = False,
    workspace: Workspace = None,
) -> None:
    """Apply callbacks again; what was applied right stays as it is."""

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        async with runtime.db.workspace(workspace_id) as tx:
            chosen = await _chosen(tx, channel, since, until, callback, errors=errors)
            if dry_run:
                async for event in replaying.events(tx, chosen):
                    typer.echo(json.dumps(event, default=_plain, ensure_ascii=False))
                return
            count = await replaying.again(tx, runtime, chosen)
        await apply_waiting(runtime, workspace_id)
        words = language()
        typer.echo(words.ngettext("{n} callback applied", "{n} callbacks applied", count))

    installation.in_workspace(workspace, work)


async def _chosen(
    tx: Transaction,
    channel: str | None,
    since: str | None,
    until: str | None,
    ids: list[int] | None,
    *,
    errors: bool,
) -> Chosen:
    zone = ZoneInfo((await workspaces.current(tx)).timezone)
    return Chosen(
        channel_id=ChannelId((await channels.named(tx, channel)).id) if channel else None,
        since=moment_there(since, "--since", zone),
        until=moment_there(until, "--until", zone),
        ids=ids or None,
        errors=errors,
    )


def _plain(value: object) -> object:
    """What JSON has no word for."""
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, set | frozenset) else str(value)
