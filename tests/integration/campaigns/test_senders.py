"""Which of a campaign's channels a delivery is bound to when its audience is written down."""

from collections import Counter
from datetime import timedelta
from typing import Any

from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.integration.campaigns.asking import wish

from recado.domain.ids import ChannelId, ContactId, WorkspaceId
from recado.platform.runtime import Runtime


async def wrote(
    runtime: Runtime, workspace: WorkspaceId, who: int, to: ChannelId, *, hours_ago: int
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "INSERT INTO conversation (workspace_id, contact_id, channel_id, last_inbound_at)"
            " VALUES (current_workspace_id(), %(who)s, %(to)s, now() - %(ago)s)",
            who=who,
            to=to,
            ago=timedelta(hours=hours_ago),
        )


async def senders(runtime: Runtime, workspace: WorkspaceId) -> dict[int, int]:
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all("SELECT contact_id, sender_id FROM delivery")
    return {row["contact_id"]: row["sender_id"] for row in rows}


async def started(
    api: Api, finish_jobs: FinishJobs, runtime: Runtime, workspace: WorkspaceId, **given: Any
) -> None:
    made = await api("POST", "campaigns", await wish(runtime, workspace, **given), status=201)
    await api("POST", f"campaigns/{made['id']}/start", status=202)
    await finish_jobs()


async def people(runtime: Runtime, workspace: WorkspaceId, count: int) -> list[ContactId]:
    return await factories.contacts(runtime, workspace, count)


async def test_a_contact_with_an_open_conversation_keeps_its_number(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    one, two, strange = [await factories.bare_channel(runtime, workspace) for _ in range(3)]
    who = await people(runtime, workspace, 5)
    await wrote(runtime, workspace, who[0], one, hours_ago=3)
    await wrote(runtime, workspace, who[0], two, hours_ago=2)
    await wrote(runtime, workspace, who[1], one, hours_ago=23)
    await wrote(runtime, workspace, who[2], one, hours_ago=25)
    await wrote(runtime, workspace, who[3], strange, hours_ago=1)
    await started(
        api,
        finish_jobs,
        runtime,
        workspace,
        channel_ids=[one, two],
        audience={"contact_ids": who},
    )
    found = await senders(runtime, workspace)
    assert [found[person] for person in who] == [two, one, 0, 0, 0]


async def test_a_single_number_sends_all_without_any_being_bound(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    await started(
        api, finish_jobs, runtime, workspace, channel_ids=[channel], contacts=2, fail_over=False
    )
    assert set((await senders(runtime, workspace)).values()) == {0}


async def test_where_no_number_may_step_in_for_another_the_audience_is_dealt_out_evenly(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    channels = [await factories.bare_channel(runtime, workspace) for _ in range(3)]
    who = await people(runtime, workspace, 31)
    await wrote(runtime, workspace, who[0], channels[1], hours_ago=1)
    await api("POST", f"contacts/{who[30]}/opt-out")
    await started(
        api,
        finish_jobs,
        runtime,
        workspace,
        channel_ids=channels,
        audience={"contact_ids": who},
        fail_over=False,
    )
    found = await senders(runtime, workspace)
    assert found.pop(who[0]) == channels[1]
    del found[who[30]]
    assert sorted(Counter(found.values()).values()) == [9, 10, 10]
    assert set(found.values()) == set(channels)
