"""Outcomes are recorded in batches, and none is lost to another's trouble."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ContactId, DeliveryId, Reference, RunId
from recado.features.dispatch import recorder as recorder_module
from recado.features.dispatch.recorder import BATCH, Recorder
from recado.features.dispatch.records import Result

PATIENCE = 5.0


def outcome(number: int) -> Result:
    return Result(
        reference=Reference(DeliveryId(number), 1, 1),
        contact_id=ContactId(1),
        run_id=RunId(1),
        result="accepted",
        status=DeliveryState.SENT,
        provider_id=f"wamid.{number}",
    )


class Book:
    """Where a recorder writes; some numbers it does not take."""

    def __init__(self, *, refuses: Sequence[int] = (), away_for: int = 0) -> None:
        self.batches: list[list[Result]] = []
        self.told: list[Result] = []
        self.news = asyncio.Event()
        self._refuses = refuses
        self._away_for = away_for

    async def write(self, batch: Sequence[Result]) -> None:
        if self._away_for:
            self._away_for -= 1
            raise psycopg.OperationalError("the database system is starting up")
        if any(r.provider_id and r.reference.delivery_id in self._refuses for r in batch):
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        self.batches.append(list(batch))

    async def recorded(self, batch: Sequence[Result]) -> None:
        self.told.extend(batch)
        self.news.set()

    @property
    def written(self) -> list[Result]:
        return [result for batch in self.batches for result in batch]


async def heard_of(book: Book, count: int) -> None:
    """Return once so many outcomes are on record."""
    async with asyncio.timeout(PATIENCE):
        while len(book.told) < count:
            book.news.clear()
            await book.news.wait()


async def close(recorder: Recorder) -> None:
    async with asyncio.timeout(PATIENCE):
        await recorder.close()


async def test_outcomes_of_a_moment_share_a_batch() -> None:
    book = Book()
    recorder = Recorder(book.write, book.recorded)
    for number in range(120):
        recorder.add(outcome(number))
    await close(recorder)
    assert [len(batch) for batch in book.batches] == [BATCH, BATCH, 20]
    assert book.told == book.written == [outcome(number) for number in range(120)]


async def test_a_full_batch_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "PAUSE_SECONDS", 60)
    book = Book()
    recorder = Recorder(book.write, book.recorded)
    for number in range(BATCH):
        recorder.add(outcome(number))
    await heard_of(book, BATCH)
    await close(recorder)


async def test_who_waits_for_an_outcome_can_hurry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "PAUSE_SECONDS", 60)
    book = Book()
    recorder = Recorder(book.write, book.recorded)
    for number in range(3):  # one after the other, each on its own
        recorder.add(outcome(number))
        recorder.hurry()
        await heard_of(book, number + 1)
    assert [len(batch) for batch in book.batches] == [1, 1, 1]
    await close(recorder)


async def test_outcomes_wait_until_postgresql_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "RETRY_SECONDS", 0)
    book = Book(away_for=20)
    recorder = Recorder(book.write, book.recorded)
    recorder.add(outcome(1))
    await close(recorder)
    assert book.told == [outcome(1)]


async def test_an_outcome_that_cannot_be_recorded_is_unknown_and_holds_up_no_other() -> None:
    book = Book(refuses=[3, 70])
    recorder = Recorder(book.write, book.recorded)
    for number in range(80):
        recorder.add(outcome(number))
    await close(recorder)
    results = {result.reference.delivery_id: result.result for result in book.written}
    assert len(results) == 80
    assert [number for number, result in results.items() if result == "unknown"] == [3, 70]
    assert len(book.told) == 80


async def test_an_outcome_that_cannot_be_recorded_at_all_keeps_its_slot() -> None:
    class Broken(Book):
        async def write(self, batch: Sequence[Result]) -> None:
            if any(r.reference.delivery_id == 2 for r in batch):
                raise psycopg.DataError("no way")
            await super().write(batch)

    book = Broken()
    recorder = Recorder(book.write, book.recorded)
    for number in range(4):
        recorder.add(outcome(number))
    await close(recorder)
    assert [r.reference.delivery_id for r in book.told] == [0, 1, 3]


async def test_trouble_with_what_outcomes_ask_for_ends_nothing() -> None:
    class Troubled(Book):
        async def recorded(self, batch: Sequence[Result]) -> None:
            await super().recorded(batch)
            raise LookupError("somebody deleted it")

    book = Troubled()
    recorder = Recorder(book.write, book.recorded)
    for number in range(120):
        recorder.add(outcome(number))
    await close(recorder)
    assert len(book.told) == 120
