"""How many messages of a run the provider refused in a row for what they say or how they are made.

Counted in Redis by all workers together. After a flush it begins anew: a campaign that is wrong is
then paused a few messages later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain.ids import RunId, WorkspaceId
from recado.features.dispatch.records import Result
from recado.platform import logging
from recado.platform.redis import key

log = logging.get(__name__)

MOST_IN_A_ROW = 5
KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Row:
    """What a batch of one run's outcomes adds to the row that was there before.

    Attributes:
        before: Suspicious ones before the first that was accepted; all, if none was.
        within: The longest row after that.
        after: Those since the last that was accepted.
        broken: Whether any was accepted.
    """

    before: int = 0
    within: int = 0
    after: int = 0
    broken: bool = False


def row_of(results: Iterable[Result]) -> Row:
    """The rows in some outcomes of one run, in the order in which they were answered."""
    row, before, within, broken = 0, 0, 0, False
    for result in results:
        if result.result == "accepted":
            if not broken:
                before, broken = row, True
            row = 0
        elif result.decision is not None and result.decision.suspects_campaign:
            row += 1
            within = max(within, row) if broken else 0
    return Row(before if broken else row, within, row, broken)


async def suspects(
    redis: "Redis", workspace_id: WorkspaceId, results: Sequence[Result]
) -> dict[RunId, Result]:
    """Runs that were refused too often in a row → the last such refusal."""
    by_run: dict[RunId, list[Result]] = {}
    for result in results:
        if result.run_id is not None:
            by_run.setdefault(result.run_id, []).append(result)
    found: dict[RunId, Result] = {}
    for run_id, theirs in by_run.items():
        if await _longest(redis, _key(workspace_id, run_id), row_of(theirs)) >= MOST_IN_A_ROW:
            found[run_id] = next(
                one
                for one in reversed(theirs)
                if one.decision is not None and one.decision.suspects_campaign
            )
    return found


async def begin_anew(redis: "Redis", workspace_id: WorkspaceId, run_id: RunId) -> None:
    """A run that is paused for it starts from nothing when it goes on."""
    try:
        await redis.delete(_key(workspace_id, run_id))
    except (RedisError, OSError) as error:
        log.warning("row of refusals not forgotten", run=run_id, error=str(error))


async def _longest(redis: "Redis", name: str, row: Row) -> int:
    """The longest row that this batch has a part in."""
    if not (row.before or row.within or row.broken):
        return 0
    try:
        if not row.broken:
            count = int(await redis.incrby(name, row.before))
            await redis.expire(name, KEPT_SECONDS)
            return count
        known: Any = await redis.set(name, row.after, ex=KEPT_SECONDS, get=True)
    except (RedisError, OSError) as error:
        log.warning("row of refusals not counted", error=str(error))
        known = None
    # What was there before has had its answer, unless it goes on in this batch.
    joined = int(known or 0) + row.before if row.before else 0
    return max(joined, row.within, row.after)


def _key(workspace_id: WorkspaceId, run_id: RunId) -> str:
    return key(workspace_id, "run", run_id, "refused")
