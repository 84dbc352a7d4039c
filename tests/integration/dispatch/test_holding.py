"""What a limit holds back is left alone until its time, and holds nothing else back."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.dispatch.driving import Number
from tests.integration.dispatch.test_books import asked, sent

from recado.domain.limits import CONTACT_DAILY
from recado.features.limits.books import INSTALLATION
from recado.features.limits.limiter import LeaseLost
from recado.platform import settings
from recado.platform.redis import key

HOUR = 3600


async def claims_of(number: Number, run_id: int) -> int:
    """How often deliveries of a run were claimed, all together."""
    (row,) = await number.rows(
        "SELECT sum(claims)::int AS n FROM delivery WHERE run_id = %(run)s", run=run_id
    )
    return int(row["n"])


async def test_who_has_had_a_message_today_is_claimed_once_and_waits_for_tomorrow(
    number: Number,
) -> None:
    run_id = await number.run(200)
    await number.execute(
        "INSERT INTO setting (workspace_id, key, value) VALUES (%(w)s, 'perContactDaily', '1')",
        w=number.workspace_id,
    )
    ledger = number.ledger()
    await ledger.take()
    await asked(ledger, run_id, 0)  # nobody has had any, as far as is on record
    redis = number.runtime.redis
    seconds, _ = await redis.time()
    async with redis.pipeline(transaction=False) as pipe:
        for row in await number.deliveries(run_id):
            book = key(number.workspace_id, "limit", "contact", "", CONTACT_DAILY)
            pipe.zadd(f"{book}:{row['contact_id']}", {"another": int(seconds) * 1_000_000})
        await pipe.execute()
    rest = await number.driver().drive()
    assert rest is not None
    assert 23 * HOUR < rest <= 24 * HOUR + 1
    assert await claims_of(number, run_id) == 200
    assert await number.statuses(run_id) == {"pending": 200}


async def test_a_slow_campaign_keeps_no_other_from_being_claimed(number: Number) -> None:
    slow = await number.run(60, pacing={"messageInterval": 1.5})
    fast = await number.run(150)
    driver = number.driver()
    driving = asyncio.create_task(driver.drive())
    await number.completed(fast)
    so_far = await number.statuses(slow)
    driver.stop()
    await driving
    assert so_far["sent"] + so_far["delivered"] + so_far["read"] < 15
    # What waits for its turn is not hoarded: another channel may have it.
    assert so_far["sending"] < 8


async def test_a_campaign_whose_cap_is_used_up_does_not_make_others_go_one_by_one(
    number: Number,
) -> None:
    await number.run(5, pacing={"capHourly": 1})
    fast = await number.run(100)
    driver = number.driver()
    driving = asyncio.create_task(driver.drive())
    await number.completed(fast)
    driver.stop()
    await driving
    (row,) = await number.rows(
        "SELECT count(DISTINCT a.claimed_at) AS claims FROM attempt a JOIN delivery d"
        " ON d.workspace_id = a.workspace_id AND d.id = a.delivery_id WHERE d.run_id = %(run)s",
        run=fast,
    )
    assert row["claims"] < 60


@pytest.fixture
async def one_a_day(number: Number, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The whole installation may send one message a day."""
    monkeypatch.setenv("RECADO_LIMIT_PER_DAY", "1")
    settings.sending.cache_clear()
    yield
    settings.sending.cache_clear()
    names = [name async for name in number.runtime.redis.scan_iter(match=f"{INSTALLATION}*")]
    await number.runtime.redis.delete(*names)


async def test_what_the_installation_holds_for_hours_is_not_claimed(
    number: Number, one_a_day: None
) -> None:
    run_id = await sent(number, 1)
    await number.execute("UPDATE delivery SET due_at = now() WHERE status = 'pending'")
    before = await claims_of(number, run_id)
    rest = await number.driver().drive()
    assert rest is not None
    assert rest > HOUR
    assert await claims_of(number, run_id) == before


async def test_who_loses_the_channel_gives_the_installations_permits_back(
    number: Number, monkeypatch: pytest.MonkeyPatch, one_a_day: None
) -> None:
    monkeypatch.setenv("RECADO_LIMIT_PER_DAY", "1000000")
    settings.sending.cache_clear()
    run_id = await number.run(3)
    old, new = number.ledger(), number.ledger()
    await old.take()
    await asked(old, run_id, 0)
    redis = number.runtime.redis
    book = f"{INSTALLATION}:limit:installation::perDay"

    async def used() -> int:
        return int(str(await redis.hget(book, "sum")))

    before = await used()
    await new.take()
    with pytest.raises(LeaseLost):
        await asked(old, run_id, 3)
    assert await used() == before
    grant = await asked(new, run_id, 3)
    assert await used() == before + 3
    # Grants that died unused are undone there as well, and only once.
    references = list(grant.passed)
    for _ in range(2):
        await new.limiter.take_back(references[:2], grant)
    assert await used() == before + 1
