"""When a campaign that runs will end: by the same forecast as before its start."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.integration.campaigns.asking import wish

from recado.domain.ids import CampaignId, ChannelId, WorkspaceId
from recado.features.campaigns import progress
from recado.features.dispatch import progress_feed
from recado.platform import clock
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

MONDAY = datetime(2027, 3, 1, 13, 0, tzinfo=UTC)  # 10 o'clock in São Paulo
OFFICE = {
    "weekdays": [1, 2, 3, 4, 5],
    "from": "09:00",
    "to": "18:00",
    "timezone": "America/Sao_Paulo",
}


@pytest.fixture(autouse=True)
def on_a_monday() -> Iterator[None]:
    with clock.driven_by(lambda: MONDAY):
        yield


async def running(api: Api, given: dict[str, Any], finish_jobs: FinishJobs) -> int:
    campaign: int = (await api("POST", "campaigns", given, status=201))["id"]
    await api("POST", f"campaigns/{campaign}/start", status=202)
    await finish_jobs()
    return campaign


async def lasts(api: Api, campaign: int) -> float:
    """Seconds until the last message leaves."""
    eta = (await api("GET", f"campaigns/{campaign}/progress"))["eta"]
    return (datetime.fromisoformat(eta) - MONDAY).total_seconds()


async def test_the_end_is_known_before_the_first_message_and_as_the_preflight_told_it(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    given = await wish(
        runtime,
        workspace,
        contacts=1200,
        pacing={"messageInterval": 30},
        schedule={"window": OFFICE},
    )
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    assert (await api("GET", f"campaigns/{campaign}/progress"))["eta"] is None
    told = (await api("POST", f"campaigns/{campaign}/preflight"))["estimate"]["ends_at"]
    await api("POST", f"campaigns/{campaign}/start", status=202)
    await finish_jobs()
    eta = (await api("GET", f"campaigns/{campaign}/progress"))["eta"]
    assert eta == told
    # 8 hours are left of Monday; the rest leaves from Tuesday's 9 o'clock on, every 33 seconds.
    tuesday = datetime(2027, 3, 2, 12, 0, tzinfo=UTC) + (1200 - 873 - 1) * timedelta(seconds=33)
    assert abs(datetime.fromisoformat(eta) - tuesday) < timedelta(minutes=1)
    await api("POST", f"campaigns/{campaign}/pause", status=202)
    assert (await api("GET", f"campaigns/{campaign}/progress"))["eta"] is None


async def test_what_was_measured_corrects_what_the_forecast_has_to_guess(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    """The limits would let 80 a second leave; 300 did in the last minute."""
    campaign = await running(api, await wish(runtime, workspace, contacts=1000), finish_jobs)
    assert await lasts(api, campaign) == pytest.approx(999 / 80, abs=0.1)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE run SET started_at = %(before)s", before=MONDAY - timedelta(minutes=5))
    for seconds in range(0, 60, 10):
        await progress_feed.publish(
            runtime.redis,
            workspace,
            [CampaignId(campaign)],
            sent={CampaignId(campaign): 50},
            now=MONDAY - timedelta(seconds=seconds),
        )
    per_minute = (await api("GET", f"campaigns/{campaign}/progress"))["per_minute"]
    assert await lasts(api, campaign) == pytest.approx(999 * 60 / per_minute, rel=0.01)


async def test_the_ends_of_a_page_of_campaigns_take_as_many_statements_as_one(
    api: Api,
    runtime: Runtime,
    workspace: WorkspaceId,
    finish_jobs: FinishJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel: ChannelId = await factories.bare_channel(runtime, workspace)
    campaigns = [
        await running(
            api,
            await wish(
                runtime,
                workspace,
                contacts=10,
                channel_ids=[channel],
                pacing={"messageInterval": 10},
            ),
            finish_jobs,
        )
        for _ in range(5)
    ]
    told: list[str] = []
    real = Transaction.all

    async def noted(self: Transaction, statement: Any, **parameters: Any) -> Any:
        told.append(statement)
        return await real(self, statement, **parameters)

    monkeypatch.setattr(Transaction, "all", noted)
    ids = [CampaignId(campaign) for campaign in campaigns]
    found = await progress.of_many(runtime, workspace, ids, MONDAY)
    assert len(told) == 5
    # Five times ten messages through one channel, 11 seconds apart.
    assert {one.eta for one in found} == {MONDAY + 49 * timedelta(seconds=11)}
    told.clear()
    await progress.of(runtime, workspace, ids[0], MONDAY)
    assert len(told) == 5
