"""What protects a person's browser: headers, and the refusal of requests other sites cause."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from recado.platform.i18n import mark

SESSION_COOKIE: Final = "recado_session"

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})  # "none": typed in, or a bookmark

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

# Swagger UI sets style attributes and draws its arrows from data: addresses.
_DOCS_POLICY: Final = {
    **_POLICY,
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
}

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

CROSS_SITE = mark("This request came from another site and was refused. Open the page and repeat.")


def policy(directives: dict[str, str] | None = None) -> str:
    """A Content-Security-Policy header; without directives that of all our own pages."""
    return "; ".join(f"{name} {value}" for name, value in (directives or _POLICY).items())


def docs_policy() -> str:
    """The policy of the page that shows the API's description."""
    return policy(_DOCS_POLICY)


class SecurityHeaders:
    """Sets the headers on every response that has not set its own."""

    def __init__(self, app: ASGIApp, *, secure: bool = False) -> None:
        self.app = app
        self.headers = {**_HEADERS, "Content-Security-Policy": policy()}
        if secure:
            self.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


class SameOrigin:
    """Refuses what another site makes a browser send: changes, and WebSockets.

    A browser says where a request comes from (Sec-Fetch-Site, or Origin in old ones) and no page
    can forge it. A caller that says neither is no browser: it may pass unless it brings a session.
    A caller with an Authorization header shows its key, which no browser adds by itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _harmless(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008)(scope, receive, send)
        else:
            await PlainTextResponse(CROSS_SITE, status_code=403)(scope, receive, send)


def _harmless(scope: Scope) -> bool:
    if scope["type"] == "http" and scope["method"] in _SAFE:
        return True
    headers = Headers(scope=scope)
    if "authorization" in headers:
        return True
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in _OWN_SITES
    if origin is not None:
        return urlsplit(origin).netloc in _hosts(headers)
    return f"{SESSION_COOKIE}=" not in headers.get("cookie", "")


def _hosts(headers: Headers) -> Iterable[str]:
    """The names under which this request reached us, a proxy's included."""
    return [host.strip() for name in ("host", "x-forwarded-host") for host in headers.getlist(name)]
