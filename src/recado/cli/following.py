"""Importing, starting and following a campaign, with progress bars."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import anyio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from recado.cli.language import language
from recado.cli.preflight import brief
from recado.domain import rendering
from recado.domain.errors import InvalidInput, NotFound
from recado.domain.ids import CampaignId, ChannelId, ImportId, ListId, WorkspaceId
from recado.features.campaigns import contents, preflight
from recado.features.campaigns import progress as campaign_progress
from recado.features.campaigns import service as campaigns
from recado.features.campaigns.schemas import Audience, NewCampaign, TextContent
from recado.features.campaigns.schemas import Progress as CampaignProgress
from recado.features.channels import service as channels
from recado.features.channels.models import Channel
from recado.features.contacts.importing import service as imports
from recado.features.contacts.importing.models import ContactImport
from recado.features.contacts.reading import open_contacts
from recado.platform import clock, settings
from recado.platform.i18n import mark
from recado.platform.runtime import Runtime

ENDED = frozenset({"completed", "cancelled", "failed"})
POLL_SECONDS = 0.3


class ChannelMissing(InvalidInput):
    code = "channel_missing"
    sentence = "There is no channel '{name}'. The known ones are: {known}."


class ChannelUnclear(InvalidInput):
    code = "channel_unclear"
    sentence = "Say which channel to send through with --channel: {known}."


class FileMissing(NotFound):
    code = "file_missing"
    sentence = "The file {path} is not there or cannot be read. Check its name."


@dataclass(frozen=True, slots=True)
class Order:
    """What to send, through which channel."""

    text: str
    channel: str | None
    name: str
    preset: str | None
    schedule: Mapping[str, Any] = field(default_factory=dict)
    look: bool = False  # say what it comes to before it starts


async def import_file(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    path: Path,
    *,
    list_name: str | None,
    mapping: dict[str, str],
    console: Console,
    tick: Callable[[], None] = lambda: None,
) -> ContactImport:
    """Import a file and show how it goes; the finished import, failed or not.

    Raises:
        FileMissing, TooLarge: It is not there, or over the limit.
    """
    if not await anyio.Path(path).is_file():
        raise FileMissing(path=str(path))
    async with runtime.db.workspace(workspace_id) as tx:
        import_id = await imports.store(
            tx,
            runtime.queue,
            path,
            filename=path.name,
            list_name=list_name,
            mapping=mapping,
            most_megabytes=settings.web().max_upload_mb,
        )
    return await _follow_import(runtime, workspace_id, import_id, console, tick)


async def _follow_import(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    import_id: ImportId,
    console: Console,
    tick: Callable[[], None],
) -> ContactImport:
    with _bar(console) as bar:
        task = bar.add_task("", total=100)
        while True:
            tick()
            async with runtime.db.workspace(workspace_id) as tx:
                found = await imports.get(tx, import_id)
            detail = language().gettext("{n} lines read", n=language().number(found.total))
            bar.update(task, completed=round(imports.progress(found) * 100), description=detail)
            if found.status in {"completed", "failed"}:
                return found
            await anyio.sleep(POLL_SECONDS)


async def import_and_start(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    path: Path,
    order: Order,
    *,
    console: Console,
    tick: Callable[[], None] = lambda: None,
) -> CampaignId:
    """Import a file onto a list of its own and start a campaign to that list."""
    async with runtime.db.workspace(workspace_id) as tx:
        known = await channels.everyone(tx, limit=200, after=None)
    channel = chosen_channel(known, order.channel)
    await _check_text(runtime, workspace_id, path, order.text)
    stamp = clock.now().astimezone().strftime("%d/%m/%Y %H:%M:%S")
    done = await import_file(
        runtime,
        workspace_id,
        path,
        list_name=f"{path.name} {stamp}",
        mapping={},
        console=console,
        tick=tick,
    )
    report_import(done, console)
    if done.status == "failed" or done.list_id is None:
        raise InvalidInput(done.error_sentence, **done.error_params)
    async with runtime.db.workspace(workspace_id) as tx:
        campaign = await campaigns.create(
            tx,
            NewCampaign(
                name=order.name,
                channel_ids=[channel],
                audience=Audience(list_ids=[ListId(done.list_id)]),
                content=TextContent(text=order.text),
                schedule=dict(order.schedule),
                pacing={"preset": order.preset} if order.preset else {},
            ),
            clock.now(),
        )
        campaign_id = CampaignId(campaign.id)
        if order.look:
            brief(await preflight.of(tx, campaign_id, clock.now()), console)
        await campaigns.start(tx, runtime, campaign_id, clock.now())
    return campaign_id


async def _check_text(runtime: Runtime, workspace_id: WorkspaceId, path: Path, text: str) -> None:
    """See that the text can be filled in from this file, before anything is imported.

    Raises:
        FileMissing: It is not there.
        RecadoError: It is no file of contacts, or the text names what neither it nor a contact has.
    """
    if not await anyio.Path(path).is_file():
        raise FileMissing(path=str(path))
    opened = await anyio.to_thread.run_sync(lambda: open_contacts(path, filename=path.name))
    async with runtime.db.workspace(workspace_id) as tx:
        known = await contents.custom_fields(tx)
    rendering.check(rendering.parse(text), [*known, *opened.columns.custom])


async def follow(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    campaign_id: CampaignId,
    *,
    console: Console,
    tick: Callable[[], None] = lambda: None,
) -> CampaignProgress:
    """Show a campaign's progress until it has ended, and what became of it."""
    with _bar(console) as bar:
        task = bar.add_task("", total=None)
        while True:
            tick()
            state = await campaign_progress.of(runtime, workspace_id, campaign_id, clock.now())
            settled = state.total - state.pending - state.sending
            words = f"{shown(state.status)}  {state.per_minute:.0f}/min" + (
                f"  ({state.paused_reason})" if state.paused_reason else ""
            )
            bar.update(task, total=state.total or None, completed=settled, description=words)
            if state.status in ENDED:
                break
            await anyio.sleep(POLL_SECONDS)
    report_campaign(state, console)
    return state


def report_import(done: ContactImport, console: Console) -> None:
    """Say what an import did."""
    words = language()
    sentence = words.gettext(
        "Import {id}: {lines} lines, {created} created, {updated} updated, {skipped} unchanged, "
        "{rejected} rejected",
        id=done.id,
        lines=words.number(done.total),
        created=words.number(done.created),
        updated=words.number(done.updated),
        skipped=words.number(done.skipped),
        rejected=words.number(done.rejected),
    )
    console.print(sentence, highlight=False, soft_wrap=True)


# States as a person reads them, in the order in which they are told.
_COUNTED = (
    ("total", mark("total")),
    ("sent", mark("sent")),
    ("delivered", mark("delivered")),
    ("read", mark("read")),
    ("failed", mark("failed")),
    ("unknown", mark("unknown")),
    ("suppressed", mark("suppressed")),
    ("cancelled", mark("cancelled")),
    ("expired", mark("expired")),
    ("sending", mark("being sent")),
    ("pending", mark("waiting")),
)
_STATES = {
    "draft": mark("draft"),
    "scheduled": mark("scheduled"),
    "preparing": mark("preparing"),
    "running": mark("running"),
    "paused": mark("paused"),
    "completed": mark("completed"),
    "cancelled": mark("cancelled"),
    "failed": mark("failed"),
}


def report_campaign(state: CampaignProgress, console: Console) -> None:
    """Say what became of a campaign."""
    words = language()
    counts = ", ".join(
        f"{words.gettext(label)} {words.number(getattr(state, name))}"
        for name, label in _COUNTED
        if getattr(state, name) or name in {"total", "sent", "delivered", "read", "failed"}
    )
    sentence = words.gettext(
        "Campaign {id}: {state}", id=state.campaign_id, state=shown(state.status)
    )
    console.print(f"{sentence}; {counts}", highlight=False, soft_wrap=True)
    if state.waiting_until is not None:
        there = state.waiting_until.astimezone()
        moment = words.date_and_time(there, there.tzinfo or UTC)
        console.print(
            words.gettext("It waits for its hours until {moment}.", moment=moment), highlight=False
        )


def shown(state: str) -> str:
    """A campaign's state in the terminal's language."""
    return language().gettext(_STATES.get(state, state))


def chosen_channel(known: list[Channel], name: str | None) -> ChannelId:
    names = ", ".join(f"'{channel.name}'" for channel in known) or "-"
    if name is None and len(known) == 1:
        return ChannelId(known[0].id)
    for channel in known:
        if name is not None and channel.name.lower() == name.lower():
            return ChannelId(channel.id)
    if name is not None:
        raise ChannelMissing(name=name, known=names)
    raise ChannelUnclear(known=names)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )
