"""``recado campaign``."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from pydantic import ValidationError
from rich.console import Console

from recado.cli import following, installation, schedules
from recado.cli import preflight as preflight_report
from recado.cli.language import language
from recado.cli.sending import check_preset
from recado.domain.errors import InvalidInput, NotFound
from recado.domain.ids import CampaignId, WorkspaceId
from recado.features.audiences import lists
from recado.features.campaigns import deleting, service
from recado.features.campaigns import preflight as campaign_preflight
from recado.features.campaigns import progress as campaign_progress
from recado.features.campaigns.schemas import Audience, NewCampaign, TextContent
from recado.features.channels import service as channels
from recado.features.reports import service as reports
from recado.platform import clock
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime


class ListMissing(InvalidInput):
    code = "list_missing"
    sentence = "There is no list '{name}'. Check its name, or import a file with --list."


app = typer.Typer(help="Campaigns.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The campaign's id.")]
Workspace = Annotated[str | None, typer.Option(help="Name of the workspace.")]
LONGEST_ID = 19  # digits
Wait = Annotated[bool, typer.Option(help="Follow it to its end.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="For people to recognise it.")],
    text: Annotated[str, typer.Option(help="What to say, with {nome} and other variables.")],
    channel: Annotated[
        list[str] | None, typer.Option(help="Name of a channel; repeatable.")
    ] = None,
    list_name: Annotated[
        list[str] | None, typer.Option("--list", help="Name of a list; repeatable.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeatable.")] = None,
    preset: Annotated[str | None, typer.Option(help="How fast at most.")] = None,
    start_at: schedules.StartAt = None,
    end_at: schedules.EndAt = None,
    window: schedules.Window = None,
    timezone: schedules.TimeZone = None,
    skip_holidays: schedules.SkipHolidays = None,
    repeat: schedules.Repeat = None,
    workspace: Workspace = None,
) -> None:
    """Add a draft and print its id; the channel may be left out where there is only one."""
    wish = schedules.Wish(
        start_at=start_at,
        end_at=end_at,
        window=window,
        timezone=timezone,
        skip_holidays=skip_holidays,
        repeat=repeat,
    )

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> int:
        await check_preset(runtime, workspace_id, preset)
        async with runtime.db.workspace(workspace_id) as tx:
            known = await channels.everyone(tx, limit=200, after=None)
            names: list[str | None] = [*channel] if channel else [None]
            channel_ids = [following.chosen_channel(known, one) for one in names]
            list_ids = [await _list(tx, one) for one in list_name or []]
            try:
                given = NewCampaign(
                    name=name,
                    channel_ids=channel_ids,
                    audience=Audience(list_ids=list_ids, tags=tag or []),
                    content=TextContent(text=text),
                    schedule=await wish.schedule(tx),
                    pacing={"preset": preset} if preset else {},
                )
            except ValidationError as error:
                fields = {
                    ".".join(map(str, e["loc"])) or "audience": str(e["msg"])
                    for e in error.errors()
                }
                raise InvalidInput(fields=fields) from error
            return (await service.create(tx, given, clock.now())).id

    typer.echo(installation.in_workspace(workspace, work))


async def _list(tx: Transaction, name: str) -> int:
    try:
        return await lists.named(tx, name)
    except NotFound as error:
        raise ListMissing(name=name) from error


@app.command()
def preflight(
    campaign: Annotated[str, typer.Argument(help="The campaign's name or id.")],
    workspace: Workspace = None,
) -> None:
    """Say who would get it, when it would end, and what to think of first; nothing starts."""
    console = Console()

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        async with runtime.db.workspace(workspace_id) as tx:
            campaign_id = (
                CampaignId(int(campaign))
                if campaign.isascii() and campaign.isdigit() and len(campaign) < LONGEST_ID
                else CampaignId((await service.named(tx, campaign)).id)
            )
            found = await campaign_preflight.of(tx, campaign_id, clock.now())
        preflight_report.report(found, console)

    installation.in_workspace(workspace, work)


@app.command()
def start(campaign: Id, wait: Wait = False, workspace: Workspace = None) -> None:
    """Start it now, or at its time."""
    _move(campaign, workspace, service.start, wait=wait)


@app.command()
def pause(campaign: Id, workspace: Workspace = None) -> None:
    """Let nothing more leave."""
    _move(campaign, workspace, service.pause)


@app.command()
def resume(campaign: Id, wait: Wait = False, workspace: Workspace = None) -> None:
    """Go on where it was paused."""
    _move(campaign, workspace, service.resume, wait=wait)


@app.command()
def cancel(campaign: Id, workspace: Workspace = None) -> None:
    """End it for good."""
    _move(campaign, workspace, service.cancel)


@app.command()
def delete(campaign: Id, workspace: Workspace = None) -> None:
    """Delete a draft, or one that is over, with all that is on record about it."""

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        async with runtime.db.workspace(workspace_id) as tx:
            await deleting.delete(tx, CampaignId(campaign), clock.now())

    installation.in_workspace(workspace, work)
    sentence = language().gettext("Campaign {id} deleted.", id=campaign)
    Console().print(sentence, highlight=False)


@app.command()
def progress(campaign: Id, wait: Wait = False, workspace: Workspace = None) -> None:
    """Say how far it is."""
    console = Console()

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        campaign_id = CampaignId(campaign)
        if wait:
            await following.follow(runtime, workspace_id, campaign_id, console=console)
            return
        state = await campaign_progress.of(runtime, workspace_id, campaign_id, clock.now())
        following.report_campaign(state, console)

    installation.in_workspace(workspace, work)


@app.command()
def report(
    campaign: Id,
    out: Annotated[Path | None, typer.Option(help="A file; standard output without it.")] = None,
    workspace: Workspace = None,
) -> None:
    """Write the report as CSV, a line per contact."""

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        campaign_id = CampaignId(campaign)
        async with runtime.db.workspace(workspace_id) as tx:
            await service.get(tx, campaign_id)
        with out.open("w", encoding="utf-8", newline="") if out else _stdout() as file:
            async for piece in reports.report(runtime.db, workspace_id, campaign_id):
                file.write(piece)

    installation.in_workspace(workspace, work)


@contextmanager
def _stdout() -> Iterator[TextIO]:
    """Standard output as the report wants it, whatever the terminal's encoding is."""
    file = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    yield file
    file.flush()
    file.detach()


def _move(
    campaign: int,
    workspace: str | None,
    step: Callable[..., Awaitable[Any]],
    *,
    wait: bool = False,
) -> None:
    console = Console()

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        campaign_id = CampaignId(campaign)
        async with runtime.db.workspace(workspace_id) as tx:
            moved = await step(tx, runtime, campaign_id, clock.now())
        sentence = language().gettext(
            "Campaign {id}: {state}", id=campaign_id, state=following.shown(moved.status)
        )
        console.print(sentence, highlight=False)
        if wait:
            await following.follow(runtime, workspace_id, campaign_id, console=console)

    installation.in_workspace(workspace, work)
