"""Campaigns stop with their template and go on with it, and nobody else's pause is touched."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.integration.templates.playing import Account, template

from recado.domain.ids import CampaignId, RunId
from recado.features.campaigns import jobs, template_pauses
from recado.features.dispatch import consequences
from recado.platform import clock
from recado.platform.runtime import Runtime

CONTENT = {"type": "template", "name": "aviso", "language": "pt_BR", "parameters": ["a", "b"]}
FIRST = {"other_info": {"title": "FIRST_PAUSE", "description": "paused for 3 hours"}}


@pytest.fixture
async def campaign(
    account: Account, api: Api, runtime: Runtime, finish_jobs: FinishJobs
) -> dict[str, Any]:
    """One that runs, with the account's template."""
    await finish_jobs()
    return await running(account, api, runtime, finish_jobs)


async def running(
    account: Account,
    api: Api,
    runtime: Runtime,
    finish_jobs: FinishJobs,
    content: Mapping[str, Any] = CONTENT,
) -> dict[str, Any]:
    given = {
        "name": "Aviso",
        "channel_ids": [account.channel],
        "audience": {"contact_ids": await factories.contacts(runtime, account.workspace, 2)},
        "content": content,
    }
    made: dict[str, Any] = await api("POST", "campaigns", given, status=201)
    await api("POST", f"campaigns/{made['id']}/start", status=202)
    await finish_jobs()
    return made


async def progress(api: Api, campaign: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await api("GET", f"campaigns/{campaign['id']}/progress")
    return found


async def told(api: Api) -> dict[str, dict[str, Any]]:
    """The notifications by kind; there is one of each."""
    items = (await api("GET", "notifications"))["items"]
    assert len({one["kind"] for one in items}) == len(items)
    return {one["kind"]: one for one in items}


async def test_a_paused_template_pauses_its_campaigns_until_it_is_let_go(
    account: Account,
    campaign: dict[str, Any],
    api: Api,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    text = {"type": "text", "text": "Olá {nome}"}
    other = await running(account, api, runtime, finish_jobs, text)
    await account.hears(runtime, account.news("aviso", "PAUSED", after=10, **FIRST))
    await finish_jobs()
    found = await progress(api, campaign)
    assert (found["status"], found["paused_reason"]) == ("paused", "template_paused")
    until = datetime.fromtimestamp(account.told + 10, UTC) + timedelta(hours=3)
    assert datetime.fromisoformat(found["paused_until"]) == until
    assert (await progress(api, other))["status"] == "running"
    stored = (await account.stored())["aviso"]
    assert datetime.fromisoformat(stored["paused_until"]) == until
    notes = await told(api)
    assert notes["template_stopped"]["times"] == notes["campaign_waits"]["times"] == 1
    await account.hears(
        runtime, account.news("aviso", "APPROVED", after=20, other_info={"title": "UNPAUSE"})
    )
    await finish_jobs()
    found = await progress(api, campaign)
    assert (found["status"], found["paused_reason"], found["paused_until"]) == (
        "running",
        None,
        None,
    )
    assert "campaign_goes_on" in await told(api)


async def test_news_in_any_order_and_twice_end_where_the_last_one_says(
    account: Account,
    campaign: dict[str, Any],
    api: Api,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    for round_, order in enumerate([(2, 1, 0), (1, 0, 2)]):
        words = ("PAUSED", "REINSTATED", "DISABLED")
        news = [
            account.news("aviso", word, after=100 * round_ + at) for at, word in enumerate(words, 1)
        ]
        for at in (*order, *order):
            await account.hears(runtime, news[at])
        await finish_jobs()
        found = await progress(api, campaign)
        assert (found["status"], found["paused_reason"]) == ("paused", "template_stopped"), order
        back = account.news("aviso", "APPROVED", after=100 * round_ + 50)
        await account.hears(runtime, back, news[0], back)
        await finish_jobs()
        assert (await progress(api, campaign))["status"] == "running", order


async def test_what_a_person_paused_stays_paused(
    account: Account,
    campaign: dict[str, Any],
    api: Api,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    await api("POST", f"campaigns/{campaign['id']}/pause", status=202)
    await account.hears(
        runtime,
        account.news("aviso", "PAUSED", after=10, **FIRST),
        account.news("aviso", "APPROVED", after=20),
    )
    await finish_jobs()
    found = await progress(api, campaign)
    assert (found["status"], found["paused_reason"]) == ("paused", "by_person")
    assert "campaign_waits" not in await told(api)
    # And one that a person let go on meanwhile, and paused again, is the person's.
    await api("POST", f"campaigns/{campaign['id']}/resume", status=202)
    await account.hears(runtime, account.news("aviso", "PAUSED", after=30))
    await finish_jobs()
    await api("POST", f"campaigns/{campaign['id']}/resume", status=202)
    await api("POST", f"campaigns/{campaign['id']}/pause", status=202)
    await account.hears(runtime, account.news("aviso", "APPROVED", after=40))
    await finish_jobs()
    assert (await progress(api, campaign))["paused_reason"] == "by_person"


async def test_a_person_may_take_over_the_pause_of_a_template(
    account: Account,
    campaign: dict[str, Any],
    api: Api,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    await account.hears(runtime, account.news("aviso", "PAUSED", after=10, **FIRST))
    await finish_jobs()
    assert (await progress(api, campaign))["paused_until"] is not None
    await api("POST", f"campaigns/{campaign['id']}/pause", status=202)
    await account.hears(runtime, account.news("aviso", "APPROVED", after=20))
    await finish_jobs()
    found = await progress(api, campaign)
    assert (found["status"], found["paused_reason"]) == ("paused", "by_person")
    assert found["paused_until"] is None
    await api("POST", f"campaigns/{campaign['id']}/pause", status=409)


async def test_a_refusal_for_the_template_waits_for_the_template_too(
    account: Account,
    campaign: dict[str, Any],
    api: Api,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    """Meta refuses before it says that the template is paused."""
    async with runtime.db.workspace(account.workspace) as tx:
        run = RunId(await tx.value("SELECT id FROM run"))
    now = clock.now()
    await consequences.pause_run(
        runtime, account.workspace, run, "132015: Template is paused", template_at=now
    )
    await template_pauses.follow(runtime, account.workspace)  # the list has it as approved still
    found = await progress(api, campaign)
    assert (found["status"], found["paused_reason"]) == ("paused", "132015: Template is paused")
    account.lists(template("aviso", status="PAUSED"))
    await account.sync()
    await finish_jobs()
    assert (await progress(api, campaign))["paused_reason"] == "template_paused"
    account.lists(template("aviso"))
    await account.sync()
    await finish_jobs()
    assert (await progress(api, campaign))["status"] == "running"


async def test_one_that_starts_with_a_paused_template_waits_for_it(
    account: Account, campaign: dict[str, Any], api: Api, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    await account.hears(runtime, account.news("aviso", "PAUSED", after=10, **FIRST))
    await finish_jobs()
    await api("POST", f"campaigns/{campaign['id']}/cancel", status=202)
    start = datetime.now(UTC) + timedelta(minutes=1)
    given = {key: campaign[key] for key in ("name", "channel_ids", "audience", "content")}
    schedule = {"start_at": start.isoformat()}
    made = await api("POST", "campaigns", {**given, "schedule": schedule}, status=201)
    await api("POST", f"campaigns/{made['id']}/start", status=202)
    with clock.driven_by(lambda: start + timedelta(seconds=1)):
        await jobs.start_due(runtime, account.workspace, CampaignId(made["id"]))
        await finish_jobs()
    assert (await progress(api, made))["paused_reason"] == "template_paused"


async def test_quality_and_category_are_told_once(
    account: Account, api: Api, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    await finish_jobs()
    names = {"message_template_name": "aviso", "message_template_language": "pt_BR"}

    def told_of(field: str, after: int, **value: str) -> dict[str, Any]:
        return {"field": field, "time": account.told + after, "value": {**names, **value}}

    quality = "message_template_quality_update"
    red = told_of(quality, 5, previous_quality_score="GREEN", new_quality_score="RED")
    green = told_of(quality, 1, previous_quality_score="UNKNOWN", new_quality_score="GREEN")
    dearer = told_of("template_category_update", 5, new_category="UTILITY")
    for _ in range(2):
        await account.hears(runtime, red, green, dearer)
    notes = await told(api)
    assert set(notes) == {"template_quality", "template_category"}
    assert all(one["times"] == 1 for one in notes.values())
    assert "aviso" in notes["template_quality"]["message"]
    found = (await account.stored())["aviso"]
    assert (found["quality"], found["category"]) == ("RED", "UTILITY")


async def test_news_of_another_account_and_of_an_earlier_namesake_change_nothing(
    account: Account, api: Api, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    await finish_jobs()
    mine, account.waba = account.waba, "999999999999999"
    await account.hears(runtime, account.news("aviso", "DISABLED", after=10))
    account.waba = mine
    await account.hears(runtime, account.news("aviso", "DELETED", after=10, message_template_id=77))
    assert (await account.stored())["aviso"]["status"] == "APPROVED"
    assert await told(api) == {}
