"""Making things for tests, one function a thing, each with sensible values of its own."""

import itertools

from recado.domain.ids import ChannelId, ContactId, DeliveryId, WorkspaceId
from recado.features.channels.models import Channel
from recado.features.channels.service import create as create_channel
from recado.features.users import keys
from recado.features.users import service as users
from recado.features.users.roles import Role
from recado.features.workspaces import service as workspaces
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

_numbers = itertools.count(1)


async def workspace(runtime: Runtime, name: str = "Condomínios Reunidos") -> WorkspaceId:
    """A fresh tenant."""
    async with runtime.db.system() as tx:
        made = await workspaces.create(tx, name=f"{name} {next(_numbers)}")
        return WorkspaceId(made.id)


async def api_key(runtime: Runtime, workspace_id: WorkspaceId, role: Role = Role.OWNER) -> str:
    """A key's text."""
    async with runtime.db.workspace(workspace_id) as tx:
        _, text = await keys.create(tx, name="test", role=role)
        return text


async def user(
    runtime: Runtime, workspace_id: WorkspaceId, role: Role = Role.OWNER
) -> tuple[str, str]:
    """E-mail and password of a new member."""
    email, password = f"pessoa{next(_numbers)}@example.org", "uma senha de teste"
    async with runtime.db.system() as tx:
        made = await users.create(tx, email=email, password=password, name="Pessoa de Teste")
        await users.join(tx, user_id=made.id, workspace_id=workspace_id, role=role)
    return email, password


async def simulator_channel(
    runtime: Runtime, transport: Transport, workspace_id: WorkspaceId, name: str = "simulador"
) -> Channel:
    """A channel on the running simulator."""
    async with runtime.db.workspace(workspace_id) as tx:
        return await create_channel(
            tx, runtime, transport, name=name, provider="simulator", config={}
        )


async def bare_channel(runtime: Runtime, workspace_id: WorkspaceId) -> ChannelId:
    """A channel row that no provider knows, for tests that send nothing."""
    async with runtime.db.workspace(workspace_id) as tx:
        number = next(_numbers)
        made = await tx.value(
            "INSERT INTO channel (workspace_id, name, provider, key, secrets, status)"
            " VALUES (%(workspace_id)s, %(name)s, 'simulator', %(key)s, %(secrets)s, 'connected')"
            " RETURNING id",
            workspace_id=workspace_id,
            name=f"canal {number}",
            key=f"key-{number}",
            secrets=runtime.sealer.seal({"phone_number_id": f"{10**14 + number}"}),
        )
    return ChannelId(made)


def phone(number: int | None = None) -> str:
    """A generated Brazilian mobile, different at every call without a number."""
    return f"+5531{9_0000_0000 + (next(_numbers) if number is None else number):09d}"


async def contacts(runtime: Runtime, workspace_id: WorkspaceId, count: int) -> list[ContactId]:
    """So many generated contacts."""
    phones = [phone() for _ in range(count)]
    async with runtime.db.workspace(workspace_id) as tx:
        rows = await tx.all(
            "INSERT INTO contact (workspace_id, name, phone, phone_key, condominio)"
            " SELECT %(workspace_id)s, 'Pessoa ' || n, p, ltrim(p, '+'), 'Jardim ' || n %% 7"
            " FROM unnest(%(phones)s::text[]) WITH ORDINALITY AS t (p, n) RETURNING id",
            workspace_id=workspace_id,
            phones=phones,
        )
    return [ContactId(row["id"]) for row in rows]


async def failed_delivery(tx: Transaction, channel: ChannelId, contact: ContactId) -> DeliveryId:
    """A delivery that ended failed after one attempt, in a completed campaign of its own."""
    campaign = await tx.value(
        "INSERT INTO campaign (workspace_id, name, status, content, audience)"
        " VALUES (current_workspace_id(), 'Falhou', 'completed', '{}', '{}') RETURNING id"
    )
    run = await tx.value(
        "INSERT INTO run (workspace_id, campaign_id, number, status)"
        " VALUES (current_workspace_id(), %(campaign)s, 1, 'completed') RETURNING id",
        campaign=campaign,
    )
    delivery = await tx.value(
        "INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
        " SELECT workspace_id, %(run)s, id, phone, phone_key, 'failed' FROM contact"
        " WHERE id = %(contact)s RETURNING id",
        run=run,
        contact=contact,
    )
    await tx.run(
        "INSERT INTO attempt"
        " (workspace_id, delivery_id, part, number, channel_id, status, lease, ended_at)"
        " VALUES"
        " (current_workspace_id(), %(delivery)s, 1, 1, %(channel)s, 'refused', '1:x', now())",
        delivery=delivery,
        channel=channel,
    )
    return DeliveryId(delivery)
