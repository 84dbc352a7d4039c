"""The work of an import: two passes over its file, each of which can be taken up again.

Whatever is stored is stored together with the line it came up to. A worker that takes over reads
the file from its beginning, but stores nothing twice.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from psycopg.types.json import Jsonb

from recado.domain.errors import RecadoError
from recado.domain.ids import ImportId, WorkspaceId
from recado.features.contacts.importing.errors import ImportGone
from recado.features.contacts.importing.folding import Person
from recado.features.contacts.importing.spool import Spool
from recado.features.contacts.reading import ContactRow, RowError, open_contacts
from recado.features.workspaces import service as workspaces
from recado.platform import logging, sql
from recado.platform.postgres import Database, Row, Transaction

SQL = sql.load(__package__)
PEOPLE_AT_ONCE: Final = 5_000
_CHUNKS_AT_ONCE: Final = 8
_NOT_QUITE_ALL: Final = 0.99
_STAGED_TYPES: Final = (
    "int8", "text", "text", "text", "text", "text", "text", "text", "text", "text", "text[]",
    "int4", "int4",
)  # fmt: skip

log = logging.get(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Task:
    db: Database
    workspace_id: WorkspaceId
    import_id: ImportId
    filename: str
    list_id: int | None
    mapping: dict[str, str]
    region: str
    people_at_once: int


@dataclass(frozen=True, slots=True)
class _Read:
    """What one batch of the file came to."""

    line: int
    share: float
    lines: Sequence[int]
    errors: Sequence[RowError]


async def run(
    db: Database,
    workspace_id: WorkspaceId,
    import_id: ImportId,
    *,
    people_at_once: int = PEOPLE_AT_ONCE,
) -> None:
    """Import a stored file, from where another worker left it if one did.

    A file that cannot be read fails the import, not the job. Of an import that has ended nothing
    is left to do.
    """
    async with db.workspace(workspace_id) as tx:
        started = await tx.one(SQL["begin"], import_id=import_id)
        if started is None:
            return
        region = (await workspaces.current(tx)).country
    task = _Task(
        db, workspace_id, import_id, **started, region=region, people_at_once=people_at_once
    )
    try:
        with tempfile.TemporaryDirectory(prefix="recado-import-") as folder:
            file = Path(folder, "upload")
            await _fetch(task, file)
            with Spool(Path(folder, "spool.db")) as spool:
                await _read(task, file, spool)
                await _merge(task, spool)
    except ImportGone:
        log.info("import has ended elsewhere", import_id=import_id)
    except RecadoError as error:
        await fail(db, workspace_id, import_id, error)
    else:
        async with db.workspace(workspace_id) as tx:
            await _finish(tx, import_id, None)


async def fail(
    db: Database, workspace_id: WorkspaceId, import_id: ImportId, error: RecadoError
) -> None:
    """End an import with the reason why."""
    async with db.workspace(workspace_id) as tx:
        await _finish(tx, import_id, error)


async def _finish(tx: Transaction, import_id: ImportId, error: RecadoError | None) -> None:
    await tx.run(
        SQL["finish"],
        import_id=import_id,
        status="failed" if error else "completed",
        code=error.code if error else None,
        sentence=error.sentence if error else None,
        params=Jsonb({name: str(value) for name, value in error.params.items()} if error else {}),
    )
    await tx.run(SQL["delete_chunks"], import_id=import_id)


async def _fetch(task: _Task, path: Path) -> None:
    """Put the file together on this machine."""
    with await asyncio.to_thread(path.open, "wb") as file:
        first = 0
        while True:
            async with task.db.workspace(task.workspace_id) as tx:
                chunks = await tx.all(
                    SQL["chunks"],
                    import_id=task.import_id,
                    first=first,
                    at_most=_CHUNKS_AT_ONCE,
                )
            for chunk in chunks:
                await asyncio.to_thread(file.write, chunk["data"])
            if len(chunks) < _CHUNKS_AT_ONCE:
                return
            first += _CHUNKS_AT_ONCE


async def _read(task: _Task, path: Path, spool: Spool) -> None:
    """Spool the good rows and report the others."""
    last = 0
    async with aclosing(_ahead(_batches(task, path, spool))) as batches:
        async for batch in batches:
            await _note_read(task, batch)
            last = batch.line
    await _note_read(task, _Read(line=last, share=1.0, lines=(), errors=()))


def _batches(task: _Task, path: Path, spool: Spool) -> Iterator[_Read]:
    file = open_contacts(path, filename=task.filename, mapping=task.mapping, region=task.region)
    for items in file:
        rows = [item for item in items if isinstance(item, ContactRow)]
        errors = [item for item in items if isinstance(item, RowError)]
        spool.add(rows)
        yield _Read(
            line=items[-1].line,
            share=min(file.progress, _NOT_QUITE_ALL),
            lines=[row.line for row in rows],
            errors=errors,
        )


async def _note_read(task: _Task, batch: _Read) -> None:
    async with task.db.workspace(task.workspace_id) as tx:
        done = (await _hold(tx, task))["read_line"]
        errors = [error for error in batch.errors if error.line > done]
        rejected = len({error.line for error in errors if error.rejected})
        taken = sum(line > done for line in batch.lines)
        if errors:
            await tx.run(
                SQL["note_errors"],
                import_id=task.import_id,
                lines=[error.line for error in errors],
                headers=[error.column for error in errors],
                values=[error.value for error in errors],
                reasons=[error.reason for error in errors],
                sentences=[error.sentence for error in errors],
                params=[json.dumps(dict(error.params), default=str) for error in errors],
                rejected=[error.rejected for error in errors],
            )
        await tx.run(
            SQL["note_read"],
            import_id=task.import_id,
            rows=taken + rejected,
            rejected=rejected,
            line=batch.line,
            share=batch.share,
        )


async def _merge(task: _Task, spool: Spool) -> None:
    """Bring the people into the base."""
    async with task.db.workspace(task.workspace_id) as tx:
        done = (await _hold(tx, task))["applied_line"]
    people = spool.people(after=done, at_once=task.people_at_once)
    merged, refresh_at = 0, 1
    async with aclosing(_ahead(map(_staged, people))) as batches:
        async for batch in batches:
            await _merge_batch(task, batch)
            merged += len(batch)
            if merged >= refresh_at:
                await _refresh_statistics(task)
                refresh_at = merged * 4
    if merged:
        await _refresh_statistics(task)


async def _refresh_statistics(task: _Task) -> None:
    """Let the planner know of the new contacts, in a transaction of its own for its locks."""
    async with task.db.workspace(task.workspace_id) as tx:
        await tx.run(SQL["refresh_statistics"])


async def _merge_batch(task: _Task, batch: list[tuple[object, ...]]) -> None:
    async with task.db.workspace(task.workspace_id) as tx:
        # Locked before the import's own row, as the deletion of a list does.
        listed = task.list_id and await tx.one(SQL["hold_list"], list_id=task.list_id)
        done = (await _hold(tx, task))["applied_line"]
        left = [row for row in batch if isinstance(row[0], int) and row[0] > done]
        if not left:
            return
        await tx.run(SQL["one_import_at_a_time"])
        await tx.run(SQL["make_staged"])
        await tx.copy(SQL["fill_staged"], left, _STAGED_TYPES)
        await tx.run(SQL["merge_staged"])
        tagged = any(row[10] for row in left)
        if listed or tagged:
            await tx.run(SQL["find_unchanged"])
        if listed:
            await tx.run(SQL["join_list"], list_id=task.list_id)
        if tagged:
            await tx.run(SQL["add_tags"])
            await tx.run(SQL["tag_staged"])
        await tx.run(SQL["note_merged"], import_id=task.import_id)


async def _hold(tx: Transaction, task: _Task) -> Row:
    """Lock the import's row and say how far it has come.

    Raises:
        ImportGone: It is no longer running.
    """
    row = await tx.one(SQL["hold"], import_id=task.import_id)
    if row is None:
        raise ImportGone
    return row


def _staged(people: Sequence[Person]) -> list[tuple[object, ...]]:
    return [
        (
            row.line,
            row.phone.e164,
            row.phone.key,
            row.name,
            row.email,
            row.condominio,
            row.endereco,
            row.cargo,
            row.timezone,
            msgspec.json.encode(row.custom).decode(),
            row.tags,
            repeats,
            changes,
        )
        for row, repeats, changes in people
    ]


async def _ahead(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """Items made in a thread, each while the one before is being dealt with."""
    end = object()
    making = asyncio.ensure_future(asyncio.to_thread(next, items, end))
    try:
        while (item := await asyncio.shield(making)) is not end:
            making = asyncio.ensure_future(asyncio.to_thread(next, items, end))
            yield item  # type: ignore[misc]  # next gives a T or the mark of the end
    finally:
        # A thread cannot be cancelled, and what it works on is about to be closed.
        await asyncio.wait([making])
        if not making.cancelled():
            making.exception()
