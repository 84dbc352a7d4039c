"""Imports of contact files: starting one, following it, and what was wrong with the file."""

import csv
import io
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, Json, ValidationError
from starlette.status import HTTP_202_ACCEPTED

from recado.api import paging, uploads
from recado.api.access import Access, Operator, Viewer
from recado.api.idempotency import (
    ABANDONED_AFTER,
    HEADER,
    LONGEST_KEY,
    REPLAYED,
    KeyReused,
    KeyTooLong,
)
from recado.domain.errors import InvalidInput
from recado.domain.ids import ImportId
from recado.features.contacts.importing import service
from recado.features.contacts.importing.models import ContactImport
from recado.features.contacts.schemas import Label
from recado.features.settings import idempotency
from recado.platform import i18n, settings
from recado.platform.postgres import Row, Transaction

LARGEST_ID = 2**63 - 1
ERRORS_SHOWN = 100
ERRORS_AT_ONCE = 5_000

router = APIRouter(prefix="/api/v1", tags=["imports"])

Translate = Callable[[str], str]
Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV or XLSX with a line of headers",
                        },
                        "list": {
                            "type": "string",
                            "description": "the list for its contacts, made if there is none",
                        },
                        "mapping": {
                            "type": "string",
                            "description": (
                                "a JSON object, column → field, name of a custom field, or an"
                                " empty text to leave the column out; columns that it does not"
                                " name are recognised by their headers"
                            ),
                            "examples": ['{"Fone comercial": "telefone", "Bloco": "bloco"}'],
                        },
                    },
                }
            }
        },
    }
}


class Options(BaseModel):
    """What may come along with a file."""

    list: Label | None = None
    mapping: Json[dict[Annotated[str, Field(max_length=200)], str]] | None = None


class ImportStarted(BaseModel):
    """The import that has been started."""

    id: int


class LineError(BaseModel):
    """What is wrong with a line of the file."""

    line: int = Field(description="of the file, from 1")
    column: str = Field(description="its header; empty where the line as a whole is meant")
    value: str = Field(description="the cell as it stands in the file, shortened")
    reason: str = Field(description="a code")
    message: str
    rejected: bool = Field(description="false where the contact was taken all the same")


class FileFailure(BaseModel):
    """Why an import failed as a whole."""

    code: str
    message: str


class ImportShown(BaseModel):
    """How an import goes. At its end total = created + updated + skipped + rejected."""

    id: int
    filename: str
    list_id: int | None
    status: Literal["pending", "running", "completed", "failed"]
    phase: service.Phase
    progress: float = Field(description="from 0 to 1")
    total: int = Field(description="rows read so far")
    created: int
    updated: int
    skipped: int = Field(description="rows that brought nothing new")
    rejected: int = Field(description="rows that are no contact; each is among the errors")
    error: FileFailure | None = Field(description="why it failed")
    errors_url: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ImportInFull(ImportShown):
    """An import with the first errors of its file."""

    errors: list[LineError] = Field(description="the first 100; errors_url has all")


@router.post("/contacts/import", status_code=HTTP_202_ACCEPTED, openapi_extra=_BODY)
async def import_contacts(access: Operator, request: Request, response: Response) -> ImportStarted:
    """Import a file of contacts in the background; duplicates are updated or skipped."""
    most = settings.web().max_upload_mb
    key = request.headers.get(HEADER)
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise KeyTooLong
    async with uploads.receive(request, most_megabytes=most) as upload:
        options = _options(upload.fields)
        async with access.transaction() as tx:
            if key is not None and (earlier := await _earlier(tx, key, upload.digest)) is not None:
                response.headers.update(REPLAYED)
                return earlier
            import_id = await service.store(
                tx,
                access.runtime.queue,
                upload.path,
                filename=upload.filename,
                list_name=options.list,
                mapping=options.mapping,
                most_megabytes=most,
            )
            started = ImportStarted(id=import_id)
            if key is not None:
                await idempotency.finish(tx, key, HTTP_202_ACCEPTED, started.model_dump())
    return started


async def _earlier(tx: Transaction, key: str, digest: bytes) -> ImportStarted | None:
    """What the same upload under the same key was answered with.

    An upload has a boundary of its own each time, so its body as a whole proves nothing.
    """
    earlier = await idempotency.begin(tx, key, digest, abandoned_after=ABANDONED_AFTER)
    if earlier is None:
        return None
    if earlier["request_hash"] != digest:
        raise KeyReused
    return ImportStarted.model_validate(earlier["response"])


@router.get("/imports")
async def list_imports(
    access: Viewer, request: Request, limit: paging.Limit = 50, cursor: str | None = None
) -> paging.Page[ImportShown]:
    """Imports, newest first."""
    async with access.transaction() as tx:
        found = await service.page(tx, before=paging.decode(cursor), limit=limit + 1)
    return paging.Page(
        items=[ImportShown(**_figures(each, _translate(request))) for each in found[:limit]],
        next_cursor=paging.encode(found[limit - 1].id) if len(found) > limit else None,
    )


@router.get("/imports/{import_id}")
async def get_import(access: Viewer, request: Request, import_id: Id) -> ImportInFull:
    """How an import goes."""
    async with access.transaction() as tx:
        found = await service.get(tx, ImportId(import_id))
        errors = await service.errors(tx, ImportId(import_id), after=0, limit=ERRORS_SHOWN)
    translate = _translate(request)
    return ImportInFull(
        **_figures(found, translate), errors=[_line_error(error, translate) for error in errors]
    )


@router.get("/imports/{import_id}/errors.csv", response_class=StreamingResponse)
async def get_import_errors(access: Viewer, request: Request, import_id: Id) -> StreamingResponse:
    """All errors of an import's file, as CSV."""
    async with access.transaction() as tx:
        await service.get(tx, ImportId(import_id))
    return StreamingResponse(
        _errors_csv(access, ImportId(import_id), _translate(request)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{import_id}-errors.csv"'},
    )


def _options(fields: dict[str, str]) -> Options:
    given = {name: fields[name] for name in ("list", "mapping") if fields.get(name, "").strip()}
    try:
        return Options.model_validate(given)
    except ValidationError as error:
        problems = {str(each["loc"][0]): each["msg"] for each in error.errors()}
        raise InvalidInput(fields=problems) from error


def _translate(request: Request) -> Translate:
    chosen = i18n.negotiate(accept_language=request.headers.get("accept-language"))
    return i18n.translator(chosen).gettext


def _figures(each: ContactImport, translate: Translate) -> dict[str, Any]:
    return {
        "id": each.id,
        "filename": each.filename,
        "list_id": each.list_id,
        "status": each.status,
        "phase": service.phase(each),
        "progress": service.progress(each),
        "total": each.total,
        "created": each.created,
        "updated": each.updated,
        "skipped": each.skipped,
        "rejected": each.rejected,
        "error": _failure(each, translate),
        "errors_url": f"/api/v1/imports/{each.id}/errors.csv",
        "created_at": each.created_at,
        "started_at": each.started_at,
        "finished_at": each.finished_at,
    }


def _failure(each: ContactImport, translate: Translate) -> FileFailure | None:
    if each.error_code is None or each.error_sentence is None:
        return None
    return FileFailure(
        code=each.error_code,
        message=translate(each.error_sentence).format(**each.error_params),
    )


def _line_error(row: Row, translate: Translate) -> LineError:
    return LineError(
        line=row["line"],
        column=row["column"],
        value=row["value"],
        reason=row["reason"],
        message=translate(row["sentence"]).format(**row["params"]),
        rejected=row["rejected"],
    )


_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[\d\s().-]+")


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; phone numbers stay as they are."""
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


async def _errors_csv(
    access: Access, import_id: ImportId, translate: Translate
) -> AsyncIterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["line", "column", "value", "reason", "message", "rejected"])
    after = 0
    while True:
        async with access.transaction() as tx:
            errors = await service.errors(tx, import_id, after=after, limit=ERRORS_AT_ONCE)
        for error in (_line_error(row, translate) for row in errors):
            writer.writerow(
                [
                    error.line,
                    _safe(error.column),
                    _safe(error.value),
                    error.reason,
                    _safe(error.message),
                    "yes" if error.rejected else "no",
                ]
            )
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
        if len(errors) < ERRORS_AT_ONCE:
            return
        after = errors[-1]["id"]
