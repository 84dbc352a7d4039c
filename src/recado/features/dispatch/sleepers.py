"""Deliveries whose contacts are outside their own hours: put off in bulk until those begin.

A claim that meets one sees to all around it, so that a run whose contacts are asleep costs two
statements for thousands of them, once a night, and no claim each.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from recado.domain.ids import RunId, WorkspaceId
from recado.domain.schedules import Verdict
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.hours import Hours
from recado.features.dispatch.plans import ChannelPlan
from recado.features.dispatch.transactions import short
from recado.platform.postgres import Database, Row
from recado.platform.sql import load

SQL = load(__package__ or "", "hours.sql")

PAGE: Final = 5_000
MOST_PAGES: Final = 2  # at a time: other runs of the channel wait meanwhile


async def put_off(
    db: Database,
    workspace_id: WorkspaceId,
    plan: ChannelPlan,
    asleep: Sequence[Claim],
    now: datetime,
) -> None:
    """Put off what is due and must wait for its contacts' hours.

    Args:
        db: Where they are.
        workspace_id: Whose.
        plan: With the hours of each run.
        asleep: Claims that were met and given back; from the first of each run on, all are seen to.
        now: Aware.
    """
    for run_id in {claim.run_id for claim in asleep}:
        since: int | None = min(c.reference.delivery_id for c in asleep if c.run_id == run_id)
        for _ in range(MOST_PAGES):
            if since is not None:
                page = _Page(workspace_id, run_id, since, now)
                since = await _see_to(db, page, plan.runs[run_id].hours)


async def wake_up(db: Database, workspace_id: WorkspaceId, run_id: RunId, now: datetime) -> None:
    """Make due again what a run has put off; who must go on waiting will be put off anew."""
    woken = PAGE
    while woken == PAGE:
        async with short(db, workspace_id) as tx:
            woken = await tx.run(
                SQL["wake_up"], workspace_id=workspace_id, run_id=run_id, now=now, most=PAGE
            )


@dataclass(frozen=True, slots=True)
class _Page:
    """Due deliveries of a run, from an id on."""

    workspace_id: WorkspaceId
    run_id: RunId
    since: int
    now: datetime


async def _see_to(db: Database, page: _Page, hours: Hours) -> int | None:
    """Put off those of a page that must wait; where the next begins, None after the last."""
    async with short(db, page.workspace_id) as tx:
        rows = await tx.all(SQL["due_deliveries"], **asdict(page), most=PAGE)
        # Thousands of numbers' zones take long enough for a grant to die meanwhile.
        late = await asyncio.to_thread(_waiting, rows, hours, page.now)
        if late:
            await tx.run(
                SQL["put_off"],
                workspace_id=page.workspace_id,
                deliveries=list(late),
                due=list(late.values()),
            )
    return int(rows[-1]["id"]) + 1 if len(rows) == PAGE else None


def _waiting(rows: Sequence[Row], hours: Hours, now: datetime) -> dict[int, datetime]:
    """Deliveries that must wait, and until when."""
    found: dict[int, datetime] = {}
    for row in rows:
        decision = hours.of_contact(row["timezone"], row["phone"], now)
        if decision.verdict is Verdict.WAIT and decision.until is not None:
            found[row["id"]] = decision.until
    return found
