"""What the chart of a campaign's page begins with."""

from datetime import UTC, datetime, timedelta

import pytest
from tests import factories

from recado.domain.ids import CampaignId, WorkspaceId
from recado.features.campaigns.models import Campaign, CampaignChannel, Run
from recado.features.reports import pace
from recado.features.reports.pace import Pace
from recado.platform.runtime import Runtime

BEGAN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


async def finished_campaign(
    runtime: Runtime, workspace_id: WorkspaceId, *, seconds: int | None, sent_after: list[int]
) -> CampaignId:
    """A campaign that sent a message so many seconds after its start, each; None: still runs."""
    channel = await factories.bare_channel(runtime, workspace_id)
    contacts = await factories.contacts(runtime, workspace_id, len(sent_after))
    async with runtime.db.workspace(workspace_id) as tx:
        campaign = Campaign(
            workspace_id=workspace_id,
            name="Reunião",
            content={},
            audience={},
            schedule={},
            pacing={},
        )
        tx.session.add(campaign)
        await tx.session.flush()
        tx.session.add(
            CampaignChannel(
                workspace_id=workspace_id, campaign_id=campaign.id, channel_id=channel, position=0
            )
        )
        run = Run(
            workspace_id=workspace_id,
            campaign_id=campaign.id,
            number=1,
            status="completed",
            started_at=BEGAN,
            finished_at=None if seconds is None else BEGAN + timedelta(seconds=seconds),
        )
        tx.session.add(run)
        await tx.session.flush()
        for contact, after in zip(contacts, sent_after, strict=True):
            moment = BEGAN + timedelta(seconds=after)
            await tx.run(
                "INSERT INTO delivery"
                " (workspace_id, run_id, contact_id, phone, phone_key, status, sent_at)"
                " VALUES (%(w)s, %(run)s, %(contact)s, %(phone)s, %(phone)s, 'sent', %(at)s)",
                w=workspace_id,
                run=run.id,
                contact=contact,
                phone=f"+55119{contact:08d}",
                at=moment,
            )
            await tx.run(
                "INSERT INTO usage (workspace_id, channel_id, minute, requests)"
                " VALUES (%(w)s, %(channel)s, date_trunc('minute', %(at)s::timestamptz), 1)"
                " ON CONFLICT (workspace_id, channel_id, minute, campaign_id)"
                " DO UPDATE SET requests = usage.requests + 1",
                w=workspace_id,
                channel=channel,
                at=moment,
            )
        return CampaignId(campaign.id)


async def read(
    runtime: Runtime, workspace_id: WorkspaceId, campaign: CampaignId, *, after: int = 86_400
) -> Pace:
    async with runtime.db.workspace(workspace_id) as tx:
        return await pace.so_far(tx, campaign, BEGAN + timedelta(seconds=after))


async def test_a_short_campaign_is_charted_by_the_second(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    campaign = await finished_campaign(runtime, workspace, seconds=6, sent_after=[0, 1, 5])
    found = await read(runtime, workspace, campaign)
    start = int(BEGAN.timestamp())
    assert found.seconds == (start + 2, start + 4, start + 6)
    assert found.per_minute == (60.0, 0.0, 30.0)


async def test_a_running_campaign_is_charted_up_to_the_last_step_that_has_ended(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    campaign = await finished_campaign(runtime, workspace, seconds=None, sent_after=[0, 1, 3, 4])
    found = await read(runtime, workspace, campaign, after=5)
    assert found.per_minute == (60.0, 30.0)


async def test_a_large_campaign_is_charted_by_the_minutes_on_record(
    runtime: Runtime, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MOST_READ", 0)
    campaign = await finished_campaign(runtime, workspace, seconds=180, sent_after=[5, 30, 130])
    found = await read(runtime, workspace, campaign)
    assert found.per_minute == (2.0, 0.0, 1.0)


async def test_a_long_campaign_takes_no_more_points_than_a_chart_can_show(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    campaign = await finished_campaign(runtime, workspace, seconds=86_400, sent_after=[0, 86_399])
    found = await read(runtime, workspace, campaign)
    assert len(found.seconds) == pace.POINTS


async def test_a_campaign_that_has_not_begun_has_no_pace(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    assert await read(runtime, workspace, CampaignId(999_999_999)) == Pace()
