"""Storing a file to be imported, and telling how its import goes."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from psycopg.types.json import Jsonb
from sqlalchemy import select

from recado.domain.errors import NotFound, TooLarge
from recado.domain.ids import ImportId
from recado.features.audiences import lists
from recado.features.contacts.importing.errors import ImportInterrupted
from recado.features.contacts.importing.models import ContactImport
from recado.platform import sql
from recado.platform.postgres import Row, Transaction
from recado.platform.queue import JobQueue

SQL = sql.load(__package__)
JOB: Final = "contacts:import_contacts"
CHUNK_BYTES: Final = 1024 * 1024
LONGEST_FILENAME: Final = 200

Phase = Literal["waiting", "reading", "saving", "ended"]

_READING: Final = 1 / 3  # of the time of an import, about
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


async def store(
    tx: Transaction,
    queue: JobQueue,
    path: Path,
    *,
    filename: str,
    list_name: str | None = None,
    mapping: Mapping[str, str] | None = None,
    most_megabytes: int,
) -> ImportId:
    """Store a file where every worker can read it, and have it imported.

    Args:
        tx: A workspace's transaction; the import exists once it is committed.
        queue: Where the job goes.
        path: The file. It is read now and not needed afterwards.
        filename: As the person knows it.
        list_name: The list on which all its contacts are put, made if there is none.
        mapping: Column → field, name of a custom field, or "" to leave it out.
        most_megabytes: The limit of a file.

    Raises:
        TooLarge: The file is over the limit.
    """
    size = (await asyncio.to_thread(path.stat)).st_size
    if size > most_megabytes * 1024 * 1024:
        raise TooLarge(limit=f"{most_megabytes} MB")
    import_id = ImportId(
        await tx.value(
            SQL["add_import"],
            filename=_tidy(filename),
            size_bytes=size,
            list_id=await lists.ensure(tx, list_name) if list_name else None,
            mapping=Jsonb(dict(mapping or {})),
        )
    )
    await _store_chunks(tx, import_id, path)
    await queue.defer(tx, JOB, workspace_id=int(tx.workspace_id), import_id=int(import_id))
    return import_id


async def get(tx: Transaction, import_id: ImportId) -> ContactImport:
    """One import.

    Raises:
        NotFound: The workspace has no such import.
    """
    found = await tx.session.get(ContactImport, (tx.workspace_id, import_id))
    if found is None:
        raise NotFound("import")
    return found


async def page(tx: Transaction, *, before: int | None, limit: int) -> list[ContactImport]:
    """Imports with ids under ``before``, newest first."""
    statement = select(ContactImport).order_by(ContactImport.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(ContactImport.id < before)
    return list(await tx.session.scalars(statement))


async def errors(tx: Transaction, import_id: ImportId, *, after: int, limit: int) -> list[Row]:
    """What is wrong with the file's lines, in their order, for ids over ``after``.

    Returns:
        Rows of ``id, line, column, value, reason, sentence, params, rejected``.
    """
    return await tx.all(SQL["errors"], import_id=import_id, after=after, at_most=limit)


def phase(each: ContactImport) -> Phase:
    """What is being done."""
    if each.status == "pending":
        return "waiting"
    if each.status == "running":
        return "reading" if each.read_share < 1 else "saving"
    return "ended"


def progress(each: ContactImport) -> float:
    """How much is done, from 0 to 1."""
    if each.status == "completed":
        return 1.0
    good = each.total - each.rejected
    saved = each.created + each.updated + each.skipped
    saved_share = saved / good if good else 0.0
    return round(_READING * each.read_share + (1 - _READING) * saved_share, 4)


async def abandon_unworked(tx: Transaction) -> int:
    """Fail the imports whose job is gone for good; needs a system transaction.

    Returns:
        How many there were.
    """
    unfinished = await tx.all(SQL["unfinished"])
    if not unfinished:
        return 0
    # Jobs are read after the imports: each import was committed together with its job.
    async with tx.taking("recado_jobs", schema="procrastinate"):
        jobs = await tx.all(SQL["with_a_job"], task=JOB)
    worked = {job["import_id"] for job in jobs}
    abandoned = 0
    for each in unfinished:
        if each["id"] not in worked:
            abandoned += await tx.run(
                SQL["abandon"],
                workspace_id=each["workspace_id"],
                import_id=each["id"],
                code=ImportInterrupted.code,
                sentence=ImportInterrupted.sentence,
            )
    return abandoned


async def _store_chunks(tx: Transaction, import_id: ImportId, path: Path) -> None:
    with await asyncio.to_thread(path.open, "rb") as file:
        position = 0
        while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
            await tx.run(SQL["add_chunk"], import_id=import_id, position=position, data=data)
            position += 1


def _tidy(filename: str) -> str:
    """The file's own name, without the folders that some browsers send along."""
    name = _UNPRINTABLE.sub("", filename).replace("\\", "/").rsplit("/", 1)[-1].strip()
    return name[-LONGEST_FILENAME:] or "contacts"
