"""The demonstration: a workspace of its own, a channel on the simulator, a campaign to watch."""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from rich.console import Console

from recado.cli import following, installation
from recado.cli.language import language
from recado.domain.errors import NotFound
from recado.domain.ids import CampaignId, WorkspaceId
from recado.features.channels import service as channels
from recado.features.users import keys
from recado.features.users import service as users
from recado.features.users.roles import Role
from recado.features.workspaces import service as workspaces
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport

NAME = "Demonstração"
EMAIL = "demo@recado.example"
CHANNEL = "simulador"
TEXT = (
    "Olá {nome|morador}, tudo bem? Amanhã às 19h30 tem assembleia do {condominio|condomínio}. "
    "Contamos com você!"
)


class ExampleMissing(NotFound):
    code = "example_missing"
    sentence = (
        "The example contacts are not here. Run 'recado up --demo' from the project's folder."
    )


@dataclass(frozen=True, slots=True)
class Access:
    """How to get into the demonstration's workspace."""

    workspace_id: int
    email: str
    password: str
    api_key: str


async def ensure(home: Path, with_channel: bool) -> Access:
    """The demonstration's workspace, made at the first start; the simulator is told its number."""
    async with installation.runtime_here() as runtime:
        access = await _access(runtime, home)
        if with_channel:
            await _connect(runtime, WorkspaceId(access.workspace_id))
        return access


async def _access(runtime: Runtime, home: Path) -> Access:
    path = home / "demo.json"
    if path.exists():
        access = Access(**json.loads(path.read_text()))
        async with runtime.db.system() as tx:
            known = {workspace.id for workspace in await workspaces.everyone(tx)}
        if access.workspace_id in known:
            return access
        path.unlink()  # the data folder was made anew
    password = secrets.token_urlsafe(12)
    async with runtime.db.system() as tx:
        workspace = await workspaces.create(tx, name=NAME)
        user = await users.by_email(tx, EMAIL)
        if user is None:
            user = await users.create(tx, email=EMAIL, password=password, name="Pessoa de teste")
        else:
            await users.set_password(tx, user, password)
        workspace_id = WorkspaceId(workspace.id)
        await users.join(tx, user_id=user.id, workspace_id=workspace_id, role=Role.OWNER)
    async with runtime.db.workspace(workspace_id) as tx:
        _, api_key = await keys.create(tx, name="demo", role=Role.OWNER)
    access = Access(workspace_id, EMAIL, password, api_key)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(access), file)
    return access


async def _connect(runtime: Runtime, workspace_id: WorkspaceId) -> None:
    """The simulator forgets its numbers when it ends: tell it all of them again."""
    async with AiohttpTransport() as transport:
        async with runtime.db.workspace(workspace_id) as tx:
            try:
                await channels.named(tx, CHANNEL)
            except NotFound:
                await channels.create(
                    tx, runtime, transport, name=CHANNEL, provider="simulator", config={}
                )
        await channels.reconnect(runtime, transport, provider="simulator")


async def run(console: Console, tick: Callable[[], None]) -> CampaignId:
    """Import the example contacts, send them the demonstration campaign, and show how it goes."""
    example = example_contacts()
    running_id = json.loads((installation.home() / "demo.json").read_text())["workspace_id"]
    workspace_id = WorkspaceId(running_id)
    async with installation.runtime_here() as runtime:
        console.print(language().gettext("Importing {file} …", file=example.name))
        order = following.Order(
            text=TEXT, channel=CHANNEL, name="Demonstração: assembleia", preset=None
        )
        campaign_id = await following.import_and_start(
            runtime, workspace_id, example, order, console=console, tick=tick
        )
        await following.follow(runtime, workspace_id, campaign_id, console=console, tick=tick)
        return campaign_id


def example_contacts() -> Path:
    """The file of generated contacts, of a checkout or of an installed package."""
    checkout = Path(__file__).parents[3] / "examples" / "contatos.csv"
    for path in (checkout, Path(str(files("recado.cli").joinpath("contatos.csv")))):
        if path.is_file():
            return path
    raise ExampleMissing
