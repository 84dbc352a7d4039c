"""When campaigns will end: what the forecast needs to know, for many of them at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from recado.domain import pacing, presets, splitting
from recado.domain.estimates import Sender, Sharing, estimate
from recado.domain.forecast import Forecast
from recado.domain.ids import CampaignId
from recado.domain.pacing import Pacing
from recado.domain.schedules import parse_schedule
from recado.features.channels.service import pacing_of
from recado.features.settings import rate_limits
from recado.features.settings import service as settings
from recado.features.workspaces import service as workspaces
from recado.platform.postgres import Row, Transaction
from recado.platform.sql import load

SQL = load(__package__ or "", "outlook.sql")


class Plan(Protocol):
    """What a campaign says itself about how it goes, each as it is stored."""

    @property
    def content(self) -> Mapping[str, Any]: ...
    @property
    def schedule(self) -> Mapping[str, Any]: ...
    @property
    def pacing(self) -> Mapping[str, Any]: ...
    @property
    def fail_over(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """What lies before a campaign besides its own messages.

    Attributes:
        channels: Those that it goes through, as the table has them.
        saved: The workspace's settings.
        tz: The workspace's zone, which stands in for the contacts'.
        limits: The workspace's own: name → most.
        others: How many messages each other campaign has for the same channels.
    """

    channels: Sequence[Row]
    saved: Mapping[str, Any]
    tz: tzinfo
    limits: Mapping[str, int]
    others: Sequence[float] = ()

    @property
    def working(self) -> list[Row]:
        """The channels that need no person's help to send."""
        return [row for row in self.channels if not _stopped(row)]

    @property
    def stopped(self) -> dict[str, str]:
        """The names of those that do, with the reason."""
        return {row["name"]: row["paused_reason"] for row in self.channels if _stopped(row)}

    def pacing(self, channel: Row, wish: Mapping[str, Any]) -> Pacing:
        """The pace on a channel of a campaign with such wishes."""
        full = pacing_of(
            channel["provider"],
            channel["pacing"],
            self.saved,
            throughput=channel["throughput"],
        )
        return pacing.restrict(full, wish, presets.known(self.saved))

    def forecast(
        self,
        messages: int,
        plan: Plan,
        now: datetime,
        *,
        per_minute: float | None = None,
        warming_up: bool = True,
    ) -> Forecast:
        """How so many messages will go.

        Args:
            messages: Still to be sent.
            plan: What the campaign itself says about it.
            now: Aware.
            per_minute: Of the last minute, where it runs.
            warming_up: Whether new channels keep to the number of their day.
        """
        return estimate(
            messages,
            [self._sender(row, plan.pacing, now, warming_up=warming_up) for row in self.working],
            parse_schedule(plan.schedule),
            now,
            self.tz,
            sharing=Sharing(self.others, self.limits, dealt=not plan.fail_over),
            parts=parts_of(plan.content),
            per_minute=per_minute,
        )

    def _sender(
        self, row: Row, wish: Mapping[str, Any], now: datetime, *, warming_up: bool
    ) -> Sender:
        pace = self.pacing(row, wish)
        return Sender(
            pace if warming_up else replace(pace, warm_up_daily=None),
            row["used_today"],
            row["used_this_hour"],
            age_days(row, now),
            row["portfolio"],
            row["tier"],
        )


def parts_of(content: Mapping[str, Any]) -> int:
    """Requests that a message takes: the parts of its text as it was written, names left open."""
    return _parts(content.get("text", ""), content.get("max_split_parts", 1))


@lru_cache(maxsize=256)  # of the same few campaigns every two seconds
def _parts(text: str, most: int) -> int:
    return len(splitting.split(text, most)) if most > 1 else 1


def age_days(channel: Row, now: datetime) -> float:
    """How old a channel is."""
    return float((now - channel["created_at"]) / timedelta(days=1))


def _stopped(row: Row) -> bool:
    """A pause with an end counts as none: it is short beside what a forecast looks at."""
    return row["paused_reason"] is not None and row["paused_until"] is None


async def of(
    tx: Transaction, campaigns: Sequence[CampaignId], now: datetime
) -> Mapping[CampaignId, Outlook]:
    """The outlook of each campaign, in five statements however many they are."""
    ids = [int(campaign) for campaign in campaigns]
    channels: defaultdict[int, list[Row]] = defaultdict(list)
    for row in await tx.all(SQL["senders"], workspace_id=tx.workspace_id, campaigns=ids, now=now):
        channels[row["campaign_id"]].append(row)
    others: defaultdict[int, list[float]] = defaultdict(list)
    for row in await tx.all(SQL["neighbours"], workspace_id=tx.workspace_id, campaigns=ids):
        others[row["campaign_id"]].append(row["messages"])
    saved = await settings.saved(tx)
    limits = await rate_limits.of_workspace(tx)
    tz = ZoneInfo((await workspaces.current(tx)).timezone)
    return {
        campaign: Outlook(channels[campaign], saved, tz, limits, others[campaign])
        for campaign in campaigns
    }
