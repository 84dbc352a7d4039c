"""A POST that a caller repeats under its key is done once."""

import asyncio
from typing import Any

import pytest
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime

KEY = {"Idempotency-Key": "8f14e45f"}


async def answered(api: Api, body: object, headers: dict[str, str] = KEY) -> tuple[int, Any, bool]:
    async with api.request("POST", "lists", body, headers=headers) as answer:
        replayed = answer.headers.get("Idempotency-Replayed") == "true"
        return answer.status, await answer.json(), replayed


async def names(api: Api) -> list[str]:
    return [each["name"] for each in (await api("GET", "lists"))["items"]]


async def test_a_repeated_request_is_answered_as_the_first_and_made_once(api: Api) -> None:
    first = await answered(api, {"name": "Moradores"})
    second = await answered(api, {"name": "Moradores"})
    assert first[0] == 201
    assert not first[2]
    assert second == (201, first[1], True)
    assert await names(api) == ["Moradores"]


async def test_a_key_that_came_with_another_request_is_refused(api: Api) -> None:
    await answered(api, {"name": "Moradores"})
    status, refusal, _ = await answered(api, {"name": "Vizinhos"})
    assert (status, refusal["error"]["code"]) == (422, "idempotency_key_reused")
    assert await names(api) == ["Moradores"]


async def test_a_key_of_another_workspace_is_another_key(api: Api, other_api: Api) -> None:
    await answered(api, {"name": "Moradores"})
    status, _, replayed = await answered(other_api, {"name": "Vizinhos"})
    assert (status, replayed) == (201, False)


async def test_a_role_is_not_shown_what_another_was_answered(api: Api) -> None:
    wanted = {"name": "nova", "role": "owner"}
    made = await api("POST", "api-keys", wanted, status=201, headers=KEY)
    viewer = await api("POST", "api-keys", {"name": "x", "role": "viewer"}, status=201)
    refusal = await Api(api.http, viewer["key"])(
        "POST", "api-keys", wanted, status=422, headers=KEY
    )
    assert made["key"] not in str(refusal)


async def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    status, _, _ = await answered(api, {"name": ""})
    assert status == 422
    status, _, replayed = await answered(api, {"name": "Moradores"})
    assert (status, replayed) == (201, False)
    await answered(api, {"name": "Vizinhos"}, {"Idempotency-Key": "other"})
    status, _, _ = await answered(api, {"name": "Moradores"}, {"Idempotency-Key": "third"})
    assert status == 409


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_an_empty_or_endless_key_is_refused(key: str, api: Api) -> None:
    status, refusal, _ = await answered(api, {"name": "Moradores"}, {"Idempotency-Key": key})
    assert (status, refusal["error"]["code"]) == (422, "idempotency_key_too_long")


async def test_while_the_first_request_is_worked_on_its_repeat_waits_its_turn(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    await answered(api, {"name": "Moradores"})
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE idempotency_key SET status = NULL, response = NULL")
    status, refusal, _ = await answered(api, {"name": "Moradores"})
    assert (status, refusal["error"]["code"]) == (409, "request_in_progress")


async def test_a_request_that_a_dead_process_left_may_be_repeated_after_a_minute(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    await answered(api, {"name": "Moradores"})
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "UPDATE idempotency_key SET status = NULL, response = NULL,"
            " created_at = now() - interval '2 minutes'"
        )
        await tx.run("DELETE FROM list")
    status, _, replayed = await answered(api, {"name": "Moradores"})
    assert (status, replayed) == (201, False)


async def test_of_many_at_once_one_is_done(api: Api) -> None:
    answers = await asyncio.gather(*(answered(api, {"name": "Moradores"}) for _ in range(8)))
    assert {status for status, _, _ in answers} <= {201, 409}
    assert sum(status == 201 and not replayed for status, _, replayed in answers) == 1
    assert await names(api) == ["Moradores"]
