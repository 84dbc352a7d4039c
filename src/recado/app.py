"""The web process: webhooks first and raw, then the API, then the pages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from recado import __version__
from recado.api import (
    callbacks,
    campaign_settings,
    campaigns,
    channel_login,
    channel_provider,
    channels,
    consent_settings,
    contacts,
    conversations,
    dead_letters,
    errors,
    health,
    imports,
    lists,
    live,
    notifications,
    number_checks,
    preflight,
    presets,
    rate_limits,
    workspaces,
)
from recado.api.limits import BodyLimit
from recado.api.quota import Quota
from recado.api.webhooks import WebhookBranch
from recado.bootstrap import open_runtime
from recado.domain.errors import NotFound
from recado.features.reports.live import LiveHub
from recado.platform import logging, settings
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport
from recado.web.routes import browser_middleware, create_web_app

RESOURCES = (
    *(
        campaigns,
        preflight,
        dead_letters,
        campaign_settings,
        consent_settings,
        presets,
        rate_limits,
        channels,
        channel_login,
        channel_provider,
        callbacks,
        number_checks,
        contacts,
        conversations,
        imports,
        lists,
    ),
    *(live, notifications, workspaces, health),
)


def create() -> ASGIApp:
    """The application as uvicorn's factory makes it, from the environment."""
    logging.configure()
    return create_app(open_runtime())


def create_app(runtime: Runtime) -> ASGIApp:
    """The application on an open runtime."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        transport = AiohttpTransport()
        app.state.transport = transport
        telling = asyncio.create_task(app.state.live.run(), name="live progress")
        yield
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        await transport.close()
        await runtime.close()

    web = settings.web()
    app = FastAPI(
        title="Recado",
        version=__version__,
        summary="WhatsApp campaigns at a pace that never breaks a limit.",
        responses=errors.RESPONSES,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=browser_middleware(
            secret=runtime.sealer.session_secret, secure=web.secure_cookies
        ),
    )
    app.state.runtime = runtime
    app.state.live = LiveHub(runtime)
    app.state.quota = Quota(runtime.redis, web.api_per_minute)
    errors.install(app)
    for resource in RESOURCES:
        app.include_router(resource.router)
    pages = create_web_app(runtime)

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            raise NotFound
        await pages(scope, receive, send)

    # Not a mount: it would match every address, and a wrong method would look like a wrong page.
    app.router.default = elsewhere
    return WebhookBranch(BodyLimit(app), runtime)
