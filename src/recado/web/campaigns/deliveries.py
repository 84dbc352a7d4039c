"""The table of a campaign's deliveries: one page of it, filtered by status."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from recado.domain.ids import CampaignId
from recado.features.reports import service as reports
from recado.features.reports.service import DeliveryShown
from recado.platform.i18n import Translator
from recado.platform.postgres import Transaction
from recado.web.campaigns import labels

PER_PAGE: Final = 50
LONGEST_TRAIL: Final = 40
"""How many pages one can go back step by step; the address carries where each began."""

_LONGEST_NUMBER: Final = 18  # digits, of a bigint


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery as the table shows it; ``problem`` says why it went no further."""

    id: int
    name: str
    phone: str
    status: str
    attempts: int
    parts: int
    parts_sent: int
    problem: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Table:
    """One page: its rows, the chosen status ('' for all), its number, its neighbours' addresses."""

    status: str
    rows: Sequence[Row]
    number: int
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the list a page begins, and where those before it began, as its address says."""

    status: str
    after: int
    trail: tuple[int, ...]
    number: int

    @classmethod
    def read(cls, query: QueryParams) -> "Place":
        """The place that an address names; what makes no sense there means the beginning."""
        status = query.get("status", "")
        trail = tuple(_number(step) for step in query.get("trail", "").split("-") if step)
        after = _number(query.get("after", ""))
        return cls(
            status=status if status in labels.DELIVERY else "",
            after=after,
            trail=trail[-LONGEST_TRAIL:],
            number=max(1, _number(query.get("page", ""))) if after else 1,
        )

    def on(self, after: int) -> "Place":
        """The page that follows, beginning after the last row of this one."""
        trail = (*self.trail, self.after)[-LONGEST_TRAIL:]
        return Place(self.status, after, trail, self.number + 1)

    def back(self) -> "Place | None":
        """The page before, or the first one where the way to that is no longer known."""
        if not self.after:
            return None
        before = self.trail[-1] if self.trail else 0
        return Place(self.status, before, self.trail[:-1], self.number - 1 if before else 1)

    def address(self, campaign_id: CampaignId) -> str:
        """The address of the campaign's page with this page of the list."""
        query = {
            "status": self.status,
            "after": self.after,
            "page": self.number if self.after else 0,
            "trail": "-".join(map(str, self.trail)) if self.after else "",
        }
        text = urlencode({name: value for name, value in query.items() if value})
        return f"/campaigns/{campaign_id}" + (f"?{text}" if text else "")


async def page(
    tx: Transaction, campaign_id: CampaignId, place: Place, language: Translator
) -> Table:
    """One page of the campaign's latest run.

    Raises:
        NotFound: No such campaign.

    """
    found = await reports.deliveries(
        tx,
        campaign_id,
        status=place.status or None,
        limit=PER_PAGE + 1,
        after=place.after or None,
    )
    shown, back = found[:PER_PAGE], place.back()
    return Table(
        status=place.status,
        rows=[_row(language, delivery) for delivery in shown],
        number=place.number,
        previous=back.address(campaign_id) if back else None,
        next=place.on(shown[-1].id).address(campaign_id) if len(found) > PER_PAGE else None,
    )


def _row(language: Translator, delivery: DeliveryShown) -> Row:
    moments = [delivery.sent_at, delivery.delivered_at, delivery.read_at, delivery.failed_at]
    return Row(
        id=delivery.id,
        name=delivery.name or "",
        phone=delivery.phone,
        status=delivery.status,
        attempts=delivery.attempts,
        parts=delivery.parts,
        parts_sent=delivery.parts_sent,
        problem=_problem(language, delivery),
        sent_at=delivery.sent_at,
        delivered_at=delivery.delivered_at,
        read_at=delivery.read_at,
        last_at=max((moment for moment in moments if moment), default=None),
    )


def _problem(language: Translator, delivery: DeliveryShown) -> str | None:
    """Why a delivery was held back, ended badly, or is tried again."""
    if delivery.reason:
        kind, _, tag = delivery.reason.partition(":")
        sentence = labels.REASONS.get(kind)
        return language.gettext(sentence, tag=tag) if sentence else delivery.reason
    if delivery.error_class or delivery.error_code:
        known = labels.ERRORS.get(delivery.error_class or "")
        words = language.gettext(known) if known else delivery.error_detail or ""
        return f"{words} ({delivery.error_code})" if delivery.error_code else words
    return None


def _number(text: str) -> int:
    """A number out of an address; 0 for anything that is none."""
    fits = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if fits else 0
