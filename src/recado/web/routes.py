"""All pages as one application, to stand behind the API under the same address."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from recado.platform.runtime import Runtime
from recado.web import assets
from recado.web.campaigns import views as campaigns
from recado.web.channels import views as channels
from recado.web.docs import views as docs
from recado.web.errors import handlers
from recado.web.login import views as login
from recado.web.security import SESSION_COOKIE, SameOrigin, SecurityHeaders

LARGEST_FORM = 64 * 1024
"""Bytes; no page takes a file."""

SESSION_LASTS = 14 * 24 * 3600
"""Seconds from the last sign-in."""


def browser_middleware(*, secret: str, secure: bool) -> list[Middleware]:
    """What the whole application needs once browsers come to it, the API included.

    Args:
        secret: Signs the session's cookie; a changed one signs everybody out.
        secure: Served by HTTPS alone: cookies travel no other way, and browsers are told so.

    """
    return [
        Middleware(SecurityHeaders, secure=secure),
        Middleware(SameOrigin),
        Middleware(
            SessionMiddleware,
            secret_key=secret,
            session_cookie=SESSION_COOKIE,
            max_age=SESSION_LASTS,
            same_site="lax",
            https_only=secure,
        ),
    ]


def create_web_app(runtime: Runtime) -> Starlette:
    """The pages, as an application to mount at ``/`` after everything else.

    It expects ``browser_middleware`` around it.
    """
    app = Starlette(
        routes=[
            Route("/", _home, methods=["GET"]),
            *login.routes(),
            *campaigns.routes(),
            *channels.routes(),
            *docs.routes(),
            Mount(assets.PREFIX, GZipMiddleware(assets.AssetFiles())),
        ],
        exception_handlers=handlers(),
        max_body_size=LARGEST_FORM,
    )
    app.state.runtime = runtime
    return app


async def _home(request: Request) -> Response:
    del request
    return RedirectResponse("/campaigns", status_code=303)
