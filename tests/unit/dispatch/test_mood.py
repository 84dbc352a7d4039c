"""What drivers know of a provider's mood, on a real Valkey and with a clock in the test's hands."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from recado.domain.adaptive import BreakerState
from recado.domain.deliveries import DeliveryState
from recado.domain.ids import ChannelId, DeliveryId, Reference, WorkspaceId
from recado.domain.pacing import PRESETS, Pacing
from recado.domain.retry import ErrorClass
from recado.features.channels.service import OpenChannel
from recado.features.dispatch import mood
from recado.features.dispatch.departures import Answer
from recado.features.dispatch.mood import OF_CHANNEL, Mood
from recado.features.dispatch.records import Result
from recado.providers.base import ProviderFault
from recado.providers.registry import provider

NOW = 1_772_445_600.0
NO_PAUSES = replace(PRESETS["cloud"], backoff_error_threshold=None)
_hosts = itertools.count(1)


@pytest.fixture
def host() -> str:
    return f"provider{next(_hosts)}.example.org"


def channel(number: int, host: str, pacing: Pacing = NO_PAUSES) -> OpenChannel:
    return OpenChannel(
        id=ChannelId(number),
        adapter=provider("meta"),
        config={"base_url": f"https://{host}:8443"},
        pacing=pacing,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        portfolio=None,
        tier=None,
        paused_until=None,
        paused_reason=None,
        deleted=False,
    )


def driver_of(redis: "Redis", tenant: WorkspaceId, opened: OpenChannel) -> Mood:
    made = Mood(redis, tenant, opened.id)
    made.about(opened)
    return made


def answer(
    fault: ErrorClass | None = None, *, at: float = NOW, seconds: float = 0.1, code: str = "1"
) -> Answer:
    result = Result(
        reference=Reference(DeliveryId(1), 1, 1),
        contact_id=None,
        run_id=None,
        result="refused" if fault else "accepted",
        status=DeliveryState.PENDING,
        fault=ProviderFault(code, fault) if fault else None,
    )
    return Answer(result, NO_PAUSES, seconds, 5, datetime.fromtimestamp(at, UTC))


async def fails(driver: Mood, times: int, *, at: float = NOW) -> None:
    for _ in range(times):
        driver.heard(answer(ErrorClass.NETWORK_UNSURE, at=at))
    await driver.save()


async def test_a_tripped_breaker_holds_every_driver_back_and_lets_one_probe_through(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    first, second = (driver_of(redis, tenant, channel(1, host)) for _ in range(2))
    assert await first.permit(NOW) is None
    await fails(first, OF_CHANNEL.failures)
    assert await second.permit(NOW) == OF_CHANNEL.open_for
    assert second.held(NOW) == OF_CHANNEL.open_for
    later = NOW + OF_CHANNEL.open_for + 1
    assert await second.permit(later) is None
    assert second.slots(64) == 1
    assert (await first.permit(later) or 0) > 0
    for _ in range(OF_CHANNEL.successes):
        second.heard(answer(at=later + 1))
        await second.save()
        assert await second.permit(later + 2) is None
    assert second.slots(64) > 1
    assert await first.permit(later + 3) is None


async def test_a_probe_that_did_not_leave_is_anothers(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    first, second = (driver_of(redis, tenant, channel(1, host)) for _ in range(2))
    await fails(first, OF_CHANNEL.failures)
    later = NOW + OF_CHANNEL.open_for + 1
    assert await first.permit(later) is None
    assert await second.permit(later) is not None
    first.unused()
    await first.save()
    assert await second.permit(later + 2) is None


async def test_who_waits_for_anothers_probe_asks_less_often_the_longer_it_takes(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    first, second = (driver_of(redis, tenant, channel(1, host)) for _ in range(2))
    await fails(first, OF_CHANNEL.failures)
    later = NOW + OF_CHANNEL.open_for + 1
    assert await first.permit(later) is None
    waits = [await second.permit(later + after) for after in (0, 2, 10, 45)]
    assert waits == [1, 2, 10, 15]
    assert await second.permit(later + 60) is None  # it was lost with its worker


async def test_two_channels_that_fail_hold_the_third_of_their_host_back_and_no_other(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    failing = [driver_of(redis, tenant, channel(number, host)) for number in (1, 2)]
    for driver in failing:
        await fails(driver, 4)  # not enough for a breaker of a channel
    third = driver_of(redis, WorkspaceId(tenant + 1_000_000), channel(3, host))
    elsewhere = driver_of(redis, tenant, channel(4, f"not-{host}"))
    assert await third.permit(NOW) == OF_CHANNEL.open_for
    assert await elsewhere.permit(NOW) is None
    assert await failing[0].permit(NOW + 2) is not None


async def test_one_channel_that_fails_alone_holds_nobody_else_back(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    await fails(driver_of(redis, tenant, channel(1, host)), 50)
    assert await driver_of(redis, tenant, channel(2, host)).permit(NOW) is None


@pytest.mark.parametrize(
    "fault", [ErrorClass.CONTACT_DEAD, ErrorClass.REQUEST, ErrorClass.THROTTLE_PAIR]
)
async def test_a_refusal_of_a_message_is_a_good_answer(
    redis: "Redis", tenant: WorkspaceId, host: str, fault: ErrorClass
) -> None:
    driver = driver_of(redis, tenant, channel(1, host))
    for _ in range(4):
        driver.heard(answer(ErrorClass.NETWORK_UNSURE))
    driver.heard(answer(fault))
    await fails(driver, 4)
    assert await driver.permit(NOW) is None


async def test_what_went_wrong_in_ourselves_says_nothing(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    driver = driver_of(redis, tenant, channel(1, host))
    for _ in range(20):
        driver.heard(answer(ErrorClass.NETWORK_UNSURE, code="internal"))
    assert await driver.permit(NOW) is None
    assert driver.slots(64) == 5


async def test_sends_at_once_grow_with_good_answers_and_shrink_with_overload(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    driver = driver_of(redis, tenant, channel(1, host))
    assert driver.slots(None) == 5
    assert driver.slots(2) == 2
    for number in range(300):
        driver.heard(replace(answer(at=NOW + number / 10), in_flight=20))
    grown = driver.slots(64)
    assert grown > 15
    driver.heard(answer(ErrorClass.THROTTLE_CHANNEL, at=NOW + 31))
    assert driver.slots(64) == int(grown * 0.7)
    await driver.save()
    successor = driver_of(redis, tenant, channel(1, host))
    assert await successor.permit(NOW + 32) is None
    assert successor.slots(64) == driver.slots(64)


async def test_errors_in_a_row_pause_once_and_longer_each_time(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    pacing = replace(NO_PAUSES, backoff_error_threshold=2, backoff_pause_minutes=10)
    driver = driver_of(redis, tenant, channel(1, host, pacing))
    at, pauses = NOW, []
    for _ in range(3):
        for _ in range(4):
            failed = answer(ErrorClass.THROTTLE_CHANNEL, at=at)
            driver.heard(replace(failed, pace=pacing))
        until = driver.pause_until
        assert until is not None
        driver.paused(until)
        assert driver.pause_until is None
        pauses.append(until.timestamp() - at)
        await driver.save()
        driver = driver_of(redis, tenant, channel(1, host, pacing))  # another worker goes on
        await driver.permit(at)
        at = until.timestamp() + 1
    assert pauses == [600, 1200, 2400]


async def test_a_flush_makes_everything_begin_anew(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    driver = driver_of(redis, tenant, channel(1, host))
    await fails(driver, OF_CHANNEL.failures)
    assert await driver.permit(NOW) is not None
    await mood.forget(redis, tenant, ChannelId(1))
    assert await driver.permit(NOW + 2) is None
    assert driver.slots(64) == 5


async def test_the_health_of_channels_is_read_at_once(
    redis: "Redis", tenant: WorkspaceId, host: str
) -> None:
    failing, fresh = channel(1, host), channel(2, host)
    await fails(driver_of(redis, tenant, failing), 6)
    health = await mood.health_of(redis, tenant, [failing, fresh])
    assert health[fresh.id].breaker is BreakerState.CLOSED
    assert health[failing.id].breaker is BreakerState.OPEN
    assert health[failing.id].host == f"{host}:8443"
    assert health[failing.id].breaker_until == datetime.fromtimestamp(NOW + 30, UTC)
    assert health[fresh.id].host_breaker is BreakerState.CLOSED
    assert health[failing.id].errors_in_a_row == 6
