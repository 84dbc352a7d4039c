"""After Redis has forgotten everything, each limit counts again what has left before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.integration.dispatch.driving import Number
from tests.integration.dispatch.outcomes import accepted, claimed

from recado.domain import limits
from recado.domain.ids import DeliveryId, Reference, RunId
from recado.domain.limits import Path
from recado.features.dispatch.ledger import Ledger
from recado.features.limits import books, limiter
from recado.features.limits.asks import Asking
from recado.features.limits.books import INSTALLATION
from recado.features.limits.limiter import Grant
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
        ({"perMinutePerUser": 5}, timedelta(seconds=40), 2),
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


async def test_a_pause_is_known_of_a_request_that_waited_long_for_its_turn(number: Number) -> None:
    await paced(number, {"messageInterval": 900})
    run_id = await sent(number, 1, ago=timedelta(minutes=4))
    await number.execute("UPDATE attempt SET claimed_at = claimed_at - interval '5 minutes'")
    ledger = number.ledger()
    await ledger.take()
    assert (await asked(ledger, run_id)).granted == ()


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


async def test_of_two_messages_under_way_to_one_person_both_do_not_leave_after_a_flush(
    number: Number,
) -> None:
    await paced(number, {})
    await number.execute("UPDATE channel SET portfolio = 'waba', tier = 3")
    await number.execute(
        "INSERT INTO setting (workspace_id, key, value) VALUES (%(w)s, 'perContactDaily', '1')",
        w=number.workspace_id,
    )
    run_id, ledger, claims = await claimed(number, 2)
    contact = claims[0].contact_id
    await number.execute(
        "UPDATE delivery SET contact_id = NULL WHERE id = %(d)s",
        d=int(claims[1].reference.delivery_id),
    )
    other = await number.run(1)
    await number.execute(
        "UPDATE delivery SET contact_id = %(c)s WHERE run_id = %(r)s", c=contact, r=other
    )
    (second,) = await ledger.claim(await ledger.plan(), 1)
    await forget(number)
    await ledger.take()
    plan = await ledger.plan()
    asking = [Asking(one.reference, one.run_id, contact) for one in (claims[0], second)]
    paths = {run: plan.path(run) for run in (run_id, other)}
    while (grant := await ledger.reserve(asking, paths)) is None:
        pass
    assert grant.granted == ()  # either may have left before the flush


async def test_a_tier_that_is_full_of_people_under_way_lets_no_more_through(
    number: Number,
) -> None:
    await paced(number, {})
    run_id, ledger, claims = await claimed(number, 4)
    await number.execute("UPDATE channel SET portfolio = 'waba', tier = 3")
    await forget(number)
    await ledger.take()
    plan = await ledger.plan()
    asking = [Asking(one.reference, one.run_id, one.contact_id) for one in claims]
    while (grant := await ledger.reserve(asking[:1], {run_id: plan.path(run_id)})) is None:
        pass
    assert grant.granted == ()  # its place is one of four
    await number.execute("UPDATE channel SET tier = 4")
    plan = await ledger.plan()
    while (grant := await ledger.reserve(asking, {run_id: plan.path(run_id)})) is None:
        pass
    assert grant.granted == (0, 1, 2, 3)
    assert {limit.name: used for limit, used in grant.used}["tier"] == 4


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
    await ledger.entrance.books.fill([limit])
    assert len((await asked(ledger, run_id, 9)).granted) == 1


async def test_what_was_read_before_a_flush_fills_no_book(number: Number) -> None:
    await paced(number, {"perMinute": 5})
    run_id = await sent(number, 3)
    ledger = number.ledger()
    await ledger.take()
    limit = next(one for one in (await ledger.plan()).path(run_id).limits if one.most == 5)
    await ledger.entrance.books._fill_group(
        [limit], key(number.workspace_id, "limits", "x"), "gone"
    )
    assert await number.runtime.redis.hgetall(key(number.workspace_id, "limits")) == {}


async def test_what_leaves_by_an_older_setting_while_books_are_filled_has_them_filled_again(
    number: Number,
) -> None:
    await paced(number, {})
    run_id = await number.run(1)
    ledger = number.ledger()
    await ledger.take()
    before = replace((await ledger.plan()).path(run_id), of_contact=())
    await paced(number, {"perMinute": 5})
    limit = next(one for one in (await ledger.plan()).path(run_id).limits if one.most == 5)
    opened, claim = key(number.workspace_id, "limits"), key(number.workspace_id, "claim")
    redis = number.runtime.redis
    for leaves in (True, False):
        assert await ledger.entrance.books._begin(
            keys=[opened, claim], args=["ours", 9000, limit.mark]
        )
        if leaves:
            asking = [Asking(Reference(DeliveryId(1), 1, 1), run_id, None)]
            assert (await ledger.limiter.reserve(asking, {run_id: before})).granted == (0,)
        await ledger.entrance.books._fill_group([limit], claim, "ours")
        server = (await redis.info("server"))["run_id"]
        assert (await redis.hget(opened, limit.mark) == server) is not leaves
        await redis.delete(claim)


async def test_books_begun_before_a_restart_are_not_opened_after_it(number: Number) -> None:
    await paced(number, {"perMinute": 5})
    run_id = await number.run(1)
    ledger = number.ledger()
    limit = next(one for one in (await ledger.plan()).path(run_id).limits if one.most == 5)
    opened, claim = key(number.workspace_id, "limits"), key(number.workspace_id, "claim")
    redis = number.runtime.redis
    assert await ledger.entrance.books._begin(keys=[opened, claim], args=["ours", 9000, limit.mark])
    await redis.set(claim, f"ours:{'0' * 40}")  # as a server of another identity reads it
    await ledger.entrance.books._fill_group([limit], claim, "ours")
    assert await redis.hget(opened, limit.mark) == "ours"


async def test_large_books_are_filled_piece_by_piece(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "CHUNK", 2)
    await paced(number, {"perMinute": 9})
    await number.execute("UPDATE channel SET portfolio = 'waba', tier = 6")
    run_id = await sent(number, 5)
    ledger = number.ledger()
    await ledger.take()
    grant = await asked(ledger, run_id, 9, contact=0)
    used = {limit.name: used - len(grant.granted) for limit, used in grant.used}
    assert used["perMinute"] == 5
    assert used["tier"] + len(grant.granted) == 6


async def test_who_owes_for_many_messages_owes_for_them_after_a_flush(number: Number) -> None:
    """Meta lends 45 messages of six seconds each; the loan is not forgotten."""
    run_id = await sent(number, 1)
    (row,) = await number.rows("SELECT id, contact_id FROM delivery WHERE status = 'sent'")
    await number.execute(
        "INSERT INTO attempt (workspace_id, delivery_id, part, number, channel_id, status, lease,"
        " claimed_at, left_at) SELECT %(w)s, %(d)s, 1, 100 + n, %(c)s, 'accepted', '', at, at"
        " FROM generate_series(1, 100) AS n, LATERAL (SELECT now() - n * interval '6 s' AS at) x",
        w=number.workspace_id,
        d=row["id"],
        c=number.channel_id,
    )
    limit = limits.pair(str(number.channel_id))
    ledger = number.ledger()
    await ledger.take()
    path = Path(of_contact=(limit,), slots=99)
    asking = [
        Asking(Reference(DeliveryId(n), 1, 1), run_id, row["contact_id"]) for n in range(1, 17)
    ]
    while (grant := await ledger.reserve(asking, {run_id: path})) is None:
        pass
    assert len(grant.granted) <= 2


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
        today = await tx.value(
            "SELECT coalesce((SELECT sum(requests) FROM usage WHERE minute > now() -"
            " interval '24 h'), 0) + (SELECT count(*) FROM attempt WHERE status = 'claimed')"
        )
    monkeypatch.setenv("RECADO_LIMIT_PER_DAY", str(today + 4))
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
