"""What callbacks tell of templates, taken in by when it was told, however often it comes."""

from collections import defaultdict
from collections.abc import Sequence

from recado.domain import templates
from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.templates import Template
from recado.features.templates import store
from recado.features.templates.store import SQL, Change, Known
from recado.platform import clock
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.events import (
    CallbackEvent,
    TemplateCategoryEvent,
    TemplateQualityEvent,
    TemplateStatusEvent,
)

TemplateEvent = TemplateStatusEvent | TemplateQualityEvent | TemplateCategoryEvent
_LIFTED = "UNPAUSE"


async def take_in(
    runtime: Runtime, workspace_id: WorkspaceId, events: Sequence[tuple[ChannelId, CallbackEvent]]
) -> None:
    """Change the templates that events speak of; what is older than what is known changes nothing.

    What speaks of something else is left.

    Each event counts for the account that it names, if the channel that heard of it belongs to
    that. A list is asked for anew where an event speaks of a template that is not on it,
    contradicts it, or may have changed its wording.
    """
    of_templates = [(one, event) for one, event in events if isinstance(event, TemplateEvent)]
    if not of_templates:
        return
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(
            SQL["lists_of"],
            workspace_id=workspace_id,
            channels=sorted({channel for channel, _ in of_templates}),
        )
    lists = {(row["channel_id"], row["account"]): row["list_id"] for row in rows}
    by_list: dict[int, list[TemplateEvent]] = defaultdict(list)
    for channel, event in of_templates:
        if (channel, event.account_id) in lists:
            by_list[lists[channel, event.account_id]].append(event)
    for list_id, theirs in sorted(by_list.items()):
        async with runtime.db.workspace(workspace_id) as tx:
            await _apply(tx, runtime, list_id, sorted(theirs, key=lambda event: event.at))


async def _apply(
    tx: Transaction, runtime: Runtime, list_id: int, events: Sequence[TemplateEvent]
) -> None:
    await tx.one(SQL["lock_list"], workspace_id=tx.workspace_id, list_id=list_id)
    before = await store.known(tx, list_id, sorted({event.name for event in events}))
    after = dict(before)
    stale = False
    for event in events:
        key = (event.name, event.language)
        known = after.get(key)
        if known is None or _is_other(known, event):
            stale = True
            continue
        heard = _heard(known.template, event)
        # A status may go with another wording; and one that was not believed may be the true one.
        stale |= isinstance(event, TemplateStatusEvent) and event.status != known.template.status
        after[key] = known.now(heard)
    changed = [one for key, one in after.items() if one != before[key]]
    await store.change(tx, changed)
    await store.tell(
        tx,
        runtime,
        [
            Change(one.name, one.language, before[one.name, one.language].template, one.template)
            for one in changed
        ],
    )
    if stale:
        await store.hasten(tx, runtime, clock.now(), list_id)


def _is_other(known: Known, event: TemplateEvent) -> bool:
    """Whether it speaks of a template that had the same name before."""
    return bool(event.template_id and known.provider_id) and event.template_id != known.provider_id


def _heard(known: Template, event: TemplateEvent) -> Template:
    if isinstance(event, TemplateQualityEvent):
        return templates.with_quality(known, event.after, event.at)
    if isinstance(event, TemplateCategoryEvent):
        return templates.with_category(known, event.after, event.at)
    status = templates.APPROVED if event.title.upper() == _LIFTED else event.status
    told = templates.with_status(
        known,
        status,
        event.at,
        reason=event.reason or event.detail,
        paused_until=templates.pause_ends(event.title, event.at),
    )
    return templates.with_category(told, event.category.upper(), event.at)
