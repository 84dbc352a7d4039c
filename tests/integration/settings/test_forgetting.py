"""What is kept for a while only."""

from datetime import timedelta

from tests import factories

from recado.domain.ids import WorkspaceId
from recado.features.settings import idempotency, jobs
from recado.features.webhooks import jobs as webhooks
from recado.platform.runtime import Runtime


async def test_an_answer_is_forgotten_after_a_day(runtime: Runtime, workspace: WorkspaceId) -> None:
    async with runtime.db.workspace(workspace) as tx:
        for key, age in (("old", "25 hours"), ("new", "23 hours")):
            await idempotency.begin(tx, key, b"1", abandoned_after=timedelta(minutes=1))
            await tx.run(
                "UPDATE idempotency_key SET created_at = now() - %(age)s::interval"
                " WHERE key = %(key)s",
                key=key,
                age=age,
            )
    await jobs.blueprint(runtime).tasks["forget_answers"].func(timestamp=0)
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all("SELECT key FROM idempotency_key")
    assert [row["key"] for row in rows] == ["new"]


async def test_an_applied_callback_is_forgotten_after_a_week_and_a_waiting_one_never(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body, received_at, processed_at)"
            " SELECT current_workspace_id(), %(channel)s, body, now() - interval '30 days', at"
            " FROM (VALUES ('old'::bytea, now() - interval '8 days'),"
            " ('new', now() - interval '6 days'), ('waiting', NULL)) AS v (body, at)",
            channel=channel,
        )
    await webhooks.blueprint(runtime).tasks["forget"].func(timestamp=0)
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all("SELECT body FROM callback ORDER BY id")
    assert [bytes(row["body"]) for row in rows] == [b"new", b"waiting"]
