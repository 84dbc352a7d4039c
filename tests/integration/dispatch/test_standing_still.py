"""How long nothing leaves after Redis has forgotten what left: long enough for every limit."""

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb
from tests.integration.dispatch.driving import Number

from recado.domain.pacing import INTERVAL_JITTER
from recado.features.dispatch.ledger import STAND_STILL_SECONDS


async def stands_still(number: Number, **pacing: float | None) -> float:
    """Seconds, for a channel with this pacing."""
    await number.execute(
        "UPDATE channel SET pacing = pacing || %(pacing)s WHERE id = %(id)s",
        pacing=Jsonb(pacing),
        id=number.channel_id,
    )
    ledger = number.ledger()
    return await ledger._stand_still((await ledger.plan()).slowest)


async def sent(number: Number, ago: timedelta) -> None:
    await number.execute(
        "INSERT INTO usage VALUES (%(w)s, %(c)s, date_trunc('minute', now() - %(ago)s), 1)",
        w=number.workspace_id,
        c=number.channel_id,
        ago=ago,
    )


async def test_a_channel_that_never_sent_waits_for_a_second(number: Number) -> None:
    assert await stands_still(number, messageInterval=300) == STAND_STILL_SECONDS


@pytest.mark.parametrize(
    ("pacing", "ago", "at_least"),
    [
        ({"perSecond": 80}, timedelta(seconds=1), 1.0),
        ({"perMinute": 20}, timedelta(seconds=50), 60.0),
        ({"messageInterval": 30}, timedelta(seconds=20), 30 * (1 + INTERVAL_JITTER)),
        # The pause is longer than any short look back.
        ({"messageInterval": 300}, timedelta(minutes=4), 300.0),
        ({"greaterInterval": 600}, timedelta(minutes=9), 600.0),
    ],
)
async def test_every_limit_is_waited_for_that_may_still_be_owed(
    number: Number, pacing: dict[str, float], ago: timedelta, at_least: float
) -> None:
    await sent(number, ago)
    assert await stands_still(number, **pacing) >= at_least


async def test_what_is_long_paid_is_not_waited_for(number: Number) -> None:
    await sent(number, timedelta(minutes=10))
    assert await stands_still(number, messageInterval=30) == STAND_STILL_SECONDS


async def test_a_request_on_the_wire_counts_though_nothing_is_on_record_yet(
    number: Number,
) -> None:
    await number.run(1)
    await number.execute(
        "UPDATE delivery SET status = 'sending', channel_id = %(id)s", id=number.channel_id
    )
    assert await stands_still(number, messageInterval=30) > 30


async def test_a_campaigns_own_slower_pace_is_waited_for(number: Number) -> None:
    await number.run(1, pacing={"messageInterval": 120})
    await sent(number, timedelta(seconds=30))
    assert await stands_still(number, perSecond=80) > 120
