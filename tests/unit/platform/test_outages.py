"""However many wait for a server: one line when it goes, one a minute, one when it is back."""

from typing import Any

import psycopg
import pytest
from prometheus_client import REGISTRY
from redis.exceptions import ConnectionError as RedisAway
from structlog.testing import capture_logs

from recado.platform import outages
from recado.platform.outages import Outage


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def shown(server: str) -> float | None:
    return REGISTRY.get_sample_value("recado_server_away", {"server": server})


def test_three_hundred_channels_that_wait_for_ten_minutes_write_a_dozen_lines(clock: Clock) -> None:
    outage = Outage("a server", clock)
    with capture_logs() as lines:
        for _ in range(600):
            for _ in range(300):
                outage.away(OSError("refused"))
            outage.back()
            clock.now += 1
        assert shown("a server") == 1
        clock.now += outages.QUIET_SECONDS
        for _ in range(300):
            outage.back()
    assert shown("a server") == 0
    events = [line["event"] for line in lines]
    assert events == ["server away; waiting", *["server still away"] * 9, "server back"]
    assert lines[-2]["failures"] > 100_000


def test_connections_that_break_after_it_is_back_are_the_same_outage(clock: Clock) -> None:
    outage = Outage("a server", clock)
    with capture_logs() as lines:
        for _ in range(20):
            outage.away(OSError())
            outage.back()
            clock.now += 0.1
    assert len(lines) == 1
    assert outage.lasts


@pytest.mark.parametrize(
    ("error", "events"),
    [
        (RedisAway("refused"), ["redis"]),
        (OSError("refused"), ["postgres"]),
        (psycopg.OperationalError("refused"), ["postgres"]),
        (psycopg.errors.AdminShutdown(), ["postgres"]),
        (psycopg.errors.LockNotAvailable(), []),
        (psycopg.errors.DeadlockDetected(), []),
    ],
)
def test_who_is_away_is_told_by_what_was_raised(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, events: list[str]
) -> None:
    met: list[Any] = []
    monkeypatch.setattr(outages.REDIS, "away", lambda _: met.append("redis"))
    monkeypatch.setattr(outages.POSTGRES, "away", lambda _: met.append("postgres"))
    outages.met(error)
    assert met == events
