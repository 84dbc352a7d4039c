"""Who may call what: keys, roles, and ids that belong to somebody else. Walks the description."""

import re
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.features.inbox import outgoing
from recado.features.notifications.kinds import Kind
from recado.features.notifications.service import notify
from recado.features.users.roles import Role
from recado.platform.runtime import Runtime

PUBLIC = {"/healthz", "/readyz"}
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN
# What each change needs; reading needs a viewer, but for what is listed here.
NEEDED = {
    ("POST", "/api/v1/campaigns"): OPERATOR,
    ("POST", "/api/v1/campaigns/{campaign_id}/preflight"): VIEWER,
    ("PATCH", "/api/v1/campaigns/{campaign_id}"): OPERATOR,
    ("DELETE", "/api/v1/campaigns/{campaign_id}"): OPERATOR,
    ("POST", "/api/v1/campaigns/{campaign_id}/start"): OPERATOR,
    ("POST", "/api/v1/campaigns/{campaign_id}/pause"): OPERATOR,
    ("POST", "/api/v1/campaigns/{campaign_id}/resume"): OPERATOR,
    ("POST", "/api/v1/campaigns/{campaign_id}/cancel"): OPERATOR,
    ("POST", "/api/v1/channels"): ADMIN,
    ("PATCH", "/api/v1/channels/{channel_id}"): ADMIN,
    ("DELETE", "/api/v1/channels/{channel_id}"): ADMIN,
    ("POST", "/api/v1/channels/{channel_id}/check"): ADMIN,
    ("POST", "/api/v1/channels/{channel_id}/login"): ADMIN,
    ("GET", "/api/v1/channels/{channel_id}/login"): ADMIN,
    ("POST", "/api/v1/channels/{channel_id}/logout"): ADMIN,
    ("POST", "/api/v1/channels/{channel_id}/media"): OPERATOR,
    ("POST", "/api/v1/contacts"): OPERATOR,
    ("PATCH", "/api/v1/contacts/{contact_id}"): OPERATOR,
    ("DELETE", "/api/v1/contacts/{contact_id}"): OPERATOR,
    ("POST", "/api/v1/contacts/{contact_id}/opt-out"): OPERATOR,
    ("POST", "/api/v1/contacts/{contact_id}/opt-in"): OPERATOR,
    ("POST", "/api/v1/contacts/import"): OPERATOR,
    ("POST", "/api/v1/contacts/checks"): OPERATOR,
    ("GET", "/api/v1/callbacks"): ADMIN,
    ("POST", "/api/v1/callbacks/replay"): ADMIN,
    ("POST", "/api/v1/contacts/checks/{check_id}/cancel"): OPERATOR,
    ("POST", "/api/v1/conversations/{conversation_id}/messages"): OPERATOR,
    ("POST", "/api/v1/conversations/{conversation_id}/read"): OPERATOR,
    ("POST", "/api/v1/lists"): OPERATOR,
    ("DELETE", "/api/v1/lists/{list_id}"): OPERATOR,
    ("POST", "/api/v1/lists/{list_id}/contacts"): OPERATOR,
    ("DELETE", "/api/v1/lists/{list_id}/contacts"): OPERATOR,
    ("POST", "/api/v1/dead-letters/{delivery_id}/retry"): OPERATOR,
    ("POST", "/api/v1/dead-letters/{delivery_id}/discard"): OPERATOR,
    ("POST", "/api/v1/dead-letters/retry"): OPERATOR,
    ("POST", "/api/v1/dead-letters/discard"): OPERATOR,
    ("POST", "/api/v1/notifications/{notification_id}/read"): OPERATOR,
    ("POST", "/api/v1/notifications/read"): OPERATOR,
    ("GET", "/api/v1/notifications/secret"): ADMIN,
    ("PUT", "/api/v1/rate-limits"): ADMIN,
    ("PUT", "/api/v1/settings/campaigns"): ADMIN,
    ("PUT", "/api/v1/settings/consent"): ADMIN,
    ("PUT", "/api/v1/settings/presets/{name}"): ADMIN,
    ("DELETE", "/api/v1/settings/presets/{name}"): ADMIN,
    ("GET", "/api/v1/api-keys"): ADMIN,
    ("POST", "/api/v1/api-keys"): ADMIN,
    ("DELETE", "/api/v1/api-keys/{key_id}"): ADMIN,
}
BODIES: dict[tuple[str, str], object] = {
    ("PATCH", "/api/v1/channels/{channel_id}"): {"name": "novo"},
    ("PATCH", "/api/v1/contacts/{contact_id}"): {"name": "Novo"},
    ("PATCH", "/api/v1/campaigns/{campaign_id}"): {"name": "Nova"},
    ("POST", "/api/v1/conversations/{conversation_id}/messages"): {"type": "text", "text": "Oi"},
    ("PUT", "/api/v1/settings/presets/{name}"): {"perMinute": 5},
    ("POST", "/api/v1/lists/{list_id}/contacts"): {"contact_ids": [1]},
    ("DELETE", "/api/v1/lists/{list_id}/contacts"): {"contact_ids": [1]},
}
NO_LISTS = {
    "/api/v1/workspace",
    "/api/v1/settings/campaigns",
    "/api/v1/settings/consent",
    "/api/v1/settings/presets",
    "/api/v1/notifications/secret",
}
# Makes what is not there: a name is every workspace's own to give.
MAKING = {("PUT", "/api/v1/settings/presets/{name}")}
SHAPES = {401: "unauthenticated", 403: "forbidden", 404: "not_found"}


@pytest.fixture(scope="session")
async def operations(http: aiohttp.ClientSession) -> list[tuple[str, str]]:
    """Method and path of everything that the API describes."""
    description = await Api(http, None)("GET", "/openapi.json")
    found = [
        (method.upper(), path)
        for path, methods in description["paths"].items()
        for method in methods
        if path not in PUBLIC
    ]
    assert len(found) >= 30
    return found


@pytest.fixture
async def ids(
    runtime: Runtime, other_workspace: WorkspaceId, other_api: Api
) -> dict[str, int | str]:
    """Ids of things that there are, in another workspace."""
    [contact] = await factories.contacts(runtime, other_workspace, 1)
    channel = await factories.bare_channel(runtime, other_workspace)
    campaign = {
        "name": "Deles",
        "channel_ids": [channel],
        "audience": {"contact_ids": [contact]},
        "content": {"type": "text", "text": "Olá"},
    }
    async with runtime.db.workspace(other_workspace) as tx:
        imported = await tx.value(
            "INSERT INTO contact_import (workspace_id, filename)"
            " VALUES (current_workspace_id(), 'x.csv') RETURNING id"
        )
        check = await tx.value(
            "INSERT INTO number_check (workspace_id, channel_id, next_at)"
            " VALUES (current_workspace_id(), %(channel)s, now()) RETURNING id",
            channel=channel,
        )
        delivery = await factories.failed_delivery(tx, channel, contact)
        conversation = await outgoing.conversation_of(tx, contact_id=contact, channel_id=channel)
        await notify(tx, Kind.CHANNEL_PAUSED, channel_id=channel, reason="190")
        notification = await tx.value("SELECT max(id) FROM notification")
    await other_api("PUT", "settings/presets/deles", {"perMinute": 5})
    return {
        "name": "deles",
        "campaign_id": (await other_api("POST", "campaigns", campaign, status=201))["id"],
        "delivery_id": delivery,
        "channel_id": channel,
        "conversation_id": conversation,
        "contact_id": contact,
        "import_id": imported,
        "check_id": check,
        "notification_id": notification,
        "list_id": (await other_api("POST", "lists", {"name": "Deles"}, status=201))["id"],
        "key_id": (await other_api("POST", "api-keys", {"name": "deles"}, status=201))["id"],
    }


def filled(path: str, ids: dict[str, int | str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: str(ids[found[1]]), path)


async def refused(api: Api, method: str, path: str, status: int, body: object = None) -> None:
    refusal = await api(method, path, body, status=status)
    assert refusal["error"]["code"] == SHAPES[status], (method, path)
    assert refusal["error"]["message"], (method, path)


async def test_an_id_of_another_workspace_is_not_found_anywhere(
    api: Api, other_api: Api, operations: list[tuple[str, str]], ids: dict[str, int | str]
) -> None:
    described = {name for _, path in operations for name in re.findall(r"\{(\w+)\}", path)}
    assert described <= ids.keys(), "make a row for every kind of id"
    for method, path in operations:
        if "{" in path and (method, path) not in MAKING:
            body = BODIES.get((method, path))
            await refused(api, method, filled(path, ids), 404, body)
    for path in ("campaigns/{campaign_id}", "channels/{channel_id}", "contacts/{contact_id}"):
        assert await other_api("GET", filled(f"/api/v1/{path}", ids))
    assert len((await other_api("GET", "api-keys"))["items"]) == 2


async def test_lists_hold_nothing_of_another_workspace(
    api: Api, operations: list[tuple[str, str]], ids: dict[str, int | str]
) -> None:
    for method, path in operations:
        if method == "GET" and "{" not in path and path not in NO_LISTS:
            page = await api("GET", path)
            assert len(page["items"]) == (1 if path.endswith("api-keys") else 0), path


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "x",
        "rk_1_1_" + "a" * 43,
        "rk_999999999999999999_1_" + "a" * 43,
        "rk_99999999999999999999999_1_" + "a" * 43,
        "rk_1_1_",
        "rk_١_١_" + "a" * 43,
        "rk_1_1_" + "é" * 43,
        "rk_1_1_" + "a" * 5000,
    ],
)
async def test_a_call_without_a_right_key_is_refused_everywhere(
    key: str | None,
    http: aiohttp.ClientSession,
    operations: list[tuple[str, str]],
    ids: dict[str, int | str],
) -> None:
    for method, path in operations:
        await refused(Api(http, key), method, filled(path, ids), 401)


async def test_the_secret_of_one_key_does_not_open_another(
    http: aiohttp.ClientSession, owner: str, runtime: Runtime, other_workspace: WorkspaceId
) -> None:
    other = await factories.api_key(runtime, other_workspace)
    secret, theirs = owner.split("_", 3)[3], other.rsplit(other.split("_", 3)[3], 1)[0]
    await refused(Api(http, theirs + secret), "GET", "workspace", 401)
    _, _, own_key, _ = owner.split("_", 3)
    _, their_workspace, _, their_secret = other.split("_", 3)
    await refused(
        Api(http, f"rk_{their_workspace}_{own_key}_{their_secret}"), "GET", "workspace", 401
    )


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
async def test_a_key_is_shown_as_a_bearer_s(
    scheme: str, http: aiohttp.ClientSession, owner: str
) -> None:
    headers = {"Authorization": f"{scheme} {owner}".strip()}
    async with http.get("/api/v1/workspace", headers=headers) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    async with http.get(
        "/api/v1/workspace", headers={"Authorization": f"bEaReR  {owner} "}
    ) as answer:
        assert answer.status == 200


async def test_a_revoked_key_ends_at_once(api: Api) -> None:
    made = await api("POST", "api-keys", {"name": "curta", "role": "viewer"}, status=201)
    holder = Api(api.http, made["key"])
    assert (await holder("GET", "workspace"))["role"] == "viewer"
    await api("DELETE", f"api-keys/{made['id']}", status=204)
    await refused(holder, "GET", "workspace", 401)
    assert made["id"] not in [key["id"] for key in (await api("GET", "api-keys"))["items"]]


@pytest.mark.parametrize("role", Role)
async def test_each_role_may_do_what_is_written_and_no_more(
    role: Role, api: Api, operations: list[tuple[str, str]], ids: dict[str, int | str]
) -> None:
    made = await api("POST", "api-keys", {"name": "x", "role": role.value}, status=201)
    holder = Api(api.http, made["key"])
    assert NEEDED.keys() <= set(operations)
    for method, path in operations:
        needed = NEEDED.get((method, path), VIEWER)
        assert method == "GET" or (method, path) in NEEDED, f"say who may {method} {path}"
        async with holder.request(method, filled(path, ids), BODIES.get((method, path))) as answer:
            allowed = answer.status != 403
        assert allowed == role.includes(needed), (role, method, path, answer.status)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
async def test_nobody_makes_a_key_of_a_higher_role_than_ones_own(
    role: Role, runtime: Runtime, workspace: WorkspaceId, http: aiohttp.ClientSession
) -> None:
    holder = Api(http, await factories.api_key(runtime, workspace, role))
    for wanted in Role:
        status = 201 if role.includes(wanted) else 403
        made = await holder("POST", "api-keys", {"name": "x", "role": wanted.value}, status=status)
        if status == 201:
            found: Any = await Api(http, made["key"])("GET", "workspace")
            assert found["role"] == wanted.value


async def test_a_key_s_secret_is_shown_once_and_kept_nowhere(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    made = await api(
        "POST", "api-keys", {"name": "x"}, status=201, headers={"Idempotency-Key": "once"}
    )
    secret = made["key"].split("_", 3)[3]
    assert secret not in str(await api("GET", "api-keys"))
    async with runtime.db.workspace(workspace) as tx:
        for table in ("api_key", "idempotency_key"):
            rows = await tx.all(f"SELECT t::text AS row FROM {table} t")
            assert rows
            assert not any(secret in row["row"] for row in rows), table
