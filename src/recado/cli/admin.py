"""``recado workspace``, ``user`` and ``apikey``: what an installation's owner sets up."""

import sys
from typing import Annotated

import typer

from recado.cli import installation
from recado.domain.errors import InvalidInput
from recado.domain.ids import WorkspaceId
from recado.features.users import keys
from recado.features.users import service as users
from recado.features.users.roles import Role
from recado.features.workspaces import service as workspaces
from recado.platform.runtime import Runtime

workspace = typer.Typer(help="Workspaces.", no_args_is_help=True)
user = typer.Typer(help="Users.", no_args_is_help=True)
apikey = typer.Typer(help="API keys.", no_args_is_help=True)

Workspace = Annotated[str | None, typer.Option(help="Name of the workspace.")]


class UserMissing(InvalidInput):
    code = "user_missing"
    sentence = "There is no user with the e-mail {email}. Make one with 'recado user create'."


class PasswordMissing(InvalidInput):
    code = "password_missing"
    sentence = "There is no password. Write it on standard input, or type it when asked."


@workspace.callback()
def _workspaces() -> None:
    """Workspaces."""


@user.callback()
def _users() -> None:
    """Users."""


@apikey.callback()
def _apikeys() -> None:
    """API keys."""


@workspace.command("create")
def create_workspace(
    name: Annotated[str, typer.Argument(help="For people to recognise it.")],
    country: Annotated[str, typer.Option(help="Of phones without a country code.")] = "BR",
    timezone: Annotated[str, typer.Option(help="Such as America/Sao_Paulo.")] = "America/Sao_Paulo",
) -> None:
    """Add a workspace and print its id."""

    async def work(runtime: Runtime) -> int:
        async with runtime.db.system() as tx:
            made = await workspaces.create(tx, name=name, country=country, timezone=timezone)
            return made.id

    typer.echo(installation.with_runtime(work))


@user.command("create")
def create_user(
    email: Annotated[str, typer.Argument(help="To sign in with.")],
    name: Annotated[str, typer.Option(help="For people to recognise it.")] = "",
    role: Annotated[Role, typer.Option(help="In the workspace.")] = Role.OPERATOR,
    workspace: Workspace = None,
) -> None:
    """Add a member; the password is asked for, or read from standard input."""
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise PasswordMissing

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> int:
        async with runtime.db.system() as tx:
            made = await users.create(tx, email=email, password=password, name=name)
            await users.join(tx, user_id=made.id, workspace_id=workspace_id, role=role)
            return made.id

    typer.echo(installation.in_workspace(workspace, work))


@user.command("join")
def join_workspace(
    email: Annotated[str, typer.Argument(help="Of a user that there is.")],
    role: Annotated[Role, typer.Option(help="In the workspace.")] = Role.OPERATOR,
    workspace: Workspace = None,
) -> None:
    """Make a user a member of a workspace, or change the role there."""

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> int:
        async with runtime.db.system() as tx:
            found = await users.by_email(tx, email)
            if found is None:
                raise UserMissing(email=email)
            await users.join(tx, user_id=found.id, workspace_id=workspace_id, role=role)
            return found.id

    typer.echo(installation.in_workspace(workspace, work))


@apikey.command("create")
def create_apikey(
    name: Annotated[str, typer.Argument(help="For people to recognise it.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.OPERATOR,
    workspace: Workspace = None,
) -> None:
    """Make a key and print it; it is shown this once."""

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> str:
        async with runtime.db.workspace(workspace_id) as tx:
            _, text = await keys.create(tx, name=name, role=role)
            return text

    typer.echo(installation.in_workspace(workspace, work))
