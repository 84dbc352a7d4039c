"""What a driver knows of the mood of its channel and of its provider's host, shared by all workers.

How many sends at once the provider bears, how many errors there were in a row, and whether a
breaker holds back what would fail anyhow. It stands in Redis, a hash a channel and a hash a host,
and outlives every driver. None of it is a promise: after a flush it begins anew, which costs a few
requests more or less and breaks no limit, as those are the limiter's, and ends no pause, as those
stand in PostgreSQL.

Times are those of the workers' clocks. Where they differ, a pause is that much longer or shorter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recado.domain import adaptive, blame
from recado.domain.adaptive import (
    FORGOTTEN_AFTER,
    Breaker,
    BreakerPolicy,
    BreakerState,
    Concurrency,
    ErrorStreak,
    Permit,
)
from recado.domain.blame import HostBreaker
from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels.service import OpenChannel
from recado.features.dispatch.departures import Answer
from recado.features.dispatch.shared import Contended, Shared
from recado.platform import logging, metrics
from recado.platform.redis import key

log = logging.get(__name__)

OF_CHANNEL = BreakerPolicy()
OF_HOST = BreakerPolicy()
LOOK_SECONDS = 1.0  # so old may be what is known of a breaker that lets everything pass
PROBE_SECONDS = 1.0  # until a probe that somebody else has sent may have an answer
UNBOUND = 1_000
NO_PROBES = (False, False)  # of the channel's breaker, of the host's
OURS = frozenset({"internal"})  # codes of faults that say nothing about a provider


@dataclass(frozen=True, slots=True)
class ChannelMood:
    """What is known of one channel."""

    concurrency: Concurrency = field(default_factory=Concurrency)
    streak: ErrorStreak = field(default_factory=ErrorStreak)
    breaker: Breaker = field(default_factory=Breaker)


@dataclass(frozen=True, slots=True)
class Health:
    """A channel's mood for people to see; times in UTC, None where there is none to tell."""

    breaker: BreakerState
    breaker_until: datetime | None
    host: str
    host_breaker: BreakerState
    host_breaker_until: datetime | None
    sends_at_once: int
    errors_in_a_row: int


def host_of(channel: OpenChannel) -> str:
    """What a channel shares with others at its provider: the host, or else the provider's name."""
    parts = urlsplit(str(channel.config.get("base_url") or ""))
    if not parts.hostname:
        return channel.adapter.name
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname


def channel_key(workspace_id: WorkspaceId, channel_id: ChannelId) -> str:
    """Where a channel's mood stands."""
    return key(workspace_id, "channel", channel_id, "mood")


def host_key(host: str) -> str:
    """Where a host's breaker stands; it is the installation's, not a workspace's."""
    return f"recado:host:{host}"


class Mood:
    """The mood of one channel and of its host as one driver knows, asks and changes it."""

    def __init__(self, redis: "Redis", workspace_id: WorkspaceId, channel_id: ChannelId) -> None:
        self._redis = redis
        self._name = f"{workspace_id}:{channel_id}"
        self._channel = Shared(
            redis,
            channel_key(workspace_id, channel_id),
            load=_load,
            dump=_dump,
            kept_seconds=FORGOTTEN_AFTER,
        )
        self._host: Shared[HostBreaker] | None = None
        self._host_name = ""
        self._bound = UNBOUND
        self._looked_at = float("-inf")
        self._probes = NO_PROBES
        self._pause_until: float | None = None

    def about(self, channel: OpenChannel) -> None:
        """The channel as it is set up now: its bound, and whose host it uses."""
        self._bound = channel.pacing.in_flight or UNBOUND
        host = host_of(channel)
        if host != self._host_name:
            self._host_name = host
            self._host = Shared(
                self._redis,
                host_key(host),
                load=blame.load_host,
                dump=blame.dump_host,
                kept_seconds=FORGOTTEN_AFTER,
            )
            self._looked_at = float("-inf")

    def slots(self, bound: int | None) -> int:
        """How many requests may be on the wire at once; one, while a breaker is being tried."""
        if self._probes != NO_PROBES:
            return 1
        return adaptive.sends_at_once(self._channel.view.concurrency, bound or UNBOUND)

    def held(self, now: float) -> float:
        """Seconds for which a breaker surely lets nothing pass, as far as is known here."""
        of_channel = _wait(self._channel.view.breaker, OF_CHANNEL, now)
        if self._host is None:
            return of_channel
        return max(of_channel, _wait(self._host.view.breaker, OF_HOST, now))

    async def permit(self, now: float) -> float | None:
        """Ask for the next requests: seconds to wait if a breaker holds them back, else None.

        After None, `slots` says how many. What does not leave then is to be told by `unused`.

        Raises:
            RedisError: Nobody can tell; nothing was asked for.
        """
        if now - self._looked_at >= LOOK_SECONDS:
            await self._sync()
            self._looked_at = now
        try:
            of_channel = await self._ask_channel(now)
            if not of_channel.allowed:
                return _wait(self._channel.view.breaker, OF_CHANNEL, now)
            of_host = await self._ask_host(now)
        except Contended:
            return PROBE_SECONDS
        if of_host.allowed or self._host is None:
            self._probes = (of_channel.probe, of_host.probe)
            return None
        if of_channel.probe:
            self._channel.change(_channel_gives_back)
        return _wait(self._host.view.breaker, OF_HOST, now)

    async def _ask_channel(self, now: float) -> Permit:
        def ask(mood: ChannelMood) -> tuple[ChannelMood, Permit]:
            breaker, permit = adaptive.admit(mood.breaker, OF_CHANNEL, now=now)
            return replace(mood, breaker=breaker), permit

        if self._channel.view.breaker.state is BreakerState.CLOSED:
            return Permit(allowed=True)
        return await self._channel.decide(ask)

    async def _ask_host(self, now: float) -> Permit:
        def ask(host: HostBreaker) -> tuple[HostBreaker, Permit]:
            breaker, permit = adaptive.admit(host.breaker, OF_HOST, now=now)
            return replace(host, breaker=breaker), permit

        if self._host is None or self._host.view.breaker.state is BreakerState.CLOSED:
            return Permit(allowed=True)
        return await self._host.decide(ask)

    def unused(self) -> None:
        """What was permitted did not leave: another may try."""
        of_channel, of_host = self._probes
        self._probes = NO_PROBES
        if of_channel:
            self._channel.change(_channel_gives_back)
        if of_host and self._host is not None:
            self._host.change(blame.let_go)

    def heard(self, answer: Answer) -> None:
        """Learn from what became of one request."""
        fault, now = answer.result.fault, answer.at.timestamp()
        if fault is not None and fault.code in OURS:
            return
        self._probes = NO_PROBES
        error = fault.error_class if fault else None
        before = self._channel.view
        self._channel.change(partial(_channel_learns, answer=answer, bound=self._bound))
        _count("channel", before.breaker, self._channel.view.breaker)
        pause = self._channel.view.streak.paused_until
        if pause > max(now, before.streak.paused_until):
            self._pause_until = pause
        if self._host is not None:
            host = self._host.view
            self._host.change(
                partial(
                    blame.on_host_answer,
                    policy=OF_HOST,
                    channel=self._name,
                    failed=error in blame.HOST,
                    left_at=now - answer.seconds,
                    now=now,
                )
            )
            _count("host", host.breaker, self._host.view.breaker)

    @property
    def pause_until(self) -> datetime | None:
        """Until when errors in a row pause the channel, if that has yet to be put on record."""
        return None if self._pause_until is None else datetime.fromtimestamp(self._pause_until, UTC)

    def paused(self, until: datetime) -> None:
        """That pause is on record."""
        if self.pause_until == until:
            self._pause_until = None

    async def save(self) -> None:
        """Share what was heard; what Redis does not take now, it gets the next time."""
        try:
            await self._sync()
        except (RedisError, OSError) as error:
            log.debug("mood not shared", error=str(error))

    async def _sync(self) -> None:
        try:
            await self._channel.sync()
            if self._host is not None:
                await self._host.sync()
        except Contended:  # the next one shares it as well
            log.debug("mood contended", channel=self._name)


async def forget(redis: "Redis", workspace_id: WorkspaceId, channel_id: ChannelId) -> None:
    """Begin anew with a channel, as a person has found it well."""
    try:
        await redis.delete(channel_key(workspace_id, channel_id))
    except (RedisError, OSError) as error:
        log.warning("mood not forgotten", error=str(error))


async def health_of(
    redis: "Redis", workspace_id: WorkspaceId, channels: Sequence[OpenChannel]
) -> dict[ChannelId, Health]:
    """How channels are; nothing while Redis is away."""
    try:
        async with redis.pipeline(transaction=False) as pipe:
            for channel in channels:
                pipe.hgetall(channel_key(workspace_id, channel.id))
                pipe.hgetall(host_key(host_of(channel)))
            rows = await pipe.execute()
    except (RedisError, OSError) as error:
        log.warning("health of channels not read", error=str(error))
        return {}
    return {
        channel.id: _health(channel, _load(mood), blame.load_host(host).breaker)
        for channel, mood, host in zip(channels, rows[::2], rows[1::2], strict=True)
    }


def _health(channel: OpenChannel, mood: ChannelMood, host: Breaker) -> Health:
    return Health(
        breaker=mood.breaker.state,
        breaker_until=_until(mood.breaker, OF_CHANNEL),
        host=host_of(channel),
        host_breaker=host.state,
        host_breaker_until=_until(host, OF_HOST),
        sends_at_once=adaptive.sends_at_once(mood.concurrency, channel.pacing.in_flight or UNBOUND),
        errors_in_a_row=mood.streak.count,
    )


def _until(breaker: Breaker, policy: BreakerPolicy) -> datetime | None:
    if breaker.state is not BreakerState.OPEN:
        return None
    return datetime.fromtimestamp(adaptive.cools_at(breaker, policy), UTC)


def _wait(breaker: Breaker, policy: BreakerPolicy, now: float) -> float:
    """Seconds until a breaker cools; or, while a probe flies, the longer the longer it does."""
    if breaker.state is BreakerState.OPEN:
        return max(0.0, adaptive.cools_at(breaker, policy) - now)
    flown = now - breaker.probed_at
    if breaker.probes < policy.probes or flown >= policy.probe_lost_after:
        return 0.0
    return min(max(PROBE_SECONDS, flown), policy.probe_lost_after - flown)


def _channel_learns(mood: ChannelMood, *, answer: Answer, bound: int) -> ChannelMood:
    now, streak = answer.at.timestamp(), mood.streak
    fault = answer.result.fault
    failed = fault is not None and fault.error_class in blame.CHANNEL
    if failed:
        streak = adaptive.on_error(
            streak,
            now=now,
            threshold=answer.pace.backoff_error_threshold,
            pause_minutes=answer.pace.backoff_pause_minutes,
        )
    elif fault is None:
        streak = adaptive.on_success(streak, now=now)
    return ChannelMood(
        concurrency=adaptive.on_result(
            mood.concurrency,
            latency=answer.seconds,
            failed=failed,
            now=now,
            bound=bound,
            in_flight=answer.in_flight,
        ),
        streak=streak,
        breaker=adaptive.on_answer(
            mood.breaker, OF_CHANNEL, failed=failed, left_at=now - answer.seconds, now=now
        ),
    )


def _count(scope: str, before: Breaker, after: Breaker) -> None:
    if after.state is BreakerState.OPEN and before.state is not BreakerState.OPEN:
        metrics.BREAKERS.labels(scope).inc()


def _channel_gives_back(mood: ChannelMood) -> ChannelMood:
    return replace(mood, breaker=adaptive.give_back(mood.breaker))


def _dump(mood: ChannelMood) -> dict[str, str | int | float]:
    parts = {
        "sends": adaptive.dump(mood.concurrency),
        "streak": adaptive.dump(mood.streak),
        "breaker": adaptive.dump(mood.breaker),
    }
    return {f"{part}.{name}": value for part, raw in parts.items() for name, value in raw.items()}


def _load(raw: Mapping[str, str]) -> ChannelMood:
    def part(name: str) -> dict[str, str]:
        start = f"{name}."
        return {field[len(start) :]: v for field, v in raw.items() if field.startswith(start)}

    return ChannelMood(
        adaptive.load(Concurrency, part("sends")),
        adaptive.load(ErrorStreak, part("streak")),
        adaptive.load(Breaker, part("breaker")),
    )
