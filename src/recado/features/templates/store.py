"""The stored templates of an account: read, changed by what comes, and who is told of a change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from recado.domain import templates
from recado.domain.templates import Template
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.platform.postgres import Row, Transaction
from recado.platform.runtime import Runtime
from recado.platform.sql import load
from recado.providers.exchange import TemplateInfo

SQL = load(__package__ or "")
EVERY: Final = timedelta(hours=6)
"""How long a list is good for where callbacks tell of what changes."""
SOON: Final = timedelta(seconds=30)
FOLLOW: Final = "campaigns:follow_templates"
SYNC: Final = "templates:sync"
_AFTER_PAUSE = timedelta(minutes=1)
_FIELDS = (
    *("status", "status_at", "reason", "since", "paused_until"),
    *("category", "category_at", "quality", "quality_at"),
)


@dataclass(frozen=True, slots=True)
class Known:
    """One stored template: its row, its names, and what is known of it."""

    id: int
    name: str
    language: str
    provider_id: str
    template: Template
    gone_at: datetime | None

    def now(self, template: Template) -> "Known":
        """With what is known of it from now on; one that is deleted has gone."""
        gone = (self.gone_at or template.status_at) if template.status == "DELETED" else None
        return replace(self, template=template, gone_at=gone)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one template; ``before`` is None for one that is new to us."""

    name: str
    language: str
    before: Template | None
    after: Template


async def defer_sync(tx: Transaction, runtime: Runtime) -> None:
    """Have the lists that are due asked for soon."""
    await runtime.queue.defer(
        tx, SYNC, once=f"templates {tx.workspace_id}", workspace_id=tx.workspace_id
    )


async def defer_following(tx: Transaction, runtime: Runtime) -> None:
    """Have campaigns paused and resumed as their templates' states ask for."""
    await runtime.queue.defer(
        tx, FOLLOW, once=f"follow templates {tx.workspace_id}", workspace_id=tx.workspace_id
    )


async def hasten(
    tx: Transaction, runtime: Runtime, now: datetime, list_id: int | None = None
) -> None:
    """Have a list of the workspace, or all of them, asked for soon; what is held back waits.

    Not at once: news come in swarms, and an account may ask Meta for few lists an hour.
    """
    at = now + SOON
    await tx.run(SQL["hasten"], workspace_id=tx.workspace_id, list_id=list_id, at=at)
    await runtime.queue.defer(
        tx, SYNC, at=at, once=f"templates soon {tx.workspace_id}", workspace_id=tx.workspace_id
    )


async def known(
    tx: Transaction, list_id: int, names: Sequence[str] | None = None
) -> dict[tuple[str, str], Known]:
    """The templates of a list, or those of these names, by name and language."""
    rows = await tx.all(
        SQL["known"],
        workspace_id=tx.workspace_id,
        list_id=list_id,
        names=None if names is None else [*names],
    )
    return {(row["name"], row["language"]): _read(row) for row in rows}


def _read(row: Row) -> Known:
    return Known(
        id=row["id"],
        name=row["name"],
        language=row["language"],
        provider_id=row["provider_id"],
        template=Template(**{field: row[field] for field in _FIELDS}),
        gone_at=row["gone_at"],
    )


async def put_list(
    tx: Transaction,
    runtime: Runtime,
    list_id: int,
    found: Iterable[TemplateInfo],
    asked_at: datetime,
) -> None:
    """Store a whole list as it was when it was asked for; an older one than is stored is let go."""
    row = await tx.one(SQL["lock_list"], workspace_id=tx.workspace_id, list_id=list_id)
    if row is None or (row["synced_at"] and row["synced_at"] > asked_at):
        return
    before = await known(tx, list_id)
    listed = {(one.name, one.language): one for one in found}
    after = {key: _listed(before.get(key), one, asked_at) for key, one in listed.items()}
    await tx.run(
        SQL["put"],
        workspace_id=tx.workspace_id,
        list_id=list_id,
        names=[name for name, _ in listed],
        languages=[language for _, language in listed],
        provider_ids=[one.id for one in listed.values()],
        bodies=[one.body for one in listed.values()],
        slots=[Jsonb(slots_of(one)) for one in listed.values()],
        **_columns([*after.values()]),
    )
    gone = [
        one.now(templates.with_status(one.template, templates.DELETED, asked_at))
        for key, one in before.items()
        if key not in listed and one.gone_at is None
    ]
    await change(tx, gone)
    ends = [one.paused_until + _AFTER_PAUSE for one in after.values() if one.paused_until]
    later = [end for end in ends if end > asked_at]
    await tx.run(
        SQL["synced"],
        workspace_id=tx.workspace_id,
        list_id=list_id,
        at=asked_at,
        due_at=min([asked_at + EVERY, *later]),
    )
    changes = [
        Change(*key, before[key].template if key in before else None, one)
        for key, one in after.items()
    ]
    await tell(tx, runtime, changes)
    if gone:  # which somebody did on purpose; who misses one is told with its campaign
        await defer_following(tx, runtime)


def _listed(before: Known | None, one: TemplateInfo, at: datetime) -> Template:
    told = templates.with_status(
        before.template if before else Template(), one.status, at, reason=one.rejected_reason
    )
    if before is None:
        # Since when it is as it is, is not known: nothing that waits for a change goes on by it.
        told = replace(told, since=templates.NEVER)
    told = templates.with_category(told, one.category, at)
    return templates.with_quality(told, one.quality, at)


def slots_of(one: TemplateInfo) -> dict[str, Any]:
    """What a message with it must fill in, as it is stored; see `TemplateInfo`."""
    return {
        "named": one.named,
        "header": one.header,
        "header_variables": list(one.header_variables),
        "variables": list(one.variables),
        "buttons": [[index, kind] for index, kind in one.buttons],
        "replies": list(one.replies),
    }


async def change(tx: Transaction, changed: Sequence[Known]) -> None:
    """Write down what is known of some templates now."""
    if changed:
        await tx.run(
            SQL["change"],
            workspace_id=tx.workspace_id,
            ids=[one.id for one in changed],
            gone_ats=[one.gone_at for one in changed],
            **_columns([one.template for one in changed]),
        )


def _columns(found: Sequence[Template]) -> dict[str, list[Any]]:
    """The values of each field, under the names that the statements have for them."""
    plural = {"status": "statuses", "category": "categories", "quality": "qualities"}
    return {
        plural.get(field, f"{field}s"): [getattr(one, field) for one in found] for field in _FIELDS
    }


async def tell(tx: Transaction, runtime: Runtime, changes: Iterable[Change]) -> None:
    """Tell people of what became of templates, and have campaigns follow."""
    follows = False
    for one in changes:
        if one.before is None or one.before.status != one.after.status:
            follows = True
        if one.before is not None:
            await _tell(tx, one, one.before)
    if follows:
        await defer_following(tx, runtime)


async def _tell(tx: Transaction, one: Change, before: Template) -> None:
    after, subject = one.after, f"template {one.name} {one.language}"
    if after.status != before.status and after.status in templates.STOPPED:
        await notify(
            tx,
            Kind.TEMPLATE_STOPPED,
            subject=subject,
            reason=after.reason,
            template=one.name,
            language=one.language,
            status=after.status,
            until="" if after.paused_until is None else after.paused_until.isoformat(),
        )
    if after.quality != before.quality and after.quality == templates.BAD_QUALITY:
        await notify(
            tx,
            Kind.TEMPLATE_QUALITY,
            subject=subject,
            template=one.name,
            language=one.language,
            quality=after.quality,
        )
    if before.category and after.category != before.category:
        await notify(
            tx,
            Kind.TEMPLATE_CATEGORY,
            subject=subject,
            template=one.name,
            language=one.language,
            category=after.category,
            before=before.category,
        )
