"""Filling the books of limits from PostgreSQL: after a flush, a restart, or for a new limit.

Whoever asks for a limit whose book is closed gets nothing, and fills it. One at a time does: it
makes a claim, waits until every grant of before is dead (its request is on record by then, if it
left), reads what PostgreSQL knows, and opens the limit if its claim still stands.
"""

import asyncio
import itertools
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from redis.asyncio import Redis

from recado.domain import limits
from recado.domain.ids import ContactId, WorkspaceId
from recado.domain.limits import PAIR_BURST, Kind, Limit, Scope
from recado.domain.pacing import INTERVAL_JITTER
from recado.features.dispatch.asks import SECOND_US, book_key, life_ms
from recado.features.dispatch.leases import SQL
from recado.features.dispatch.limiter import OPENED
from recado.features.gates.service import GRANT_LIFE
from recado.platform import logging
from recado.platform.postgres import Database, Transaction
from recado.platform.redis import key, script

log = logging.get(__name__)

CLAIM_SECONDS = 15  # a filler that died holds the others up for so long
BUSY_SECONDS = 0.05  # between two looks at whether another filler is done
# A claim leaves within five minutes or goes back; then its request may take its time.
LONGEST_ON_ITS_WAY = timedelta(minutes=7)
# A worker keeps outcomes for as long as PostgreSQL is away.
LONGEST_UNRECORDED = timedelta(hours=1)
CHUNK = 2_000  # books in one call
AT_ONCE = 4  # transactions


@dataclass(frozen=True, slots=True)
class Whose:
    """Which requests a group of limits counts; None: all of the workspace's."""

    channel_id: int | None = None
    campaign_id: int | None = None
    created_by: str | None = None
    portfolio: str | None = None


INSTALLATION = "recado:{installation}"  # before its keys
Entries = list[tuple[str, str]]


class Books:
    """The books of one workspace, or of the installation where no workspace is given."""

    def __init__(self, redis: "Redis", db: Database, workspace_id: WorkspaceId | None) -> None:
        self._redis = redis
        self._db = db
        self._workspace_id = workspace_id
        self._prefix = key(workspace_id) if workspace_id is not None else INSTALLATION
        self._fill = script(redis, __package__ or "", "fill.lua")

    async def fill(self, closed: Sequence[Limit]) -> None:
        """Fill the books of these limits, or wait while somebody else does.

        Raises:
            RedisError, DATABASE_AWAY: They stay closed.
        """
        owners = itertools.groupby(sorted(closed, key=_owner), _owner)
        groups = [(":".join(owner), list(group)) for owner, group in owners]
        at_once = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._fill_once(owner, group, at_once) for owner, group in groups))

    async def _fill_once(
        self, owner: str, group: Sequence[Limit], at_once: asyncio.Semaphore
    ) -> None:
        claim_key = f"{self._prefix}:{OPENED}:filling:{owner}"
        claim = secrets.token_hex(8)
        if not await self._redis.set(claim_key, claim, nx=True, ex=CLAIM_SECONDS):
            await asyncio.sleep(BUSY_SECONDS)
            return
        try:
            await asyncio.sleep(GRANT_LIFE)
            async with at_once:
                await self._fill_group(group, claim_key, claim)
        finally:
            await self._redis.delete(claim_key)

    async def _fill_group(self, group: Sequence[Limit], claim_key: str, claim: str) -> None:
        seconds, microseconds = await self._redis.time()
        now = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(microseconds))
        written: list[tuple[str, dict[str, Any]]] = []
        async with self._transaction() as tx:
            for limit in group:
                found = await _entries(tx, self._workspace_id, limit, now)
                written += [
                    (
                        book_key(self._prefix, limit, contact),
                        {"kind": limit.kind.value, "life": life_ms(limit), "entries": entries},
                    )
                    for contact, entries in found
                ]
        marks = [limit.mark for limit in group]
        chunks = [written[i : i + CHUNK] for i in range(0, len(written), CHUNK)] or [[]]
        for number, chunk in enumerate(chunks, start=1):
            given = {
                "marks": marks if number == len(chunks) else [],
                "books": [book for _, book in chunk],
            }
            filled = await self._fill(
                keys=[f"{self._prefix}:{OPENED}", claim_key, *(name for name, _ in chunk)],
                args=[claim, msgspec.json.encode(given)],
            )
            if not filled:
                return
        log.info("limits filled from what is on record", limits=marks)

    def _transaction(self) -> AbstractAsyncContextManager[Transaction]:
        if self._workspace_id is None:
            return self._db.system()
        return self._db.workspace(self._workspace_id)


def _owner(limit: Limit) -> tuple[str, str]:
    return (limit.scope.value, limit.subject)


def whose(limit: Limit) -> Whose:
    """Which requests a limit counts."""
    match limit.scope:
        case Scope.CHANNEL:
            return Whose(channel_id=int(limit.subject))
        case Scope.CAMPAIGN:
            channel, campaign = limit.subject.split(".")
            return Whose(channel_id=int(channel), campaign_id=int(campaign))
        case Scope.USER:
            return Whose(created_by=limit.subject)
        case Scope.PORTFOLIO:
            return Whose(portfolio=limit.subject)
        case Scope.CONTACT:
            return Whose(channel_id=int(limit.subject) if limit.subject else None)
        case _:
            return Whose()


async def _entries(
    tx: Transaction, workspace_id: WorkspaceId | None, limit: Limit, now: datetime
) -> list[tuple[ContactId | None, Entries]]:
    """What stands in a limit's books: for one, or for each contact's."""
    params = {"workspace_id": workspace_id, "now": now, **asdict(whose(limit))}
    if limit.kind is Kind.MINUTES:
        since = limits.first_minute(now, limit.seconds + limits.MINUTE)
        rows = await tx.all(
            SQL["used_minutes"], since=since, claimed_since=now - LONGEST_UNRECORDED, **params
        )
        return [(None, [(_minute(row["minute"]), str(row["requests"])) for row in rows])]
    if limit.kind is Kind.INTERVAL:
        since = now - LONGEST_ON_ITS_WAY
        last = await tx.value(SQL["last_departure"], claimed_since=since, **params)
        return [(None, _free_at(limit, last))]
    span = timedelta(seconds=limit.seconds * (PAIR_BURST if limit.kind is Kind.RATE else 1) + 1)
    rows = await tx.all(
        SQL["departures"],
        since=now - span,
        claimed_since=now - span - LONGEST_ON_ITS_WAY,
        **params,
    )
    return list(_sorted_out(limit, rows))


def _free_at(limit: Limit, last: datetime | None) -> Entries:
    """Nobody knows how many there were in a row: the longer of the two pauses is due."""
    if last is None:
        return []
    pause = limit.longer if limit.longer_after else limit.seconds
    return [("free_at", str(_us(last) + round(pause * (1 + INTERVAL_JITTER) * SECOND_US)))]


def _sorted_out(
    limit: Limit, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[ContactId | None, Entries]]:
    if limit.scope is not Scope.CONTACT:
        if limit.kind is Kind.UNIQUE:
            last = {str(row["contact_id"]): str(_us(row["at"])) for row in rows}
            yield None, list(last.items())
        else:
            yield (
                None,
                [(f"{row['reference']}@{_us(row['at'])}", str(_us(row["at"]))) for row in rows],
            )
        return
    by_contact: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["contact_id"] is not None:
            by_contact.setdefault(row["contact_id"], []).append(row)
    for contact, theirs in by_contact.items():
        if limit.kind is Kind.RATE:
            times = [float(_us(row["at"])) for row in theirs]
            until = limits.caught_up(times, limit.seconds * SECOND_US)
            yield ContactId(contact), [("until", f"{until:.0f}")]
        else:
            last = {str(row["delivery_id"]): str(_us(row["at"])) for row in theirs}
            yield ContactId(contact), list(last.items())


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND_US)


def _minute(moment: datetime) -> str:
    return str(int(moment.timestamp()) // 60)
