"""Which limits stand in the way of a run's requests on a channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recado.domain import campaign_settings, limits, pacing, presets
from recado.domain.ids import CampaignId
from recado.domain.limits import Limit, Path, Scope
from recado.domain.pacing import Pacing
from recado.features.channels.service import OpenChannel
from recado.features.settings import rate_limits
from recado.platform.postgres import Transaction

UNLIMITED = 1_000_000  # requests in flight


@dataclass(frozen=True, slots=True)
class Shared:
    """What a workspace limits for all of its channels.

    Attributes:
        limits: Name → most, of the workspace.
        per_contact_daily: Messages of campaigns that one person may get in a day.
        presets: Those that a campaign may name.
    """

    limits: Mapping[str, int]
    per_contact_daily: int | None
    presets: Mapping[str, Pacing]


async def shared(tx: Transaction, saved: Mapping[str, Any]) -> Shared:
    """What a workspace limits.

    Args:
        tx: Inside the workspace.
        saved: Its settings.
    """
    return Shared(
        limits=await rate_limits.of_workspace(tx),
        per_contact_daily=campaign_settings.shown(saved)["perContactDaily"],
        presets=presets.known(saved),
    )


def path(
    channel: OpenChannel,
    of_all: Shared,
    *,
    campaign: CampaignId,
    own: Mapping[str, Any],
    created_by: str,
    now: datetime,
) -> Path:
    """All that requests of one campaign on one channel must pass.

    Args:
        channel: With its pacing in effect.
        of_all: Of its workspace.
        campaign: Which.
        own: Its own pacing, as it was given.
        created_by: Who made it.
        now: For the age of the channel.
    """
    subject = f"{channel.id}.{campaign}"
    wishes = pacing.apply(pacing.UNLIMITED, own, of_all.presets)
    together = pacing.tightest(channel.pacing, wishes)
    of_campaign = limits.of_pacing(Scope.CAMPAIGN, subject, wishes, age_days=None)
    found = [
        *of_channel(channel, now),
        *of_campaign,
        *of_workspace(of_all),
    ]
    if together.per_minute_per_user:
        found.append(limits.of_user(created_by or "workspace", together.per_minute_per_user))
    of_contact: list[Limit] = []
    off: list[str] = []
    if channel.portfolio and channel.tier:
        found.append(limits.tier(channel.portfolio, channel.tier))
    elif channel.portfolio:
        off.append(limits.mark(Scope.PORTFOLIO, channel.portfolio, "tier"))
    if channel.adapter.capabilities.limits_pairs:
        of_contact.append(limits.pair(str(channel.id)))
    off += [
        *limits.missing(Scope.CHANNEL, str(channel.id), found),
        *limits.missing(Scope.CAMPAIGN, subject, found),
        *limits.shared_missing(Scope.WORKSPACE, of_all.limits),
    ]
    if of_all.per_contact_daily:
        of_contact.append(limits.of_contact(of_all.per_contact_daily))
    else:
        off.append(limits.mark(Scope.CONTACT, "", limits.CONTACT_DAILY))
    return Path(tuple(found), tuple(of_contact), together.in_flight or UNLIMITED, tuple(off))


def of_channel(channel: OpenChannel, now: datetime) -> list[Limit]:
    """The limits of a channel itself, whatever is sent through it."""
    age_days = (now - channel.created_at) / timedelta(days=1)
    return limits.of_pacing(Scope.CHANNEL, str(channel.id), channel.pacing, age_days=age_days)


def of_workspace(shared: Shared) -> list[Limit]:
    """The limits of a workspace, whatever its channels are."""
    return limits.shared(Scope.WORKSPACE, shared.limits)


def of_answers(channel: OpenChannel, of_all: Shared, now: datetime) -> Path:
    """All that messages in conversations must pass on one channel.

    No campaign's limit, nor a user's; and the tier only where nobody has opened the conversation,
    which is up to who asks.
    """
    found = [*of_channel(channel, now), *of_workspace(of_all)]
    off: list[str] = []
    if channel.portfolio and channel.tier:
        found.append(limits.tier(channel.portfolio, channel.tier))
    elif channel.portfolio:
        off.append(limits.mark(Scope.PORTFOLIO, channel.portfolio, "tier"))
    pairs = channel.adapter.capabilities.limits_pairs
    off += [
        *limits.missing(Scope.CHANNEL, str(channel.id), found),
        *limits.shared_missing(Scope.WORKSPACE, of_all.limits),
    ]
    return Path(
        tuple(found),
        (limits.pair(str(channel.id)),) if pairs else (),
        channel.pacing.in_flight or UNLIMITED,
        tuple(off),
    )
