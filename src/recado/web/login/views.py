"""Signing in and out."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from recado.domain.errors import RecadoError, TooManyRequests
from recado.features.users import service as users
from recado.features.users.service import WrongLogin
from recado.web.login import attempts
from recado.web.templating import language_of, render
from recado.web.visit import remember, runtime_of

HOME = "/campaigns"


async def show(request: Request) -> Response:
    """The form; somebody already signed in is sent on."""
    if "user_id" in request.session:
        return RedirectResponse(_target(request.query_params.get("next")), status_code=303)
    return render(request, "login/login.html", email="", next=request.query_params.get("next"))


async def sign_in(request: Request) -> Response:
    """Check what the form says; a wrong answer shows the form again with the e-mail kept."""
    form = await request.form()
    # PostgreSQL has no text with a NUL in it, and nobody an e-mail.
    email = str(form.get("email", "")).replace("\0", "")
    password = str(form.get("password", ""))
    runtime = runtime_of(request)
    address = request.client.host if request.client else ""
    try:
        await attempts.check(runtime.redis, email=email, address=address)
        person = await users.sign_in(runtime.db, email=email, password=password)
    except WrongLogin as error:
        await attempts.failed(runtime.redis, email=email, address=address)
        return _again(request, error, HTTPStatus.UNPROCESSABLE_ENTITY, email)
    except TooManyRequests as error:
        return _again(request, error, HTTPStatus.TOO_MANY_REQUESTS, email)
    await attempts.succeeded(runtime.redis, email=email)
    remember(request.session, person)
    return RedirectResponse(_target(form.get("next")), status_code=303)


async def sign_out(request: Request) -> Response:
    """End the session."""
    request.session.clear()
    return RedirectResponse("/login", status_code=303)


def _again(request: Request, error: RecadoError, status: HTTPStatus, email: str) -> Response:
    headers = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    return render(
        request,
        "login/login.html",
        status=status,
        headers=headers,
        email=email,
        next=request.query_params.get("next"),
        error=language_of(request).error(error),
    )


def _target(wanted: object) -> str:
    """Where to go after signing in: a path of ours, never another site's address."""
    path = wanted if isinstance(wanted, str) else ""
    inside = path.startswith("/") and not path.startswith(("//", "/\\", "/login"))
    return path if inside and path.isprintable() else HOME


def routes() -> list[Route]:
    """The addresses of this page."""
    return [
        Route("/login", show, methods=["GET"]),
        Route("/login", sign_in, methods=["POST"]),
        Route("/logout", sign_out, methods=["POST"]),
    ]
