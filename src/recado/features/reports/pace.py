"""How fast a campaign has gone so far: what the chart of its page begins with."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from recado.domain.ids import CampaignId
from recado.features.campaigns import service as campaigns
from recado.platform.postgres import Transaction
from recado.platform.sql import load

SQL = load(__package__ or "", "pace.sql")

MOST_READ: Final = 50_000
"""Deliveries of a run up to which they are read one by one; beyond, the minutes on record do."""

POINTS: Final = 120
SHORTEST_STEP: Final = 2  # seconds, as often as live progress is told
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Pace:
    """Two columns of one length: seconds since 1970, and messages per minute at that time."""

    seconds: tuple[int, ...] = ()
    per_minute: tuple[float, ...] = ()


async def so_far(tx: Transaction, campaign_id: CampaignId, now: datetime) -> Pace:
    """The pace of the latest run in at most about a hundred steps, its pauses included.

    Of a run with more than 50,000 deliveries it is the pace of its channels, minute by minute,
    which other campaigns may share.
    """
    run = await campaigns.latest_run(tx, campaign_id)
    if run is None:
        return Pace()
    began = run.started_at.timestamp()
    ended = min(now, run.finished_at or now).timestamp()
    step = max(SHORTEST_STEP, math.ceil((ended - began) / POINTS))
    if run.total <= MOST_READ:
        rows = await tx.all(
            SQL["sent_by_step"],
            workspace_id=tx.workspace_id,
            run_id=run.id,
            began=run.started_at,
            step=step,
        )
    else:
        step = max(_MINUTE, step)
        rows = await tx.all(
            SQL["requests_by_step"],
            workspace_id=tx.workspace_id,
            campaign_id=campaign_id,
            began=run.started_at,
            ended=run.finished_at or now,
            step=step,
        )
    # The step that has not ended yet would look like a slump.
    whole = math.ceil if run.finished_at else math.floor
    return _pace(rows, began=began, steps=whole((ended - began) / step), step=step)


def _pace(rows: Iterable[Mapping[str, Any]], *, began: float, steps: int, step: int) -> Pace:
    """The steps in their order, from the first message on, each at its end."""
    sent = {row["at"]: row["sent"] for row in rows}
    if not sent:
        return Pace()
    shown = range(min(sent), steps)
    return Pace(
        seconds=tuple(round(began + (at + 1) * step) for at in shown),
        per_minute=tuple(round(sent.get(at, 0) * _MINUTE / step, 1) for at in shown),
    )
