"""Limits on what callers may send."""

from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LARGEST_BODY = 1024 * 1024  # bytes, of JSON
UPLOADS = frozenset({"/api/v1/contacts/import"})  # these count for themselves, while receiving


class BodyLimit:
    """Refuses bodies over 1 MB everywhere but where files are uploaded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limited = RequestBodyLimitMiddleware(app, max_body_size=LARGEST_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app if scope.get("path") in UPLOADS else self._limited
        await app(scope, receive, send)
