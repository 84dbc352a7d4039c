"""After Redis has forgotten everything, each limit counts again what has left before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.integration.dispatch.driving import Number
from tests.integration.dispatch.outcomes import accepted, claimed

from recado.domain.ids import DeliveryId, Reference, RunId
from recado.features.dispatch import limiter
from recado.features.dispatch.asks import Asking
from recado.features.dispatch.books import INSTALLATION
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.limiter import Grant
from recado.features.settings import rate_limits
from recado.platform import clock, settings
from recado.platform.redis import key

BEFORE_NOW = timedelta(seconds=2)


async def paced(number: Number, pacing: Mapping[str, float | None]) -> None:
    await number.execute(
        "UPDATE channel SET pacing = %(pacing)s WHERE id = %(id)s",
        pacing=Jsonb({"preset": "cloud", "perSecond": None, **pacing}),
        id=number.channel_id,
    )


async def forget(number: Number) -> None:
    """What a flush does to one workspace."""
    redis = number.runtime.redis
    names = [name async for name in redis.scan_iter(match=key(number.workspace_id, "*"))]
    if names:
        await redis.delete(*names)


async def asked(ledger: Ledger, run_id: RunId, count: int = 1, *, contact: int = 1) -> Grant:
    """The answer of a driver that has taken the channel, books filled."""
    plan = await ledger.plan()
    asking = [
        Asking(Reference(DeliveryId(10_000 + place), 1, 1), run_id, contact or None)  # type: ignore[arg-type]
        for place in range(count)
    ]
    paths = {run_id: plan.path(run_id)}
    while (grant := await ledger.reserve(asking, paths)) is None:
        pass
    return grant


async def sent(number: Number, count: int, *, ago: timedelta = BEFORE_NOW) -> RunId:
    """Have so many messages on record that left a while ago, in a run that goes on."""
    run_id = await number.run(count + 1)
    await number.execute("UPDATE delivery SET due_at = now() + interval '1 day'")
    await number.execute(
        "UPDATE delivery SET due_at = now() WHERE id IN (SELECT id FROM delivery WHERE run_id ="
        " %(run)s ORDER BY id LIMIT %(count)s)",
        run=run_id,
        count=count,
    )
    ledger = number.ledger()
    await ledger.take()
    claims = await ledger.claim(await ledger.plan(), 50)
    assert len(claims) == count
    left_at = clock.now() - ago
    await ledger.write([replace(accepted(claim), left_at=left_at) for claim in claims])
    # In reality the claim was made before the request left.
    await number.execute("UPDATE attempt SET claimed_at = claimed_at - %(ago)s", ago=ago)
    await forget(number)
    return run_id


@pytest.mark.parametrize(
    ("pacing", "ago", "left"),
    [
        ({"perSecond": 5}, timedelta(seconds=0.2), 2),
        ({"perSecond": 5}, timedelta(seconds=3), 5),
        ({"perMinute": 5}, timedelta(seconds=40), 2),
        ({"perMinute": 5}, timedelta(seconds=62), 5),
        ({"capHourly": 5}, timedelta(minutes=50), 2),
        ({"capHourly": 5}, timedelta(minutes=63), 5),
        ({"capDaily": 5}, timedelta(hours=23), 2),
        ({"capDaily": 5}, timedelta(hours=25), 5),
        ({"messageInterval": 30}, timedelta(seconds=20), 0),
        ({"messageInterval": 30}, timedelta(seconds=40), 1),
        ({"messageInterval": 900}, timedelta(minutes=10), 0),
        ({"messageInterval": 900}, timedelta(minutes=20), 1),
        # Nobody knows how many there were in a row: the longer pause may be due.
        (
            {"messageInterval": 5, "longerIntervalAfter": 9, "greaterInterval": 60},
            timedelta(seconds=20),
            0,
        ),
    ],
)
async def test_after_a_flush_every_limit_knows_what_has_left(
    number: Number, pacing: Mapping[str, float], ago: timedelta, left: int
) -> None:
    await paced(number, pacing)
    run_id = await sent(number, 3, ago=ago)
    ledger = number.ledger()
    await ledger.take()
    assert len((await asked(ledger, run_id, 9)).granted) == left


async def test_what_is_under_way_counts_as_if_it_left_now(number: Number) -> None:
    await paced(number, {"perMinute": 5, "capDaily": 4})
    _, ledger, _ = await claimed(number, 3)
    run_id = await number.run(1)
    await forget(number)
    await ledger.take()
    grant = await asked(ledger, run_id, 9)
    assert {limit.name: used for limit, used in grant.used}["perMinute"] == 3 + len(grant.granted)
    assert len(grant.granted) == 1


async def test_a_callback_that_was_faster_than_the_record_hides_nothing(number: Number) -> None:
    await paced(number, {"capDaily": 4})
    _, ledger, _ = await claimed(number, 3)
    run_id = await number.run(1)
    await number.execute("UPDATE delivery SET status = 'delivered' WHERE status = 'sending'")
    await forget(number)
    await ledger.take()
    assert len((await asked(ledger, run_id, 9)).granted) == 1


async def test_a_campaigns_own_limit_counts_its_own_messages(number: Number) -> None:
    await paced(number, {})
    slow = await sent(number, 3)
    other = await number.run(1)
    await number.execute(
        "UPDATE campaign SET pacing = %(pacing)s", pacing=Jsonb({"perMinute": 4, "capHourly": 4})
    )
    ledger = number.ledger()
    await ledger.take()
    assert len((await asked(ledger, slow, 9)).granted) == 1
    assert len((await asked(ledger, other, 9)).granted) == 4


async def test_a_workspaces_limit_counts_all_of_its_channels(number: Number) -> None:
    await paced(number, {})
    run_id = await sent(number, 3)
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await rate_limits.save(tx, {"perMinute": 8, "perDay": 5})
    ledger = number.ledger()
    await ledger.take()
    assert len((await asked(ledger, run_id, 9)).granted) == 2


async def test_one_person_gets_no_more_campaigns_a_day_than_the_workspace_wants(
    number: Number,
) -> None:
    await paced(number, {})
    run_id = await sent(number, 1, ago=timedelta(hours=3))
    (row,) = await number.rows("SELECT contact_id FROM delivery WHERE status = 'sent'")
    await number.execute(
        "INSERT INTO setting (workspace_id, key, value) VALUES (%(w)s, 'perContactDaily', '1')",
        w=number.workspace_id,
    )
    ledger = number.ledger()
    await ledger.take()
    grant = await asked(ledger, run_id, contact=row["contact_id"])
    assert grant.granted == ()
    assert 20 < grant.held[0].seconds / 3600 < 21.1
    assert (await asked(ledger, run_id, contact=999)).granted == (0,)


async def test_a_tier_knows_whom_it_has_reached(number: Number) -> None:
    await paced(number, {})
    await number.execute("UPDATE channel SET portfolio = 'waba', tier = 2")
    run_id = await sent(number, 2, ago=timedelta(hours=5))
    (row, *_) = await number.rows("SELECT contact_id FROM delivery WHERE status = 'sent'")
    ledger = number.ledger()
    await ledger.take()
    assert (await asked(ledger, run_id, contact=row["contact_id"])).granted == (0,)
    assert (await asked(ledger, run_id, contact=999)).granted == ()


async def test_a_limit_that_is_set_while_messages_leave_counts_those_of_before(
    number: Number,
) -> None:
    await paced(number, {})
    run_id = await sent(number, 3)
    ledger = number.ledger()
    await ledger.take()
    assert len((await asked(ledger, run_id, 1)).granted) == 1
    await paced(number, {"capHourly": 4})
    assert len((await asked(ledger, run_id, 9)).granted) == 1


async def test_two_fill_the_same_books_and_nothing_is_lost(number: Number) -> None:
    """The second finds them open, or its claim gone, and changes nothing."""
    await paced(number, {"perMinute": 5})
    run_id = await sent(number, 3)
    ledger = number.ledger()
    await ledger.take()
    assert len((await asked(ledger, run_id, 1)).granted) == 1
    limit = next(one for one in (await ledger.plan()).path(run_id).limits if one.most == 5)
    await ledger._books.fill([limit])
    assert len((await asked(ledger, run_id, 9)).granted) == 1


async def test_what_was_read_before_a_flush_fills_no_book(number: Number) -> None:
    await paced(number, {"perMinute": 5})
    run_id = await sent(number, 3)
    ledger = number.ledger()
    await ledger.take()
    limit = next(one for one in (await ledger.plan()).path(run_id).limits if one.most == 5)
    await ledger._books._fill_group([limit], key(number.workspace_id, "limits", "x"), "gone")
    assert await number.runtime.redis.hgetall(key(number.workspace_id, "limits")) == {}


async def test_what_a_number_receives_counts_with_what_it_sends(number: Number) -> None:
    await paced(number, {"perSecond": 8})
    run_id = await number.run(1)
    ledger = number.ledger()
    await ledger.take()
    await asked(ledger, run_id, 0)
    await limiter.count_inbound(number.runtime.redis, number.workspace_id, {number.channel_id: 5})
    assert len((await asked(ledger, run_id, 9)).granted) == 3


async def test_all_workspaces_together_keep_the_installations_limit(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paced(number, {"perMinute": 3})
    run_id = await sent(number, 1)
    async with number.runtime.db.system() as tx:
        lately = await tx.value(
            "SELECT count(*) FROM attempt WHERE coalesce(left_at, now()) > now() - interval '61 s'"
        )
    monkeypatch.setenv("RECADO_LIMIT_PER_MINUTE", str(lately + 4))
    settings.sending.cache_clear()
    try:
        one, other = number.ledger(), number.ledger()
        await one.take()
        # What the channel does not let pass is not counted for the installation either.
        assert len((await asked(one, run_id, 9)).granted) == 2
        await other.take()
        await paced(number, {})
        grant = await asked(other, run_id, 9)
        assert len(grant.granted) == 2
        assert grant.ahead[run_id].seconds > 0
        assert {wait.limit.scope for wait in grant.held.values() if wait.limit} == {"installation"}
    finally:
        settings.sending.cache_clear()
        await number.runtime.redis.delete(f"{INSTALLATION}:limits")


async def test_what_left_lately_is_found_without_reading_all_attempts(
    number: Number, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    """As the application's own role, under row-level security."""
    run_id = await number.run(1)
    (row,) = await number.deliveries(run_id)
    await number.execute(
        "INSERT INTO attempt (workspace_id, delivery_id, part, number, channel_id, status, lease,"
        " claimed_at) SELECT %(w)s, %(d)s, 1, n, %(c)s, 'accepted', '',"
        " now() - (30000 - n) * interval '1 minute' FROM generate_series(1, 30000) AS n",
        w=number.workspace_id,
        d=row["id"],
        c=number.channel_id,
    )
    superuser.execute("ANALYZE attempt")
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        rows = await tx.all(
            "EXPLAIN SELECT 1 FROM attempt WHERE claimed_at > now() - interval '8 minutes'"
        )
    plan = "\n".join(str(row["QUERY PLAN"]) for row in rows)
    assert "attempt_claimed" in plan, plan


async def test_what_a_callback_was_faster_to_tell_of_than_its_record_is_not_forgotten(
    number: Number,
) -> None:
    """The delivery is sent by then, and its request in no minute's usage yet."""
    await paced(number, {"capHourly": 5, "capDaily": 4})
    _, ledger, _ = await claimed(number, 3)
    await number.execute("UPDATE delivery SET status = 'sent', sent_at = now()")
    run_id = await number.run(1)
    await forget(number)
    await ledger.take()
    assert len((await asked(ledger, run_id, 9)).granted) == 1
