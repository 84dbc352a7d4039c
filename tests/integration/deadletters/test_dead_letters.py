"""Dead letters: what ended failed or unknown waits for a person."""

from dataclasses import dataclass

import psycopg
import pytest
from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.features.dispatch.jobs import sweep_runs
from recado.platform.runtime import Runtime


@dataclass(frozen=True)
class Ended:
    """A completed campaign with one delivery of each end."""

    campaign: int
    sent: int
    refused: int
    dead: int
    unknown: int
    fresh: int  # unknown since a moment ago


@pytest.fixture
async def ended(runtime: Runtime, workspace: WorkspaceId) -> Ended:
    channel = await factories.bare_channel(runtime, workspace)
    contacts = await factories.contacts(runtime, workspace, 5)
    async with runtime.db.workspace(workspace) as tx:
        campaign = await tx.value(
            "INSERT INTO campaign (workspace_id, name, status, content, audience)"
            " VALUES (%(w)s, 'Assembleia', 'completed', '{\"text\": \"Oi\"}', '{}') RETURNING id",
            w=workspace,
        )
        await tx.run(
            "INSERT INTO campaign_channel VALUES (%(w)s, %(c)s, %(ch)s, 0)",
            w=workspace,
            c=campaign,
            ch=channel,
        )
        run = await tx.value(
            "INSERT INTO run (workspace_id, campaign_id, number, status, materialised_at)"
            " VALUES (%(w)s, %(c)s, 1, 'completed', now()) RETURNING id",
            w=workspace,
            c=campaign,
        )
        rows = await tx.all(
            "INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status,"
            " error_code, claims, attempts, channel_id)"
            " SELECT %(w)s, %(r)s, c.id, c.phone, c.phone_key, s.status, s.code, 1, 5, %(ch)s"
            " FROM unnest(%(contacts)s::bigint[], %(statuses)s::text[], %(codes)s::text[])"
            " AS s (id, status, code) JOIN contact c ON c.id = s.id ORDER BY c.id RETURNING id",
            w=workspace,
            r=run,
            ch=channel,
            contacts=contacts,
            statuses=["sent", "failed", "failed", "unknown", "unknown"],
            codes=[None, "131056", "131026", "no_answer", "no_answer"],
        )
        ids = [row["id"] for row in rows]
        await tx.run(
            "INSERT INTO attempt (workspace_id, delivery_id, part, number, channel_id, status,"
            " lease, ended_at, error_code)"
            " SELECT %(w)s, d.id, 1, 1, %(ch)s, 'refused', '1:x',"
            " now() - CASE WHEN d.id = %(fresh)s THEN interval '1 minute'"
            " ELSE interval '1 hour' END, d.error_code FROM delivery d WHERE d.run_id = %(r)s",
            w=workspace,
            ch=channel,
            r=run,
            fresh=ids[4],
        )
    return Ended(campaign, *ids)


async def test_failed_ones_are_listed_at_once_and_unknown_ones_after_their_grace(
    api: Api, ended: Ended
) -> None:
    page = await api("GET", "dead-letters")
    assert [letter["id"] for letter in page["items"]] == [ended.unknown, ended.dead, ended.refused]
    assert page["items"][1]["error_code"] == "131026"
    assert page["items"][1]["campaign"] == "Assembleia"
    by_code = await api("GET", "dead-letters", code="131056")
    assert [letter["id"] for letter in by_code["items"]] == [ended.refused]
    elsewhere = await api("GET", "dead-letters", campaign=ended.campaign + 1)
    assert elsewhere["items"] == []


async def test_the_grace_of_unknown_ones_is_the_workspaces_choice(api: Api, ended: Ended) -> None:
    await api("PUT", "settings/campaigns", {"unknownGraceMinutes": 0})
    assert ended.fresh in [letter["id"] for letter in (await api("GET", "dead-letters"))["items"]]
    await api("PUT", "settings/campaigns", {"unknownGraceMinutes": 120})
    page = await api("GET", "dead-letters")
    assert [letter["id"] for letter in page["items"]] == [ended.dead, ended.refused]


async def test_they_come_in_pages(api: Api, ended: Ended) -> None:
    first = await api("GET", "dead-letters", limit=2)
    rest = await api("GET", "dead-letters", limit=2, cursor=first["next_cursor"])
    assert [letter["id"] for letter in rest["items"]] == [ended.refused]
    assert rest["next_cursor"] is None


async def test_each_has_the_history_of_its_attempts(api: Api, ended: Ended) -> None:
    history = await api("GET", f"dead-letters/{ended.dead}")
    assert [(a["number"], a["error_code"]) for a in history["attempts"]] == [(1, "131026")]


async def test_a_retried_one_waits_again_with_all_tries_and_its_campaign_goes_on(
    api: Api, ended: Ended, runtime: Runtime, workspace: WorkspaceId
) -> None:
    assert await api("POST", f"dead-letters/{ended.refused}/retry") == {"count": 1}
    progress = await api("GET", f"campaigns/{ended.campaign}/progress")
    assert (progress["status"], progress["pending"], progress["failed"]) == ("running", 1, 1)
    async with runtime.db.workspace(workspace) as tx:
        row = await tx.one(
            "SELECT lane, attempts FROM delivery WHERE id = %(id)s", id=ended.refused
        )
        woken = await tx.value("SELECT count(*) FROM drive WHERE due_at <= now()")
    assert row == {"lane": 1, "attempts": 0}
    assert woken == 1
    await api("POST", f"dead-letters/{ended.refused}/retry", status=404)


async def test_one_that_was_sent_is_never_sent_again(api: Api, ended: Ended) -> None:
    await api("POST", f"dead-letters/{ended.sent}/retry", status=404)
    progress = await api("GET", f"campaigns/{ended.campaign}/progress")
    assert (progress["status"], progress["sent"]) == ("completed", 1)


async def test_a_cancelled_campaigns_are_not_sent_again(
    api: Api, ended: Ended, runtime: Runtime, workspace: WorkspaceId
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE run SET status = 'cancelled'")
    await api("POST", f"dead-letters/{ended.dead}/retry", status=404)


async def test_a_discarded_one_is_gone_from_the_list_and_stays_in_the_report(
    api: Api, ended: Ended
) -> None:
    assert await api("POST", f"dead-letters/{ended.dead}/discard") == {"count": 1}
    page = await api("GET", "dead-letters")
    assert ended.dead not in [letter["id"] for letter in page["items"]]
    await api("POST", f"dead-letters/{ended.dead}/retry", status=404)
    failed = await api("GET", f"campaigns/{ended.campaign}/deliveries")
    assert "failed" in [delivery["status"] for delivery in failed["items"]]


async def test_many_are_retried_or_discarded_by_code_and_campaign(api: Api, ended: Ended) -> None:
    done = await api("POST", "dead-letters/retry", {"campaign": ended.campaign, "code": "131026"})
    assert done == {"count": 1}
    assert await api("POST", "dead-letters/discard", {"campaign": ended.campaign}) == {"count": 2}
    assert (await api("GET", "dead-letters"))["items"] == []


async def test_nothing_is_done_to_all_by_mistake(api: Api, ended: Ended) -> None:
    refused = await api("POST", "dead-letters/discard", {}, status=422)
    assert refused["error"]["code"] == "nothing_selected"
    assert len((await api("GET", "dead-letters"))["items"]) == 3


async def test_another_workspace_sees_and_touches_none(
    api: Api, other_api: Api, ended: Ended
) -> None:
    assert (await other_api("GET", "dead-letters"))["items"] == []
    await other_api("GET", f"dead-letters/{ended.dead}", status=404)
    await other_api("POST", f"dead-letters/{ended.dead}/retry", status=404)
    assert await other_api("POST", "dead-letters/retry", {"ids": [ended.dead]}) == {"count": 0}
    assert len((await api("GET", "dead-letters"))["items"]) == 3


async def test_what_a_crash_leaves_between_the_two_halves_of_a_retry_is_found_by_the_sweeper(
    api: Api, ended: Ended, runtime: Runtime, own_database_url: str
) -> None:
    with psycopg.connect(own_database_url, autocommit=True) as superuser:
        superuser.execute("UPDATE delivery SET status = 'pending' WHERE id = %s", (ended.refused,))
        superuser.execute("UPDATE run SET changed_at = now() - interval '1 hour'")
    await sweep_runs(runtime)
    progress = await api("GET", f"campaigns/{ended.campaign}/progress")
    assert (progress["status"], progress["pending"]) == ("running", 1)
