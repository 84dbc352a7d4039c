"""What a person sees when something goes wrong, as a page or as a notice on the page."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from recado.domain.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RecadoError,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from recado.web.templating import language_of, render

_log = logging.getLogger(__name__)

_STATUS: Mapping[type[RecadoError], HTTPStatus] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_WITH_A_PAGE = {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


def status_of(error: RecadoError) -> HTTPStatus:
    """The HTTP status of the nearest class of the hierarchy."""
    return next((_STATUS[kind] for kind in type(error).mro() if kind in _STATUS), _UNKNOWN)


_UNKNOWN = HTTPStatus.INTERNAL_SERVER_ERROR


def handlers() -> dict[Any, Callable[[Request, Any], Any]]:
    """What to give Starlette as its exception handlers."""
    return {RecadoError: _known, HTTPException: _http, Exception: _unknown}


async def _known(request: Request, error: RecadoError) -> Response:
    status = status_of(error)
    headers = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    return _answer(request, status, sentence=language_of(request).error(error), headers=headers)


async def _http(request: Request, error: HTTPException) -> Response:
    return _answer(request, HTTPStatus(error.status_code), headers=error.headers)


async def _unknown(request: Request, error: Exception) -> Response:
    _log.error("a page failed", exc_info=error, extra={"path": request.url.path})
    return _answer(request, _UNKNOWN)


def _answer(
    request: Request,
    status: HTTPStatus,
    *,
    sentence: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A notice for the page that asked by script, otherwise a page of its own."""
    kind = status if status in _WITH_A_PAGE else _UNKNOWN
    if "hx-request" in request.headers:
        notice = {"HX-Retarget": "#notices", "HX-Reswap": "innerHTML", **(headers or {})}
        return render(
            request, "layout/notice.html", status=status, headers=notice, sentence=sentence
        )
    return render(
        request,
        "layout/error.html",
        status=status,
        headers=headers,
        code=status.value,
        kind=kind.value,
        sentence=sentence,
    )
