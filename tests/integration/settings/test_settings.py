"""A workspace's settings, and the answers it keeps for repeated requests."""

from datetime import timedelta

from recado.domain.ids import WorkspaceId
from recado.features.settings import idempotency, service
from recado.platform.runtime import Runtime

MINUTE = timedelta(minutes=1)


async def test_a_key_is_taken_once_kept_with_its_answer_and_given_free(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        assert await idempotency.begin(tx, "a", b"1", abandoned_after=MINUTE) is None
        taken = await idempotency.begin(tx, "a", b"1", abandoned_after=MINUTE)
        assert taken == {"request_hash": b"1", "status": None, "response": None}
        await idempotency.finish(tx, "a", 201, {"id": 1})
        kept = await idempotency.begin(tx, "a", b"2", abandoned_after=MINUTE)
        assert kept == {"request_hash": b"1", "status": 201, "response": {"id": 1}}
        await idempotency.forget(tx, "a")
        assert await idempotency.begin(tx, "a", b"2", abandoned_after=MINUTE) is None


async def test_suppression_tags_are_the_known_ones_until_a_workspace_has_its_own(
    runtime: Runtime, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        assert list(await service.suppression_tags(tx)) == ["DNC", "OPT-OUT", "STOP"]
        await tx.run(
            "INSERT INTO setting (workspace_id, key, value)"
            " VALUES (current_workspace_id(), 'suppressionTagNames', '[\"Sair\"]')"
        )
        assert list(await service.suppression_tags(tx)) == ["Sair"]
    async with runtime.db.workspace(other_workspace) as tx:
        assert list(await service.suppression_tags(tx)) == ["DNC", "OPT-OUT", "STOP"]
