"""Who gets a message: each person of the audience once, and those who must not, with the reason."""

from typing import Any

from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.integration.campaigns.asking import wish

from recado.domain.ids import RunId, WorkspaceId
from recado.features.campaigns import jobs
from recado.platform.runtime import Runtime

PARTS = ("pending", "sending", "sent", "failed", "unknown", "suppressed", "cancelled", "expired")


async def started(api: Api, given: dict[str, Any], finish_jobs: FinishJobs) -> int:
    campaign: int = (await api("POST", "campaigns", given, status=201))["id"]
    await api("POST", f"campaigns/{campaign}/start", status=202)
    await finish_jobs()
    return campaign


async def deliveries(api: Api, campaign: int) -> dict[int, tuple[str, str | None]]:
    page = await api("GET", f"campaigns/{campaign}/deliveries", limit=200)
    assert page["next_cursor"] is None
    found = {item["contact_id"]: (item["status"], item["reason"]) for item in page["items"]}
    assert len(found) == len(page["items"])
    return found


async def progress(api: Api, campaign: int) -> dict[str, Any]:
    found: dict[str, Any] = await api("GET", f"campaigns/{campaign}/progress")
    assert found["total"] == sum(found[part] for part in PARTS)
    return found


async def test_lists_tags_and_contacts_make_one_audience_of_each_person_once(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    people = await factories.contacts(runtime, workspace, 8)
    lists = [
        (await api("POST", "lists", {"name": name}, status=201))["id"] for name in ("um", "dois")
    ]
    await api("POST", f"lists/{lists[0]}/contacts", {"contact_ids": people[0:4]})
    await api("POST", f"lists/{lists[1]}/contacts", {"contact_ids": people[2:5]})
    for person in people[4:6]:
        await api("PATCH", f"contacts/{person}", {"tags": ["Síndico"]})
    audience = {
        "list_ids": [*lists, lists[0]],
        "tags": ["síndico", "SÍNDICO"],
        "contact_ids": [people[0], people[6], people[6]],
    }
    given = await wish(runtime, workspace, audience=audience)
    campaign = await started(api, given, finish_jobs)
    assert await deliveries(api, campaign) == dict.fromkeys(people[:7], ("pending", None))
    found = await progress(api, campaign)
    assert (found["status"], found["total"], found["pending"]) == ("running", 7, 7)


async def test_who_opted_out_or_has_a_tag_that_forbids_it_is_suppressed_with_the_reason(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    people = await factories.contacts(runtime, workspace, 5)
    for person, tag in zip(people, ("dnc", "Opt-Out", "STOP", "vip"), strict=False):
        await api("PATCH", f"contacts/{person}", {"tags": [tag, "todos"]})
    await api("PATCH", f"contacts/{people[4]}", {"tags": ["todos"]})
    await api("POST", f"contacts/{people[2]}/opt-out")
    given = await wish(runtime, workspace, audience={"tags": ["todos"]})
    campaign = await started(api, given, finish_jobs)
    assert await deliveries(api, campaign) == {
        people[0]: ("suppressed", "tag:dnc"),
        people[1]: ("suppressed", "tag:Opt-Out"),
        people[2]: ("suppressed", "opted_out"),
        people[3]: ("pending", None),
        people[4]: ("pending", None),
    }
    found = await progress(api, campaign)
    assert (found["pending"], found["suppressed"]) == (2, 3)


async def test_a_workspace_says_itself_which_tags_forbid_it(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    people = await factories.contacts(runtime, workspace, 2)
    for person, tag in zip(people, ("STOP", "Não enviar"), strict=True):
        await api("PATCH", f"contacts/{person}", {"tags": [tag]})
    await api("PUT", "settings/campaigns", {"suppressionTagNames": [" NÃO enviar "]})
    given = await wish(runtime, workspace, audience={"contact_ids": people})
    campaign = await started(api, given, finish_jobs)
    assert await deliveries(api, campaign) == {
        people[0]: ("pending", None),
        people[1]: ("suppressed", "tag:Não enviar"),
    }


async def test_an_audience_that_is_written_down_again_stays_as_it_is(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    campaign = await started(api, await wish(runtime, workspace), finish_jobs)
    before = await deliveries(api, campaign)
    async with runtime.db.workspace(workspace) as tx:
        run = RunId(await tx.value("SELECT id FROM run"))
    await jobs._materialise(runtime, workspace, run)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE run SET materialised_at = NULL, status = 'preparing'")
    await jobs._materialise(runtime, workspace, run)
    assert await deliveries(api, campaign) == before
    assert (await progress(api, campaign))["total"] == 3


async def test_who_joins_a_list_later_is_not_written_to_and_who_is_gone_is_cancelled(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    people = await factories.contacts(runtime, workspace, 4)
    listed = (await api("POST", "lists", {"name": "Moradores"}, status=201))["id"]
    await api("POST", f"lists/{listed}/contacts", {"contact_ids": people[:3]})
    given = await wish(runtime, workspace, audience={"list_ids": [listed]})
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    await api("DELETE", f"contacts/{people[0]}", status=204)
    await api("POST", f"campaigns/{campaign}/start", status=202)
    await finish_jobs()
    await api("POST", f"lists/{listed}/contacts", {"contact_ids": people[3:]})
    assert set(await deliveries(api, campaign)) == set(people[1:3])
    await api("DELETE", f"contacts/{people[1]}", status=204)
    found = await progress(api, campaign)
    assert (found["total"], found["pending"], found["cancelled"]) == (2, 1, 1)
    report = await api("GET", f"campaigns/{campaign}/deliveries", limit=1)
    assert report["items"][0]["reason"] == "contact_deleted"


async def test_a_campaign_to_nobody_is_complete_at_once(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    listed = (await api("POST", "lists", {"name": "Vazia"}, status=201))["id"]
    given = await wish(runtime, workspace, audience={"list_ids": [listed]})
    campaign = await started(api, given, finish_jobs)
    found = await progress(api, campaign)
    assert (found["status"], found["total"]) == ("completed", 0)
    assert found["finished_at"] is not None


async def test_a_campaign_to_suppressed_people_alone_is_complete_at_once(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    given = await wish(runtime, workspace)
    for person in given["audience"]["contact_ids"]:
        await api("POST", f"contacts/{person}/opt-out")
    campaign = await started(api, given, finish_jobs)
    found = await progress(api, campaign)
    assert (found["status"], found["total"], found["suppressed"]) == ("completed", 3, 3)
    assert found["success_rate"] is None


async def test_a_campaign_cancelled_before_its_audience_is_written_down_writes_to_nobody(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    given = await wish(runtime, workspace)
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    await api("POST", f"campaigns/{campaign}/start", status=202)
    await api("POST", f"campaigns/{campaign}/cancel", status=202)
    await finish_jobs()
    found = await progress(api, campaign)
    assert (found["status"], found["total"]) == ("cancelled", 0)


async def test_a_campaign_paused_before_its_audience_is_written_down_stays_paused(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    given = await wish(runtime, workspace)
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    await api("POST", f"campaigns/{campaign}/start", status=202)
    await api("POST", f"campaigns/{campaign}/pause", status=202)
    await finish_jobs()
    found = await progress(api, campaign)
    assert (found["status"], found["pending"]) == ("paused", 3)
    await api("POST", f"campaigns/{campaign}/resume", status=202)
    assert (await progress(api, campaign))["status"] == "running"


async def test_a_campaign_that_cannot_be_prepared_fails_with_the_reason_and_may_start_again(
    api: Api,
    runtime: Runtime,
    workspace: WorkspaceId,
    finish_jobs: FinishJobs,
) -> None:
    person = (await factories.contacts(runtime, workspace, 1))[0]
    given = await wish(runtime, workspace, audience={"contact_ids": [person]})
    campaign: int = (await api("POST", "campaigns", given, status=201))["id"]
    await api("POST", f"campaigns/{campaign}/start", status=202)
    async with runtime.db.workspace(workspace) as tx:
        run = await tx.value("SELECT id FROM run WHERE campaign_id = %(c)s", c=campaign)
    await jobs.give_up(runtime, workspace, RunId(run), ValueError("secret"))
    shown = await api("GET", f"campaigns/{campaign}/progress")
    assert (shown["status"], shown["paused_reason"]) == ("failed", "ValueError")
    (told,) = (await api("GET", "notifications"))["items"]
    assert (told["kind"], told["campaign_id"]) == ("campaign_failed", campaign)
    await jobs.give_up(
        runtime, workspace, RunId(run), ValueError()
    )  # it has ended: nothing happens
    await api("POST", f"campaigns/{campaign}/start", status=202)
    await finish_jobs()
    assert (await progress(api, campaign))["status"] == "running"
