"""Numbers at Meta as a test plays them: what they call with, and deliveries they may speak of."""

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests import factories
from tests.integration.api.product import Api
from yarl import URL

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ChannelId, ContactId, DeliveryId, RunId, WorkspaceId
from recado.platform.runtime import Runtime
from recado.providers.meta import webhook

_numbers = itertools.count(200_000_000_000_001)
ACCOUNT = "300000000000001"


@dataclass(frozen=True, slots=True)
class Number:
    """A number connected to a workspace, and the address that its provider calls."""

    workspace: WorkspaceId
    channel: ChannelId
    phone_number_id: str
    app_secret: str
    verify_token: str
    path: str

    async def call(
        self,
        http: aiohttp.ClientSession,
        body: bytes,
        *,
        secret: str | None = None,
        at: str | None = None,
    ) -> int:
        """Call back with a body, signed with the number's own secret unless another is given."""
        signature = webhook.sign(self.app_secret if secret is None else secret, body)
        headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
        url = URL(at or self.path, encoded=True)
        async with http.post(url, data=body, headers=headers) as answer:
            return answer.status


async def connect(
    api: Api, workspace: WorkspaceId, *, app_secret: str = "segredo", account: str = ACCOUNT
) -> Number:
    """Connect a number that nobody has yet."""
    number = str(next(_numbers))
    config = {
        "phone_number_id": number,
        "waba_id": account,
        "access_token": "token",
        "app_secret": app_secret,
        "verify_token": f"confere-{number}",
        "base_url": "http://127.0.0.1:1",
    }
    wanted = {"name": number, "provider": "meta", "config": config}
    made = await api("POST", "channels", wanted, status=201)
    return Number(
        workspace,
        ChannelId(made["id"]),
        number,
        app_secret,
        config["verify_token"],
        str(URL(made["webhook_url"]).path),
    )


def status(
    word: str, *, reference: str | None = None, provider_id: str = "wamid.X", **more: Any
) -> dict[str, Any]:
    """One reported state of one message."""
    told = {"id": provider_id, "status": word, "timestamp": str(int(time.time())), **more}
    return told if reference is None else {**told, "biz_opaque_callback_data": reference}


def change(number: Number | str, *statuses: Mapping[str, Any]) -> dict[str, Any]:
    """What one number reports."""
    number_id = number if isinstance(number, str) else number.phone_number_id
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "0", "phone_number_id": number_id},
        "statuses": list(statuses),
    }
    return {"field": "messages", "value": value}


def of_account(field: str, **value: Any) -> dict[str, Any]:
    """What is new of an account, which the entry around it names."""
    return {"field": field, "value": value}


def entry(
    *changes: Mapping[str, Any], account: str = ACCOUNT, at: int | None = None
) -> dict[str, Any]:
    """Changes of one account; ``at``: when they were sent, in seconds."""
    told = {"id": account, "changes": list(changes)}
    return told if at is None else {**told, "time": at}


def callback(*entries: Mapping[str, Any]) -> bytes:
    """A callback as Meta posts it."""
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def body(*changes: Mapping[str, Any]) -> bytes:
    """A callback about one account's numbers."""
    return callback(entry(*changes))


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery with its parts, each on its way by a first attempt."""

    id: DeliveryId
    run: RunId
    contact: ContactId
    parts: int

    def reference(self, part: int = 1) -> str:
        return f"{self.id}.{part}.{part}"


async def send(
    runtime: Runtime,
    number: Number,
    state: DeliveryState = DeliveryState.SENDING,
    *,
    parts: int = 1,
) -> Sent:
    """A delivery of a run of its own, all parts of which are in one state."""
    [contact] = await factories.contacts(runtime, number.workspace, 1)
    async with runtime.db.workspace(number.workspace) as tx:
        run = await tx.value(
            "WITH campaign AS (INSERT INTO campaign (workspace_id, name, content, audience)"
            " VALUES (current_workspace_id(), 'x', '{}', '{}') RETURNING id)"
            " INSERT INTO run (workspace_id, campaign_id, number, status)"
            " SELECT current_workspace_id(), id, 1, 'running' FROM campaign RETURNING id"
        )
        delivery = await tx.value(
            "INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status,"
            " channel_id, claims, next_part, parts)"
            " SELECT current_workspace_id(), %(run)s, id, phone, phone_key, %(state)s, %(channel)s,"
            " %(parts)s, %(parts)s, %(parts)s FROM contact WHERE id = %(contact)s RETURNING id",
            run=run,
            state=state.value,
            channel=number.channel,
            contact=contact,
            parts=parts,
        )
        await tx.run(
            "INSERT INTO part (workspace_id, delivery_id, position, status)"
            " SELECT current_workspace_id(), %(delivery)s, n, %(state)s"
            " FROM generate_series(1, %(parts)s) AS n",
            delivery=delivery,
            state=state.value,
            parts=parts,
        )
        await tx.run(
            "INSERT INTO attempt (workspace_id, delivery_id, part, number, channel_id, status,"
            " lease) SELECT current_workspace_id(), %(delivery)s, n, n, %(channel)s, 'claimed', 'x'"
            " FROM generate_series(1, %(parts)s) AS n",
            delivery=delivery,
            channel=number.channel,
            parts=parts,
        )
    return Sent(DeliveryId(delivery), RunId(run), contact, parts)


async def states(runtime: Runtime, number: Number, sent: Sequence[Sent]) -> list[str]:
    """Where deliveries stand."""
    async with runtime.db.workspace(number.workspace) as tx:
        rows = await tx.all(
            "SELECT d.status FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS given (id, place)"
            " JOIN delivery d ON d.id = given.id ORDER BY place",
            ids=[one.id for one in sent],
        )
    return [row["status"] for row in rows]


async def stored(runtime: Runtime, workspace: WorkspaceId) -> list[bytes]:
    """The bodies that are kept for a workspace, in order."""
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all("SELECT body FROM callback ORDER BY id")
    return [bytes(row["body"]) for row in rows]
