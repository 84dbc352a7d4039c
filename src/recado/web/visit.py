"""Who looks at a page: the person of the session, inside a workspace, as of now."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from recado.domain.errors import Forbidden
from recado.domain.ids import UserId, WorkspaceId
from recado.features.channels import service as channels
from recado.features.users import service as users
from recado.features.users.roles import Role
from recado.features.users.service import SignedIn
from recado.features.workspaces import service as workspaces
from recado.platform.runtime import Runtime

View = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A signed-in person and the workspace that the page is about.

    ``evolution``: Evolution API is used, and the person is to be told so: its licence asks that
    administrators see it.
    """

    person: SignedIn
    workspace: str
    timezone: ZoneInfo
    evolution: bool = False

    @property
    def initials(self) -> str:
        """One or two letters that stand for the person: of the first and the last name."""
        words = (self.person.name or self.person.email).split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

    @property
    def operates(self) -> bool:
        """Whether the person may start, pause and cancel."""
        return self.person.role.includes(Role.OPERATOR)


def runtime_of(request: Request) -> Runtime:
    """The process's runtime, as ``create_web_app`` was given it."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def visit_of(request: Request) -> Visit | None:
    """The visit that ``signed_in`` has found, or None on a page that anybody may see."""
    visit: Visit | None = getattr(request.state, "visit", None)
    return visit


def remember(session: dict[str, Any], person: SignedIn) -> None:
    """Begin a session; what an earlier one held is gone."""
    session.clear()
    session.update(user_id=person.user_id, workspace_id=person.workspace_id)


def signed_in(view: View, *, role: Role = Role.VIEWER) -> View:
    """Let only people of at least this role see a view; others are shown the way in.

    Raises:
        Forbidden: Signed in, but of a lesser role.

    """

    async def guarded(request: Request) -> Response:
        visit = await _visit(request)
        if visit is None:
            return _to_login(request)
        request.state.visit = visit
        if not visit.person.role.includes(role):
            raise Forbidden
        return await view(request)

    return guarded


async def _visit(request: Request) -> Visit | None:
    session = request.session
    if "user_id" not in session or "workspace_id" not in session:
        return None
    db = runtime_of(request).db
    person = await users.signed_in(
        db, UserId(session["user_id"]), WorkspaceId(session["workspace_id"])
    )
    if person is None:
        session.clear()
        return None
    async with db.workspace(person.workspace_id) as tx:
        workspace = await workspaces.current(tx)
        told = person.role.includes(Role.ADMIN)
        evolution = told and await channels.has_provider(tx, "evolution")
    return Visit(person, workspace.name, ZoneInfo(workspace.timezone), evolution)


def _to_login(request: Request) -> Response:
    if "hx-request" in request.headers:
        # A redirect would be followed by the script and swapped into a corner of the page.
        came_from = request.headers.get("hx-current-url", "/")
        path = "/" + came_from.split("://", 1)[-1].partition("/")[2]
        return Response(headers={"HX-Redirect": f"/login?next={quote(path)}"})
    address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/login" if request.url.path == "/" else f"/login?next={quote(address)}"
    return RedirectResponse(target, status_code=303)
