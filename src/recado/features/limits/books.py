"""Filling the books of limits from PostgreSQL: after a flush, a restart, or for a new limit.

Whoever asks for a limit whose book is closed gets nothing, and fills it. One at a time does: it
makes a claim, waits until every grant of before is dead (its request is on record by then, if it
left), reads what PostgreSQL knows, and opens the limit if its claim still stands.
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain import limits
from recado.domain.ids import ContactId, WorkspaceId
from recado.domain.limits import CONTACT_DAILY, PAIR_BURST, Kind, Limit, Scope
from recado.domain.pacing import INTERVAL_JITTER
from recado.features.gates.service import GRANT_LIFE
from recado.features.limits.asks import SECOND_US, book_key, life_ms
from recado.features.limits.limiter import OPENED
from recado.platform import logging
from recado.platform.postgres import Database, Row, Transaction
from recado.platform.redis import key, script
from recado.platform.sql import load

log = logging.get(__name__)
SQL = load(__package__ or "")

CLAIM_SECONDS = 15  # a filler that died holds the others up for so long
BUSY_SECONDS = 0.05  # between two looks at whether another filler is done
# A claim leaves within five minutes or goes back; then its request may take its time.
LONGEST_ON_ITS_WAY = timedelta(minutes=7)
# A worker keeps outcomes for as long as PostgreSQL is away.
LONGEST_UNRECORDED = timedelta(hours=1)
CHUNK = 2_000  # books and entries in one call
AT_ONCE = 4  # transactions


@dataclass(frozen=True, slots=True)
class Whose:
    """Which requests a group of limits counts; None: all of the workspace's."""

    channel_id: int | None = None
    campaign_id: int | None = None
    created_by: str | None = None
    portfolio: str | None = None
    of_campaigns: bool = False  # answers in conversations do not count


INSTALLATION = "recado:{installation}"  # before its keys
Entries = list[tuple[str, str]]


class Books:
    """The books of one workspace, or of the installation where no workspace is given."""

    def __init__(self, redis: "Redis", db: Database, workspace_id: WorkspaceId | None) -> None:
        self._redis = redis
        self._db = db
        self._workspace_id = workspace_id
        self._prefix = key(workspace_id) if workspace_id is not None else INSTALLATION
        package = __package__ or ""
        self._begin = script(redis, package, "begin_filling.lua")
        self._fill = script(redis, package, "fill.lua")

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
        begun = await self._begin(
            keys=[f"{self._prefix}:{OPENED}", claim_key],
            args=[claim, CLAIM_SECONDS * 1000, *(limit.mark for limit in group)],
        )
        if not begun:
            await asyncio.sleep(BUSY_SECONDS)
            return
        keeping = asyncio.create_task(self._keep(claim_key), name=f"keep {claim_key}")
        try:
            await asyncio.sleep(GRANT_LIFE)
            async with at_once:
                await self._fill_group(group, claim_key, claim)
        finally:
            keeping.cancel()
            if str(await self._redis.get(claim_key)).startswith(claim):
                await self._redis.delete(claim_key)

    async def _keep(self, claim_key: str) -> None:
        """There may be much to read. Whose claim it is by now shows when the books are written."""
        while True:
            await asyncio.sleep(CLAIM_SECONDS / 3)
            with suppress(RedisError):
                await self._redis.expire(claim_key, CLAIM_SECONDS)

    async def _fill_group(self, group: Sequence[Limit], claim_key: str, claim: str) -> None:
        seconds, microseconds = await self._redis.time()
        now = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(microseconds))
        marks = [limit.mark for limit in group]
        chunk: list[tuple[str, dict[str, Any]]] = []
        entries = 0

        async def write(*, last: bool) -> bool:
            given = {"marks": marks, "last": last, "books": [book for _, book in chunk]}
            filled = await self._fill(
                keys=[f"{self._prefix}:{OPENED}", claim_key, *(name for name, _ in chunk)],
                args=[claim, msgspec.json.encode(given)],
            )
            chunk.clear()
            return bool(filled)

        async with (
            self._transaction() as tx,
            aclosing(_books(tx, self._workspace_id, self._prefix, group, now)) as books,
        ):
            async for name, book in books:
                chunk.append((name, book))
                entries += 1 + len(book["entries"])
                if entries >= CHUNK:
                    entries = 0
                    if not await write(last=False):
                        return
        if await write(last=True):
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
            return Whose(
                channel_id=int(limit.subject) if limit.subject else None,
                of_campaigns=limit.name == CONTACT_DAILY,
            )
        case _:
            return Whose()


async def _books(
    tx: Transaction,
    workspace_id: WorkspaceId | None,
    prefix: str,
    group: Sequence[Limit],
    now: datetime,
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """All books of these limits, large ones in several pieces: their keys, and what to write."""
    for limit in group:
        before: ContactId | None = None
        begun = False
        async with aclosing(_entries(tx, workspace_id, limit, now)) as found:
            async for contact, entries in found:
                yield (
                    book_key(prefix, limit, contact),
                    {
                        "kind": limit.kind.value,
                        "life": life_ms(limit),
                        "goes_on": begun and contact == before,
                        "entries": entries,
                    },
                )
                before, begun = contact, True


async def _entries(
    tx: Transaction, workspace_id: WorkspaceId | None, limit: Limit, now: datetime
) -> AsyncGenerator[tuple[ContactId | None, Entries], None]:
    """What stands in a limit's books: in one, piece by piece, or in each contact's."""
    params = {"workspace_id": workspace_id, "now": now, **asdict(whose(limit))}
    if limit.kind is Kind.MINUTES:
        since = limits.first_minute(now, limit.seconds + limits.MINUTE)
        counted = await tx.all(
            SQL["used_minutes"], since=since, claimed_since=now - LONGEST_UNRECORDED, **params
        )
        # From the first minute that counts: should the clock step back, nothing lies before it.
        minutes = [(_minute(row["minute"]), str(row["requests"])) for row in counted]
        yield None, [(_minute(since), "0"), *minutes]
        return
    if limit.kind is Kind.INTERVAL:
        since = now - LONGEST_ON_ITS_WAY
        last = await tx.value(
            SQL["last_departure"], since=since, claimed_since=since - LONGEST_ON_ITS_WAY, **params
        )
        yield None, _free_at(limit, last)
        return
    # Of a rate twice as far as it may be borrowed: by half of that, what was owed before is paid.
    span = limit.seconds * (2 * PAIR_BURST if limit.kind is Kind.RATE else 1) + 1
    since = now - timedelta(seconds=span)
    async with tx.streamed(
        SQL["departures"], since=since, claimed_since=since - LONGEST_ON_ITS_WAY, **params
    ) as rows:
        if limit.scope is Scope.CONTACT:
            async for theirs in _by_contact(rows):
                yield ContactId(theirs[0]["contact_id"]), _of_contact(limit, theirs, since)
            return
        piece: dict[str, str] = {}
        reached = ""
        async for row in rows:
            at = str(_us(row["at"]))
            if limit.kind is Kind.LOG:
                piece[f"{row['reference']}@{at}"] = at
            elif not row["under_way"]:
                reached = _person(row)
                piece[reached] = at
            elif _person(row) != reached:
                piece[f"?{_person(row)}"] = at
            if len(piece) >= CHUNK:
                yield None, list(piece.items())
                piece = {}
        yield None, list(piece.items())


def _free_at(limit: Limit, last: datetime | None) -> Entries:
    """Nobody knows how many there were in a row: the longer of the two pauses is due."""
    if last is None:
        return []
    pause = limit.longer if limit.longer_after else limit.seconds
    return [("free_at", str(_us(last) + round(pause * (1 + INTERVAL_JITTER) * SECOND_US)))]


async def _by_contact(rows: AsyncIterator[Row]) -> AsyncIterator[list[Row]]:
    """The rows of one contact after the other; they come in this order."""
    theirs: list[Row] = []
    async for row in rows:
        if theirs and theirs[0]["contact_id"] != row["contact_id"]:
            yield theirs
            theirs = []
        if row["contact_id"] is not None:
            theirs.append(row)
    if theirs:
        yield theirs


def _of_contact(limit: Limit, theirs: Sequence[Row], since: datetime) -> Entries:
    if limit.kind is Kind.RATE:
        times = [float(_us(row["at"])) for row in theirs]
        owed = _us(since) + limit.most * limit.seconds * SECOND_US
        return [("until", f"{limits.caught_up(times, limit.seconds * SECOND_US, owed):.0f}")]
    left = {str(row["delivery_id"]): row for row in theirs if not row["under_way"]}
    others = {str(row["delivery_id"]): row for row in theirs if row["under_way"]}
    left |= {f"?{delivery}": row for delivery, row in others.items() if delivery not in left}
    return [(name, str(_us(row["at"]))) for name, row in left.items()]


def _person(row: Row) -> str:
    """Those who were deleted since are different people still."""
    contact = row["contact_id"]
    return f"delivery {row['delivery_id']}" if contact is None else str(contact)


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND_US)


def _minute(moment: datetime) -> str:
    return str(int(moment.timestamp()) // 60)
