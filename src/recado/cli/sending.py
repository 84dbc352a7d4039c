"""``recado send``: import, create, start and follow, in one line."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recado.cli import following, installation, schedules
from recado.cli.language import language
from recado.domain import rendering
from recado.domain.ids import WorkspaceId
from recado.domain.schedules import validated
from recado.features.campaigns import progress
from recado.features.settings.presets import presets_for
from recado.platform import clock
from recado.platform.runtime import Runtime


def add_to(app: typer.Typer) -> None:
    """Put the command at the top level."""
    app.command()(send)


def send(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX with a line of headers.")],
    text: Annotated[str, typer.Option(help="What to say, with {nome} and other variables.")],
    channel: Annotated[str | None, typer.Option(help="Name of the channel.")] = None,
    preset: Annotated[str | None, typer.Option(help="How fast at most.")] = None,
    start_at: schedules.StartAt = None,
    end_at: schedules.EndAt = None,
    window: schedules.Window = None,
    timezone: schedules.TimeZone = None,
    skip_holidays: schedules.SkipHolidays = None,
    wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = False,
    workspace: Annotated[str | None, typer.Option(help="Name of the workspace.")] = None,
) -> None:
    """Import contacts, and start a campaign to them."""
    rendering.parse(text)  # before the import, which may take a while
    console = Console()
    wish = schedules.Wish(
        start_at=start_at,
        end_at=end_at,
        window=window,
        timezone=timezone,
        skip_holidays=skip_holidays,
    )

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> str:
        await check_preset(runtime, workspace_id, preset)
        async with runtime.db.workspace(workspace_id) as tx:
            schedule = validated(await wish.schedule(tx), clock.now())
        order = following.Order(text, channel, file.name, preset, schedule, look=True)
        campaign_id = await following.import_and_start(
            runtime, workspace_id, file, order, console=console
        )
        said = language().gettext("Campaign {id} started.", id=campaign_id)
        if start_at:
            status = (await progress.of(runtime, workspace_id, campaign_id, clock.now())).status
            state = following.shown(status)
            said = language().gettext("Campaign {id}: {state}", id=campaign_id, state=state)
        console.print(said, highlight=False)
        if not wait:
            return "started"
        return (await following.follow(runtime, workspace_id, campaign_id, console=console)).status

    if installation.in_workspace(workspace, work) in {"failed", "cancelled"}:
        raise typer.Exit(1)


async def check_preset(runtime: Runtime, workspace_id: WorkspaceId, preset: str | None) -> None:
    """Refuse a preset that there is not, as bad usage."""
    if preset is None:
        return
    async with runtime.db.workspace(workspace_id) as tx:
        known = await presets_for(tx, {"preset": preset})
    if preset not in known:
        sentence = language().gettext(
            "There is no preset '{preset}'. Use one of: {known}.",
            preset=preset,
            known=", ".join(known),
        )
        raise typer.BadParameter(sentence, param_hint="--preset")
