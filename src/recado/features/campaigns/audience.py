"""Whom a campaign is aimed at: one rule, ``campaign_audience()``, for whoever asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recado.features.settings import service as settings
from recado.platform.postgres import Transaction
from recado.platform.sql import load

SQL = load(__package__ or "", "audience.sql")


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are.

    Attributes:
        audience: Who will be written to.
        dead: Those of them whose numbers are known not to be on WhatsApp; and
        unchecked: those of whose numbers nothing is known.
        suppressed: Who will not, by the reason.
    """

    audience: int
    dead: int
    unchecked: int
    suppressed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One who will not be written to: who, and why."""

    contact_id: int
    name: str
    phone: str
    reason: str


async def parameters(
    tx: Transaction, audience: Mapping[str, Any], *, skip_dead: bool
) -> dict[str, Any]:
    """What ``campaign_audience()`` is asked with for a campaign's audience as it is stored."""
    suppressing = await settings.suppression_tags(tx)
    return {
        "list_ids": audience.get("list_ids", []),
        "tags": [tag.lower() for tag in audience.get("tags", [])],
        "contact_ids": audience.get("contact_ids", []),
        "suppression_tags": [tag.strip().lower() for tag in suppressing],
        "skip_dead": skip_dead,
    }


async def count(tx: Transaction, asked: Mapping[str, Any]) -> Count:
    """How many a start would write down now, by what would become of them."""
    rows = await tx.all(SQL["count_audience"], **asked)
    written_to = next((row for row in rows if row["reason"] is None), None)
    return Count(
        audience=written_to["contacts"] if written_to else 0,
        dead=written_to["dead"] if written_to else 0,
        unchecked=written_to["unchecked"] if written_to else 0,
        suppressed={row["reason"]: row["contacts"] for row in rows if row["reason"] is not None},
    )


async def suppressed(
    tx: Transaction, asked: Mapping[str, Any], *, after: int | None, limit: int
) -> Sequence[Suppressed]:
    """Who would not be written to, by id."""
    rows = await tx.all(SQL["suppressed"], after=after or 0, limit=limit, **asked)
    return [Suppressed(**row) for row in rows]
