"""Errors → HTTP, in this one place: ``{"error": {"code", "message", "fields"}}``."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from recado.domain import errors
from recado.domain.errors import RecadoError
from recado.features.campaigns.schemas import UNNAMED
from recado.platform import i18n, logging, outages
from recado.platform.i18n import mark
from recado.platform.postgres import DATABASE_AWAY

log = logging.get(__name__)

STATUSES: list[tuple[type[RecadoError], int]] = [
    (errors.InvalidInput, 422),
    (errors.BadRequest, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.TooLarge, 413),
    (errors.TooManyRequests, 429),
    (errors.Unavailable, 503),
]
_BY_STATUS: dict[int, type[RecadoError]] = {status: kind for kind, status in STATUSES}


# What pydantic says most often, for translation; its other words stay as they are.
_PREFIX = "Value error, "
_OFTEN = (
    mark("Field required"),
    mark("Extra inputs are not permitted"),
    mark("Input should be a valid string"),
    mark("Input should be a valid integer"),
    mark("Input should be a valid dictionary"),
    mark("Input should be a valid list"),
    mark("String should have at least 1 character"),
)


class Problem(BaseModel):
    """What is wrong and what to do next, in the caller's language."""

    code: str = Field(description="stable, for programs")
    message: str
    fields: dict[str, str] | None = Field(None, description="path of each wrong field → why")


class ErrorShown(BaseModel):
    """Every error's shape."""

    error: Problem


# What the description of the API says of every address.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorShown, "description": "The request is refused."},
    "503": {"model": ErrorShown, "description": "A server that Recado needs is away."},
}


def status_of(error: RecadoError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def answer(request: Request, error: RecadoError) -> Response:
    """An error as the API tells it, in the caller's language."""
    language = i18n.negotiate(accept_language=request.headers.get("accept-language"))
    translator = i18n.translator(language)
    body: dict[str, object] = {"code": error.code, "message": translator.error(error)}
    if error.fields:
        body["fields"] = {
            path: translator.gettext(why.removeprefix(_PREFIX))
            for path, why in error.fields.items()
        }
    headers = {}
    if isinstance(error, errors.TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    # What a caller sent comes back in fields and messages, half of a surrogate pair included.
    text = json.dumps({"error": body}, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, status_of(error), headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Have every error of the API answered in our shape; never with a stack trace."""
    app.add_exception_handler(RecadoError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in DATABASE_AWAY:
        app.add_exception_handler(kind, _away)
    app.add_exception_handler(Exception, _unexpected)


async def _known(request: Request, error: Exception) -> Response:
    return answer(request, error if isinstance(error, RecadoError) else RecadoError())


async def _invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    if any(problem["type"] == "json_invalid" for problem in found):
        return answer(request, errors.BadRequest())
    fields = {_path(problem["loc"]): str(problem["msg"]) for problem in found}
    return answer(request, errors.InvalidInput(fields=fields))


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such address, a wrong method, too large a body."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    kind = _BY_STATUS.get(status)
    if kind is errors.TooLarge:
        return answer(request, errors.TooLarge(limit="1 MB"))
    if kind is not None and kind is not errors.TooManyRequests:
        return answer(request, kind())
    detail = error.detail if isinstance(error, HTTPException) else ""
    headers = error.headers if isinstance(error, HTTPException) else None
    body = {"code": f"http_{status}", "message": detail}
    return JSONResponse({"error": body}, status, headers=headers)


async def _away(request: Request, error: Exception) -> Response:
    outages.met(error)
    return answer(request, errors.Unavailable())


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error", path=request.url.path, exc_info=error)
    return answer(request, RecadoError())


def _path(location: tuple[int | str, ...]) -> str:
    pieces = [str(piece) for piece in location]
    if pieces and pieces[0] in {"body", "query", "path", "header"}:
        pieces = pieces[1:]
    pieces = [piece for piece in pieces if not piece.startswith(UNNAMED)]
    return ".".join(pieces) or "body"
