"""Reading the deliveries of a campaign's latest run."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from recado.domain.deliveries import DeliveryState
from recado.domain.errors import InvalidInput
from recado.domain.ids import CampaignId, RunId, WorkspaceId
from recado.domain.spreadsheets import csv_safe
from recado.features.campaigns import service as campaigns
from recado.features.workspaces import service as workspaces
from recado.platform.postgres import Database, Transaction
from recado.platform.sql import load

SQL = load(__package__ or "")
REPORT_BATCH = 2_000

REPORT_COLUMNS = (
    "contact_id", "name", "phone", "status", "reason", "attempts", "error_code", "error_class",
    "error_detail", "sent_at", "delivered_at", "read_at", "failed_at", "provider_id",
    "held",
)  # fmt: skip
_TIMES = frozenset({"sent_at", "delivered_at", "read_at", "failed_at"})
_PEOPLES_WORDS = frozenset({"name", "reason", "error_detail"})


class UnknownStatus(InvalidInput):
    code = "unknown_status"
    sentence = "There is no status '{status}'. Use one of: {known}."


class DeliveryShown(BaseModel):
    """One contact in one run, and how it went."""

    id: int
    contact_id: int | None
    name: str | None
    phone: str
    status: str
    reason: str | None
    attempts: int
    error_code: str | None
    error_class: str | None
    error_detail: str | None
    channel_id: int | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    provider_id: str | None
    held: bool = Field(description="accepted, and kept back until its template has been judged")
    parts: int = Field(description="messages that the text came out as")
    parts_sent: int = Field(description="how many of them the provider accepted and has not failed")


async def deliveries(
    tx: Transaction,
    campaign_id: CampaignId,
    *,
    status: str | None,
    limit: int,
    after: int | None,
) -> list[DeliveryShown]:
    """Deliveries of the latest run in the order of their ids.

    Raises:
        NotFound: No such campaign.
        UnknownStatus: The filter names no state.
    """
    if status is not None and status not in set(DeliveryState):
        raise UnknownStatus(status=status, known=", ".join(DeliveryState))
    await campaigns.get(tx, campaign_id)
    run = await campaigns.latest_run(tx, campaign_id)
    if run is None:
        return []
    statuses = [status] if status else [state.value for state in DeliveryState]
    rows = await _page(tx, RunId(run.id), statuses=statuses, after=after or 0, most=limit)
    return [DeliveryShown(**row) for row in rows]


async def _page(
    tx: Transaction, run_id: RunId, *, statuses: Sequence[str], after: int, most: int
) -> list[dict[str, Any]]:
    return await tx.all(
        SQL["deliveries"],
        workspace_id=tx.workspace_id,
        run_id=run_id,
        statuses=list(statuses),
        after=after,
        most=most,
    )


async def report(
    db: Database, workspace_id: WorkspaceId, campaign_id: CampaignId
) -> AsyncIterator[str]:
    """The latest run as CSV, a line per contact, in pieces; times are the workspace's own.

    It starts with a byte order mark, without which Excel would not read the accents.
    """
    async with db.workspace(workspace_id) as tx:
        zone = ZoneInfo((await workspaces.current(tx)).timezone)
        run = await campaigns.latest_run(tx, campaign_id)
    yield "\ufeff" + _lines([list(REPORT_COLUMNS)])
    after = 0
    every_state = [state.value for state in DeliveryState]
    while run is not None:
        async with db.workspace(workspace_id) as tx:
            rows = await _page(
                tx, RunId(run.id), statuses=every_state, after=after, most=REPORT_BATCH
            )
        if not rows:
            return
        yield _lines([_cells(row, zone) for row in rows])
        after = rows[-1]["id"]


def _cells(row: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    cells = []
    for column in REPORT_COLUMNS:
        value = row[column]
        if value is None or value is False:
            cells.append("")
        elif value is True:
            cells.append("true")
        elif column in _TIMES:
            cells.append(value.astimezone(zone).isoformat(timespec="seconds"))
        else:
            cells.append(csv_safe(value) if column in _PEOPLES_WORDS else str(value))
    return cells


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
