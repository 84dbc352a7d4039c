"""When campaigns will end: what the forecast needs to know, for many of them at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from recado.domain import pacing, presets
from recado.domain.estimates import Sender, behind, estimate
from recado.domain.forecast import Forecast
from recado.domain.ids import CampaignId
from recado.domain.pacing import Pacing
from recado.domain.schedules import parse_schedule
from recado.features.channels.service import pacing_of
from recado.features.settings import service as settings
from recado.features.workspaces import service as workspaces
from recado.platform.postgres import Row, Transaction
from recado.platform.sql import load

SQL = load(__package__ or "", "outlook.sql")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What lies before a campaign besides its own messages.

    Attributes:
        channels: Those that it goes through, as the table has them.
        saved: The workspace's settings.
        tz: The workspace's zone, which stands in for the contacts'.
        others: How many messages each other campaign has for the same channels.
    """

    channels: Sequence[Row]
    saved: Mapping[str, Any]
    tz: tzinfo
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
        full = pacing_of(channel["provider"], channel["pacing"], self.saved)
        return pacing.restrict(full, wish, presets.known(self.saved))

    def forecast(
        self,
        messages: int,
        schedule: Mapping[str, Any],
        wish: Mapping[str, Any],
        now: datetime,
        *,
        per_minute: float | None = None,
    ) -> Forecast:
        """How so many messages will go.

        Args:
            messages: Still to be sent.
            schedule: The campaign's, as it is stored.
            wish: The campaign's own pacing, as it is stored.
            now: Aware.
            per_minute: Of the last minute, where it runs.
        """
        return estimate(
            messages,
            [
                Sender(self.pacing(row, wish), row["used_today"], row["used_this_hour"])
                for row in self.working
            ],
            parse_schedule(schedule),
            now,
            self.tz,
            per_message_requests=behind(messages, self.others),
            per_minute=per_minute,
        )


def _stopped(row: Row) -> bool:
    """A pause with an end counts as none: it is short beside what a forecast looks at."""
    return row["paused_reason"] is not None and row["paused_until"] is None


async def of(
    tx: Transaction, campaigns: Sequence[CampaignId], now: datetime
) -> Mapping[CampaignId, Outlook]:
    """The outlook of each campaign, in four statements however many they are."""
    ids = [int(campaign) for campaign in campaigns]
    channels: defaultdict[int, list[Row]] = defaultdict(list)
    for row in await tx.all(SQL["senders"], workspace_id=tx.workspace_id, campaigns=ids, now=now):
        channels[row["campaign_id"]].append(row)
    others: defaultdict[int, list[float]] = defaultdict(list)
    for row in await tx.all(SQL["neighbours"], workspace_id=tx.workspace_id, campaigns=ids):
        others[row["campaign_id"]].append(row["messages"])
    saved = await settings.saved(tx)
    tz = ZoneInfo((await workspaces.current(tx)).timezone)
    return {
        campaign: Outlook(channels[campaign], saved, tz, others[campaign]) for campaign in campaigns
    }
