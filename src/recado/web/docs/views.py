"""The API's description, drawn by Swagger UI."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recado.web.security import docs_policy
from recado.web.templating import render


async def show(request: Request) -> Response:
    """The page; it reads ``/openapi.json`` by itself."""
    headers = {"Content-Security-Policy": docs_policy()}
    return render(request, "docs/docs.html", headers=headers)


def routes() -> list[Route]:
    """The address of this page."""
    return [Route("/docs", show, methods=["GET"])]
