"""When so many messages will have left: the limits' pace, spread over hours, windows and days.

The forecast follows a sender that uses every limit to the full. It goes from change to change (a
window closes, a cap is reached, the first of yesterday's messages no longer count), never from
message to message, so that a million of them take it no longer than a thousand.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from recado.domain.pacing import INTERVAL_JITTER, Pacing
from recado.domain.schedules import Schedule
from recado.domain.windows import HORIZON, spans, zone

LATENCY: Final = 0.2
"""Seconds until a provider answers, where none have been measured."""
FASTEST: Final = 1000.0
"""Requests a second without any limit. Meta: the highest throughput of a number."""
HOUR: Final = 3600.0
DAY: Final = 86_400.0
BUCKET: Final = 60.0
"""Long limits are counted by minutes, of which the one partly in the past counts in full."""

# Moments are told to the microsecond.
_SLACK: Final = 1e-6
_FOR_EVER: Final = math.inf


class Limit(StrEnum):
    """What costs a campaign the most time, under its outside name: mostly a key of the pacing.

    What several channels use together, and the warm-up, is known to the estimate alone.
    """

    MESSAGE_INTERVAL = "messageInterval"
    PER_SECOND = "perSecond"
    PER_MINUTE = "perMinute"
    IN_FLIGHT = "inFlight"
    CAP_HOURLY = "capHourly"
    CAP_DAILY = "capDaily"
    WARM_UP = "warmUpDaily"
    PER_USER = "perMinutePerUser"
    PER_DAY = "perDay"
    TIER = "tier"
    WINDOW = "window"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a campaign will go.

    Attributes:
        starts_at: When the first message leaves; None if none ever does.
        ends_at: When the last one leaves, or the end of the schedule if some expire; None if that
            is over `HORIZON` away.
        per_day: How many messages leave on each date, in order; of the window's zone.
        limited_by: What costs the most time.
        expires: How many messages the end of the schedule leaves unsent.
        stretches: From when to when messages leave without a pause, in order.
        requests: How many leave in each of them, at even distances.
    """

    starts_at: datetime | None
    ends_at: datetime | None
    per_day: tuple[tuple[date, int], ...]
    limited_by: Limit
    expires: int
    stretches: tuple[tuple[datetime, datetime], ...] = field(default=(), repr=False)
    requests: tuple[int, ...] = field(default=(), repr=False)


def forecast(
    messages: int,
    pacing: Pacing,
    schedule: Schedule,
    now: datetime,
    tz: tzinfo,
    *,
    channels: int = 1,
    used_today: int = 0,
    used_this_hour: int = 0,
    per_message_requests: float = 1.0,
    latency: float = LATENCY,
) -> Forecast:
    """How long so many messages take, before the launch or on the way.

    Args:
        messages: Still to be sent.
        pacing: Of one channel.
        schedule: Of the campaign.
        now: Aware.
        tz: What stands in for the contacts' zones.
        channels: How many send, each at this pace.
        used_today: Requests of all channels in the last 24 hours. They are taken to have left as
            late as the pace allows, as those of a running campaign have.
        used_this_hour: Those of them in the last hour.
        per_message_requests: Requests a message takes: its parts, and tries that fail.
        latency: Seconds until the provider answers.
    """
    # In UTC: within one zone Python counts seconds by the clock on the wall.
    now = now.astimezone(UTC)
    begins = max(now, (schedule.start_at or now).astimezone(UTC))
    step, pace_limit = pace(pacing, latency=latency)
    step /= channels
    total = math.ceil(messages * per_message_requests)
    caps = [
        _Cap(int(limit) * channels, width + BUCKET, name)
        for limit, width, name in (
            (pacing.cap_hourly, HOUR, Limit.CAP_HOURLY),
            (pacing.cap_daily, DAY, Limit.CAP_DAILY),
        )
        if limit is not None
    ]
    past = _past(used_today, used_this_hour, step, pacing.cap_hourly, channels)
    since = (begins - now).total_seconds()
    line = _Line(total, step, pace_limit, caps, [one.shifted(-since) for one in past])
    last = begins + HORIZON
    closes = min(last, schedule.end_at) if schedule.end_at else last
    for opened, closed in _open(schedule, begins, closes, tz):
        line.fill((opened - begins).total_seconds(), (closed - begins).total_seconds())
        if line.left == 0:
            break
    return _summary(
        line,
        messages=messages,
        requests=per_message_requests,
        begins=begins,
        schedule=schedule,
        tz=tz,
    )


def pace(pacing: Pacing, *, latency: float = LATENCY) -> tuple[float, Limit]:
    """Mean seconds from one request to the next on one channel, and the limit they come from.

    Hourly and daily caps are left out.
    """
    chance = 1 + INTERVAL_JITTER / 2
    second = 1 / pacing.per_second if pacing.per_second else 0.0
    interval = max((pacing.message_interval or 0) * chance, second)
    if pacing.longer_interval_after and pacing.greater_interval:
        longer = max(pacing.greater_interval * chance, interval)
        interval += (longer - interval) / pacing.longer_interval_after
    waits = {
        Limit.NOTHING: 1 / FASTEST,
        Limit.IN_FLIGHT: latency / pacing.in_flight if pacing.in_flight else 0.0,
        Limit.PER_MINUTE: 60 / pacing.per_minute if pacing.per_minute else 0.0,
        Limit.PER_SECOND: second,
        Limit.MESSAGE_INTERVAL: interval,
    }
    slowest = max(waits, key=waits.__getitem__)
    return waits[slowest], slowest


def _open(
    schedule: Schedule, since: datetime, until: datetime, tz: tzinfo
) -> Iterator[tuple[datetime, datetime]]:
    if schedule.window:
        yield from spans(schedule.window, since, until, tz)
    elif since < until:
        yield since, until


@dataclass(slots=True)
class _Run:
    """Requests that leave at even distances: their numbers, the first's second, the distance."""

    first: int
    count: int
    at: float
    step: float

    def shifted(self, seconds: float) -> "_Run":
        return _Run(self.first, self.count, self.at + seconds, self.step)


@dataclass(slots=True)
class _Cap:
    """At most so many requests in any span of this width (seconds)."""

    limit: int
    width: float
    name: Limit
    position: int = 0  # of the run with the request that has to be out of the span


@dataclass(slots=True)
class _Ahead:
    """What a cap says about the next request: its earliest second, and how that goes on."""

    free: float
    step: float
    count: int
    name: Limit
    grows: bool = False  # the run that it follows is ours, and may go on


def _past(used_today: int, used_hour: int, step: float, hourly: int | None, of: int) -> list[_Run]:
    """What left before now (second 0), numbered up to -1."""
    before = max(0, used_today - used_hour)
    runs = []
    if before:
        slowed = max(step, (HOUR + BUCKET) / (hourly * of)) if hourly else step
        distance = min(slowed, (DAY - HOUR) / before)
        runs.append(_Run(-used_hour - before, before, -HOUR - before * distance, distance))
    if used_hour:
        distance = min(step, HOUR / used_hour)
        runs.append(_Run(-used_hour, used_hour, -used_hour * distance, distance))
    return runs


class _Line:
    """Requests in the order in which they leave, in seconds from the beginning."""

    def __init__(
        self, total: int, step: float, limit: Limit, caps: list[_Cap], past: list[_Run]
    ) -> None:
        self.left = total
        self.runs = past
        self.begun = len(past)  # where the runs of this campaign begin
        self.lost: dict[Limit, float] = dict.fromkeys(Limit, 0.0)
        self._number = 0
        self._ready = 0.0
        self._step = step
        self._limit = limit
        self._caps = caps

    def fill(self, opens: float, closes: float) -> None:
        """Let leave what may between two seconds."""
        while self.left:
            ahead = [self._ahead(cap) for cap in self._caps]
            slowest = max(ahead, key=lambda one: one.free, default=None)
            free = max(self._ready, slowest.free if slowest else -_FOR_EVER)
            at = max(free, opens)
            if at >= closes - _SLACK:
                return
            if slowest:
                self.lost[slowest.name] += free - self._ready
            if self._number:
                self.lost[Limit.WINDOW] += at - free
            self._leave(at, closes, ahead)

    def _leave(self, at: float, closes: float, ahead: list[_Ahead]) -> None:
        """The longest run from a second on that stays within every limit."""
        step, limit = self._step, self._limit
        for one in ahead:
            if one.free >= at - _SLACK and one.step > step:
                step, limit = one.step, one.name
        last = self.runs[-1] if len(self.runs) > self.begun else None
        goes_on = last and last.step == step and abs(last.at + last.count * step - at) < _SLACK
        count = min(self.left, math.ceil((closes - _SLACK - at) / step))
        for one in ahead:
            if one.free < at - _SLACK and one.step > step:
                # It catches up.
                count = min(count, int((at - one.free) / (one.step - step)) + 1)
            # A run that goes on with us stays as far behind us as it is.
            if not (one.grows and goes_on):
                count = min(count, one.count)
        if last and goes_on:
            last.count += count
        else:
            self.runs.append(_Run(self._number, count, at, step))
        self.lost[limit] += count * step
        self._number += count
        self.left -= count
        self._ready = at + (count - 1) * step + self._step

    def _ahead(self, cap: _Cap) -> _Ahead:
        """When the next request may leave as far as a cap goes, and how long that rule holds."""
        number, runs = self._number - cap.limit, self.runs
        while cap.position < len(runs):
            run = runs[cap.position]
            if number < run.first:
                return _Ahead(-_FOR_EVER, 0.0, run.first - number, cap.name)
            if number < run.first + run.count:
                done = number - run.first
                free = run.at + done * run.step + cap.width
                return _Ahead(free, run.step, run.count - done, cap.name, grows=run is runs[-1])
            cap.position += 1
        return _Ahead(-_FOR_EVER, 0.0, -number, cap.name)


def _summary(
    line: _Line,
    *,
    messages: int,
    requests: float,
    begins: datetime,
    schedule: Schedule,
    tz: tzinfo,
) -> Forecast:
    runs = line.runs[line.begun :]
    per_day, sent, left = [], 0, 0
    for day, count in _by_day(runs, begins, zone(schedule.window, tz)):
        left += count
        done = min(messages, int(left / requests + _SLACK))
        per_day.append((day, done - sent))
        sent = done
    stretches = tuple(
        (
            begins + timedelta(seconds=run.at),
            begins + timedelta(seconds=run.at + (run.count - 1) * run.step),
        )
        for run in runs
    )
    end_at = schedule.end_at
    ends_at: datetime | None = stretches[-1][1] if stretches else begins
    expires = 0
    if line.left:
        over = end_at is not None and end_at <= begins + HORIZON
        expires = messages - sent if over else 0
        ends_at = end_at if over else None
    limit = max(line.lost, key=line.lost.__getitem__)
    return Forecast(
        starts_at=stretches[0][0] if stretches else None,
        ends_at=ends_at,
        per_day=tuple(per_day),
        limited_by=limit if line.lost[limit] else Limit.NOTHING,
        expires=expires,
        stretches=stretches,
        requests=tuple(run.count for run in runs),
    )


def _by_day(runs: list[_Run], begins: datetime, tz: tzinfo) -> Iterator[tuple[date, int]]:
    """How many requests leave on each local date on which any do."""
    day = begins.astimezone(tz).date()
    midnight = _midnight_after(day, begins, tz)
    count = 0
    for run in runs:
        done = 0
        while done < run.count:
            at = run.at + done * run.step
            if at >= midnight:
                if count:
                    yield day, count
                day, count = day + timedelta(days=1), 0
                midnight = _midnight_after(day, begins, tz)
                continue
            today = min(run.count - done, math.ceil((midnight - at) / run.step))
            count += today
            done += today
    if count:
        yield day, count


def _midnight_after(day: date, begins: datetime, tz: tzinfo) -> float:
    return (datetime.combine(day + timedelta(days=1), time(), tz) - begins).total_seconds()
