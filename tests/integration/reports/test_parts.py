"""How far a text in several parts is, in the report."""

from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime


async def test_of_a_text_in_parts_the_report_says_how_many_were_accepted(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    [contact] = await factories.contacts(runtime, workspace, 1)
    async with runtime.db.workspace(workspace) as tx:
        delivery = await factories.failed_delivery(tx, channel, contact)
        campaign = await tx.value("SELECT id FROM campaign")
    [item] = (await api("GET", f"campaigns/{campaign}/deliveries"))["items"]
    assert (item["parts"], item["parts_sent"]) == (1, 0)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE delivery SET parts = 4")
        await tx.run(
            "INSERT INTO part (workspace_id, delivery_id, position, status)"
            " SELECT current_workspace_id(), %(delivery)s, place, state"
            " FROM unnest(ARRAY['read', 'sent', 'failed', 'pending'])"
            " WITH ORDINALITY AS p (state, place)",
            delivery=delivery,
        )
    [item] = (await api("GET", f"campaigns/{campaign}/deliveries"))["items"]
    assert (item["parts"], item["parts_sent"]) == (4, 2)
