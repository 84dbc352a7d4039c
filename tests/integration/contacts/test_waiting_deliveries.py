"""What happens to messages that wait for a contact when the contact changes."""

from typing import Any

import pytest

from recado.domain.ids import ContactId, WorkspaceId
from recado.features.contacts import consent, service
from recado.features.contacts.schemas import ContactChanges, NewContact
from recado.platform import clock
from recado.platform.runtime import Runtime

STATUSES = ("pending", "sending", "sent", "unknown", "failed")


async def contact_with_deliveries(runtime: Runtime, workspace: WorkspaceId) -> ContactId:
    """A contact with a delivery of each status, in a run each."""
    async with runtime.db.workspace(workspace) as tx:
        contact = await service.create(tx, NewContact(phone="31999990001", name="Ana"))
        campaign = await tx.value(
            "INSERT INTO campaign (workspace_id, name, content, audience)"
            " VALUES (current_workspace_id(), 'c', '{}', '{}') RETURNING id"
        )
        for number, status in enumerate(STATUSES):
            await tx.run(
                "WITH r AS (INSERT INTO run (workspace_id, campaign_id, number, status)"
                " VALUES (current_workspace_id(), %(campaign)s, %(number)s, 'running')"
                " RETURNING id)"
                " INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
                " SELECT current_workspace_id(), r.id, %(contact)s, '+5531999990001',"
                " '5531999990001', %(status)s FROM r",
                campaign=campaign,
                number=number,
                contact=contact.id,
                status=status,
            )
    return ContactId(contact.id)


async def deliveries(runtime: Runtime, workspace: WorkspaceId) -> list[dict[str, Any]]:
    async with runtime.db.workspace(workspace) as tx:
        return await tx.all(
            "SELECT status, reason, contact_id, phone, phone_key FROM delivery ORDER BY id"
        )


async def test_deleting_a_contact_cancels_what_waits_for_it(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    contact = await contact_with_deliveries(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        assert await service.delete(tx, contact) == 1
    found = await deliveries(runtime, workspace)
    assert [row["status"] for row in found] == ["cancelled", *STATUSES[1:]]
    assert found[0]["reason"] == "contact_deleted"
    assert {row["contact_id"] for row in found} == {None}


async def test_an_opt_out_suppresses_what_waits_and_nothing_else(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    contact = await contact_with_deliveries(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        assert await consent.opt_out(tx, contact, source=consent.Source.USER, now=clock.now()) == 1
        run = await tx.one("SELECT pending, suppressed FROM run ORDER BY id LIMIT 1")
        shown = await service.get(tx, contact)
    found = await deliveries(runtime, workspace)
    assert [row["status"] for row in found] == ["suppressed", *STATUSES[1:]]
    assert found[0]["reason"] == "opted_out"
    assert run == {"pending": 0, "suppressed": 1}
    assert shown.opted_out_at is not None
    assert shown.opt_out_source == "user"


async def test_a_repeated_opt_out_keeps_the_first(runtime: Runtime, workspace: WorkspaceId) -> None:
    contact = await contact_with_deliveries(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await consent.opt_out(tx, contact, source=consent.Source.KEYWORD, now=clock.now())
        first = await service.get(tx, contact)
        await consent.opt_out(tx, contact, source=consent.Source.USER, now=clock.now())
        assert await service.get(tx, contact) == first
        await consent.opt_in(tx, contact, source=consent.Source.USER, now=clock.now())
        assert (await service.get(tx, contact)).opted_out_at is None


async def test_what_waits_goes_to_the_new_phone(runtime: Runtime, workspace: WorkspaceId) -> None:
    contact = await contact_with_deliveries(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await service.change(tx, contact, ContactChanges(phone="31999990002"), clock.now())
    found = await deliveries(runtime, workspace)
    assert [row["phone"] for row in found] == ["+5531999990002"] + ["+5531999990001"] * 4
    assert found[0]["phone_key"] == "5531999990002"


@pytest.mark.parametrize("other", ["sent", "pending"])
async def test_what_waits_is_cancelled_where_the_new_phone_is_written_to_already(
    runtime: Runtime, workspace: WorkspaceId, other: str
) -> None:
    contact = await contact_with_deliveries(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "INSERT INTO delivery (workspace_id, run_id, phone, phone_key, status)"
            " SELECT current_workspace_id(), run_id, '+5531999990002', '5531999990002', %(status)s"
            " FROM delivery WHERE status = 'pending'",
            status=other,
        )
        await service.change(tx, contact, ContactChanges(phone="31999990002"), clock.now())
    found = await deliveries(runtime, workspace)
    assert (found[0]["status"], found[0]["reason"]) == ("cancelled", "duplicate")
    assert found[-1]["status"] == other
