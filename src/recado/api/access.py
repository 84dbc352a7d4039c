"""Who is calling, by API key or by the session of a page, and what the role allows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from recado.domain.errors import Forbidden, Unauthenticated
from recado.domain.ids import UserId, WorkspaceId
from recado.features.users import keys, service
from recado.features.users.roles import Role
from recado.platform import clock
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Access:
    """A caller inside one workspace; ``caller`` names the key or the person."""

    runtime: Runtime
    workspace_id: WorkspaceId
    role: Role
    caller: str

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction inside the caller's workspace."""
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            yield tx


def runtime_of(connection: HTTPConnection) -> Runtime:
    """The process's runtime, as bootstrap has put it on the application."""
    runtime: Runtime = connection.app.state.runtime
    return runtime


_KNOWN = "recado.access"


async def identify(connection: HTTPConnection) -> Access:
    """Read the key or the session of a request or WebSocket, and count a request once.

    Raises:
        Unauthenticated: Neither is there, or it no longer holds.
        TooManyRequests: The caller has made too many.
    """
    known: Access | None = connection.scope.get(_KNOWN)
    if known is not None:
        return known
    access = await _identify(connection)
    if connection.scope["type"] == "http":
        await connection.app.state.quota.count(access.workspace_id, access.caller)
    connection.scope[_KNOWN] = access
    return access


async def _identify(connection: HTTPConnection) -> Access:
    runtime = runtime_of(connection)
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            raise Unauthenticated
        holder = await keys.authenticate(runtime.db, token.strip(), clock.now())
        return Access(runtime, holder.workspace_id, holder.role, f"key:{holder.key_id}")
    session = connection.scope.get("session") or {}
    if "user_id" in session and "workspace_id" in session:
        person = await service.signed_in(
            runtime.db, UserId(session["user_id"]), WorkspaceId(session["workspace_id"])
        )
        if person is not None:
            caller = f"user:{session['user_id']}"
            return Access(runtime, person.workspace_id, person.role, caller)
    raise Unauthenticated


# Says in the API's description how to show a key; it is read and checked by ``identify``.
_KEY = HTTPBearer(auto_error=False, scheme_name="API key", description="A key: rk_…")


def _require(role: Role) -> Callable[..., Awaitable[Access]]:
    async def check(
        connection: HTTPConnection, _shown: Annotated[object, Security(_KEY)]
    ) -> Access:
        access = await identify(connection)
        if not access.role.includes(role):
            raise Forbidden
        return access

    return check


Viewer = Annotated[Access, Depends(_require(Role.VIEWER))]
Operator = Annotated[Access, Depends(_require(Role.OPERATOR))]
Admin = Annotated[Access, Depends(_require(Role.ADMIN))]
