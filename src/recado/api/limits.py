"""Limits on what callers may send."""

import re

from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from recado.api import errors
from recado.domain.errors import TooLarge

LARGEST_BODY = 1024 * 1024  # bytes, of JSON
# These count for themselves, while receiving.
UPLOADS = re.compile(r"/api/v1/(contacts/import|channels/[0-9]+/media)", re.ASCII)


class BodyLimit:
    """Refuses bodies over 1 MB everywhere but where files are uploaded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limited = RequestBodyLimitMiddleware(app, max_body_size=LARGEST_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if UPLOADS.fullmatch(path):
            await self._app(scope, receive, send)
        elif path.startswith("/api/") and _announced(scope) > LARGEST_BODY:
            # The middleware would answer in words of its own, and no API speaks two ways.
            answer = errors.answer(Request(scope), TooLarge(limit="1 MB"))
            await answer(scope, receive, send)
        else:
            await self._limited(scope, receive, send)


def _announced(scope: Scope) -> int:
    length = dict(scope.get("headers", ())).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0
