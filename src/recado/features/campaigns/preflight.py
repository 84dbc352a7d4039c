"""What a person should know before a campaign starts: who gets it, who does not, when it ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from recado.domain import preflight
from recado.domain.forecast import Forecast, pace
from recado.domain.ids import CampaignId
from recado.domain.pacing import CONSERVATIVE, default_preset
from recado.domain.preflight import Code, Facts, NewChannel, PreflightWarning
from recado.features.campaigns import audience, outlook, service
from recado.features.campaigns.audience import Count, Suppressed
from recado.features.campaigns.models import Campaign
from recado.features.campaigns.outlook import Outlook
from recado.features.templates import checking
from recado.platform.postgres import Row, Transaction
from recado.providers.registry import provider

SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Preflight:
    """A campaign as it would go if it were started now.

    Attributes:
        people: Whom it is aimed at, counted as a start would.
        suppressed: The first of those who would not be written to.
        warnings: What there is to be warned of, the gravest first.
        estimate: How it would go.
        tz: The workspace's zone.
    """

    people: Count
    suppressed: Sequence[Suppressed]
    warnings: Sequence[PreflightWarning]
    estimate: Forecast
    tz: tzinfo


async def of(tx: Transaction, campaign_id: CampaignId, now: datetime) -> Preflight:
    """Look ahead, in a dozen statements however large the audience is; nothing is changed.

    Raises:
        NotFound: No such campaign.
    """
    campaign = await service.get(tx, campaign_id)
    asked = await audience.parameters(tx, campaign.audience, skip_dead=campaign.skip_dead_numbers)
    people = await audience.count(tx, asked)
    left_out = await audience.suppressed(tx, asked, after=None, limit=SAMPLE)
    ahead = (await outlook.of(tx, [campaign_id], now))[campaign_id]
    estimate = ahead.forecast(people.audience, campaign, now)
    hurried = ahead.forecast(people.audience, campaign, now, warming_up=False)
    facts = replace(
        _facts(campaign, people, ahead, estimate),
        new_channels=_new_channels(campaign, ahead, hurried, now),
        template=await _of_template(tx, campaign),
    )
    return Preflight(
        people=people,
        suppressed=left_out,
        warnings=preflight.warnings(facts),
        estimate=estimate,
        tz=ahead.tz,
    )


async def suppressed(
    tx: Transaction, campaign_id: CampaignId, *, after: int | None, limit: int
) -> Sequence[Suppressed]:
    """Who would not be written to if the campaign were started now, by id.

    Raises:
        NotFound: No such campaign.
    """
    campaign = await service.get(tx, campaign_id)
    asked = await audience.parameters(tx, campaign.audience, skip_dead=campaign.skip_dead_numbers)
    return await audience.suppressed(tx, asked, after=after, limit=limit)


def _facts(campaign: Campaign, people: Count, ahead: Outlook, estimate: Forecast) -> Facts:
    used = ahead.working or ahead.channels
    paces = [ahead.pacing(row, campaign.pacing) for row in used]
    content = campaign.content
    return Facts(
        contacts=people.audience,
        # Its channels may have been taken out of use since it was made.
        pacing=min(paces, key=lambda one: pace(one)[0], default=CONSERVATIVE),
        tz=ahead.tz,
        sending=estimate.stretches,
        text=content["text"] if content.get("type") == "text" else None,
        official=all(map(_is_official, used)),
        dead=people.dead,
        left_out=people.suppressed.get("dead_number", 0),
        unchecked=people.unchecked if any(map(_can_check, used)) else 0,
        stopped_channels=ahead.stopped,
    )


async def _of_template(tx: Transaction, campaign: Campaign) -> list[PreflightWarning]:
    through = await service.channels_of(tx, CampaignId(campaign.id))
    return [
        PreflightWarning(
            Code(f"template_{doubt.kind}"),
            {
                "channel": doubt.channel,
                "status": doubt.status,
                "detail": "; ".join(f"{path}: {why}" for path, why in doubt.fields.items()),
            },
        )
        for doubt in await checking.doubts(tx, campaign.content, through)
    ]


def _is_official(channel: Row) -> bool:
    return default_preset(channel["provider"]) == "cloud"


def _can_check(channel: Row) -> bool:
    return provider(channel["provider"]).capabilities.number_check


def _new_channels(
    campaign: Campaign, ahead: Outlook, hurried: Forecast, now: datetime
) -> list[NewChannel]:
    """Those that warm up, or should, and what they would get on the busiest day if they did not."""
    busiest = max((count for _, count in hurried.per_day), default=0)
    planned = math.ceil(busiest / len(ahead.working)) if ahead.working else 0
    found = []
    for row in ahead.working:
        allowed = preflight.wise(
            ahead.pacing(row, campaign.pacing),
            outlook.age_days(row, now),
            official=_is_official(row),
        )
        if allowed is not None:
            found.append(NewChannel(row["name"], allowed, planned))
    return found
