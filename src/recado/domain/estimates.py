"""When a campaign will end: the forecast, for channels that are not alike and not its alone."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from itertools import accumulate, pairwise
from typing import Final

from recado.domain.forecast import LATENCY, Forecast, Limit, forecast, pace
from recado.domain.limits import warm_up
from recado.domain.pacing import Pacing
from recado.domain.schedules import Schedule
from recado.domain.windows import HORIZON

ENOUGH_MEASURED: Final = 30.0
"""Messages a minute from which on the rate of the last minute says more than the limits do. Below,
the limits alone make the pace, and one message more or less in a minute would move the end by
hours."""
_STEP: Final = timedelta(milliseconds=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sender:
    """A channel of a campaign.

    Attributes:
        pacing: In effect there, the campaign's own wishes included.
        used_today: Its requests of the last 24 hours, whichever campaign they were for.
        used_this_hour: Those of them in the last hour.
        age_days: Of the channel, for its warm-up.
        portfolio: Whom the provider counts the people with that it reaches.
        tier: How many these may be in 24 hours; None is any.
    """

    pacing: Pacing
    used_today: int = 0
    used_this_hour: int = 0
    age_days: float = 0.0
    portfolio: str | None = None
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a campaign has to share its channels with, and how its channels share its messages.

    Attributes:
        others: How many messages each other campaign still has for the same channels.
        limits: The workspace's own: perSecond, perMinute, perDay → most.
        dealt: Each channel has its part from the beginning; else they take what they can.
    """

    others: Sequence[float] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    dealt: bool = False


def estimate(
    messages: int,
    senders: Sequence[Sender],
    schedule: Schedule,
    now: datetime,
    tz: tzinfo,
    *,
    sharing: Sharing | None = None,
    parts: float = 1.0,
    per_minute: float | None = None,
) -> Forecast:
    """How long so many messages take through several channels.

    Without a channel nothing ever leaves.

    Args:
        messages: Still to be sent.
        senders: The channels that may send.
        schedule: Of the campaign.
        now: Aware.
        tz: What stands in for the contacts' zones.
        sharing: With whom, if with anyone.
        parts: Requests that a message takes.
        per_minute: How many messages of the campaign left in the last minute, where it is running.
            The guess of how long a provider takes to answer gives way to it; limits do not, as a
            minute's luck cannot break them.
    """
    sharing = sharing or Sharing()
    groups = _groups(senders, sharing.limits)
    if not groups:
        return Forecast(None, None, (), Limit.NOTHING, 0)
    requests = parts * behind(messages, sharing.others)
    if per_minute is not None and per_minute >= ENOUGH_MEASURED:
        groups = _as_measured(groups, per_minute * requests / 60)
    course = _Course(schedule, now, tz, requests)
    if len(groups) == 1 or messages == 0:
        return course.of(groups[0], messages)
    if sharing.dealt:
        shares = _dealt(messages, groups)
    else:
        shares = _taken(messages, [course.of(group, messages) for group in groups], requests)
    return _together([course.of(group, share) for group, share in zip(groups, shares, strict=True)])


def behind(messages: int, others: Sequence[float]) -> float:
    """Requests that leave a channel for each of ours until our last one has left.

    Campaigns on one channel get equal shares: until ours has sent all its messages, each other one
    has sent as many, or all that it has.

    Args:
        messages: Of ours, still to be sent.
        others: How many each other campaign still has to send through the same channels.
    """
    if messages == 0:
        return 1.0
    return 1.0 + sum(min(messages, other) for other in others) / messages


# Channels --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """What makes channels alike."""

    pacing: Pacing
    warming_since: float | None  # its age in days, while a warm-up is set for it
    names: tuple[tuple[Limit, Limit], ...]  # what stands behind some of the limits


@dataclass(frozen=True, slots=True)
class _Group:
    """Channels of one kind."""

    kind: _Kind
    channels: int
    used_today: int
    used_this_hour: int
    latency: float = LATENCY

    @property
    def pacing(self) -> Pacing:
        return self.kind.pacing


def _groups(senders: Sequence[Sender], shared: Mapping[str, int]) -> list[_Group]:
    alike: dict[_Kind, list[Sender]] = {}
    for sender in senders:
        alike.setdefault(_kind(sender, senders, shared), []).append(sender)
    return [
        _Group(
            kind,
            len(same),
            sum(sender.used_today for sender in same),
            sum(sender.used_this_hour for sender in same),
        )
        for kind, same in alike.items()
    ]


def _kind(sender: Sender, all_of_them: Sequence[Sender], shared: Mapping[str, int]) -> _Kind:
    """A channel with its equal part of what it may only use together with others."""
    own, names = sender.pacing, []
    pool = [one for one in all_of_them if one.portfolio == sender.portfolio]
    users = [one for one in all_of_them if one.pacing.per_minute_per_user]
    everyone = len(all_of_them)
    for key, limit, shown, most, of in (
        ("cap_daily", Limit.CAP_DAILY, Limit.TIER, sender.tier, len(pool)),
        ("cap_daily", Limit.CAP_DAILY, Limit.PER_DAY, shared.get("perDay"), everyone),
        ("per_minute", Limit.PER_MINUTE, Limit.PER_USER, own.per_minute_per_user, len(users)),
        ("per_minute", Limit.PER_MINUTE, Limit.PER_MINUTE, shared.get("perMinute"), everyone),
        ("per_second", Limit.PER_SECOND, Limit.PER_SECOND, shared.get("perSecond"), everyone),
    ):
        before: int | None = getattr(own, key)
        part = math.ceil(most / of) if most else None
        if part and (before is None or part < before):
            own = replace(own, **{key: part})
            names.append((limit, shown))
    return _Kind(own, sender.age_days if own.warm_up_daily else None, tuple(names))


def _as_measured(groups: Sequence[_Group], per_second: float) -> list[_Group]:
    """The groups with the latency at which they would together be as fast as was measured.

    A limit that allows less than that still holds: of the two, the slower one makes the pace.
    """
    steps = [pace(group.pacing)[0] for group in groups]
    expected = sum(group.channels / step for group, step in zip(groups, steps, strict=True))
    return [
        replace(
            group,
            kind=replace(group.kind, pacing=replace(group.pacing, in_flight=1)),
            latency=step * expected / per_second,
        )
        for group, step in zip(groups, steps, strict=True)
    ]


# The course of each ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Course:
    """What all channels have before them alike."""

    schedule: Schedule
    now: datetime
    tz: tzinfo
    requests: float

    def of(self, group: _Group, messages: int) -> Forecast:
        """How one group sends so many messages alone."""
        if group.kind.warming_since is not None:
            found = self._warming_up(group, messages, group.kind.warming_since)
        else:
            found = self._stretch(group, messages, self.now, None)
        names = dict(group.kind.names)
        return replace(found, limited_by=names.get(found.limited_by, found.limited_by))

    def _warming_up(self, group: _Group, messages: int, age: float) -> Forecast:
        """Day by day of the channel's life, each with a number of its own.

        What left the day before counts no more: it left as early as its day allowed, and is a day
        old when as many may leave again.
        """
        done: list[Forecast] = []
        since, left = self.now, messages
        first = self.now + (1 - age % 1) * _DAY
        for day in range(HORIZON.days):
            cap = (warm_up(group.pacing, age + day) or 0) * group.channels
            if cap >= left * self.requests:
                break
            until = first + day * _DAY
            found = self._stretch(group, left, since, until, cap // group.channels)
            done.append(replace(found, limited_by=Limit.WARM_UP))
            left -= sum(count for _, count in found.per_day)
            since, group = until, replace(group, used_today=0, used_this_hour=0)
            if left == 0 or (self.schedule.end_at and until >= self.schedule.end_at):
                return _in_turn(done)
        else:
            return replace(_in_turn(done), ends_at=None, expires=0)
        return _in_turn([*done, self._stretch(group, left, since, None)])

    def _stretch(
        self,
        group: _Group,
        messages: int,
        since: datetime,
        until: datetime | None,
        daily: int | None = None,
    ) -> Forecast:
        pacing, schedule = group.pacing, self.schedule
        if daily is not None:
            pacing = replace(pacing, cap_daily=min(daily, pacing.cap_daily or daily))
        if until is not None:
            schedule = replace(schedule, end_at=min(until, schedule.end_at or until))
        return forecast(
            messages,
            pacing,
            schedule,
            since,
            self.tz,
            channels=group.channels,
            used_today=group.used_today,
            used_this_hour=group.used_this_hour,
            per_message_requests=self.requests,
            latency=group.latency,
        )


def _in_turn(parts: Sequence[Forecast]) -> Forecast:
    """One after the other; what the last one leaves over is left."""
    if len(parts) == 1:
        return parts[0]
    last = parts[-1]
    return replace(
        _together(parts), ends_at=last.ends_at, expires=last.expires, limited_by=Limit.WARM_UP
    )


# Together --------------------------------------------------------------------------------------


def _dealt(messages: int, groups: Sequence[_Group]) -> list[int]:
    """As many for each channel, and one more for the first of them."""
    channels = sum(group.channels for group in groups)
    before = [0, *accumulate(group.channels for group in groups)]
    upto = [math.ceil(messages * place / channels) for place in before]
    return [end - start for start, end in pairwise(upto)]


def _taken(messages: int, alone: Sequence[Forecast], requests: float) -> list[int]:
    """How many messages each group has sent when all are out, if each takes all that it can."""
    starts = [one.starts_at for one in alone if one.starts_at]
    if not starts:
        return [messages] + [0] * (len(alone) - 1)
    left_by = [_left_by(one) for one in alone]
    early, late = min(starts), max(one.stretches[-1][1] for one in alone if one.stretches)
    while late - early > _STEP:
        middle = early + (late - early) / 2
        if sum(left(middle) for left in left_by) >= messages * requests:
            late = middle
        else:
            early = middle
    shares = [int(left(late) / requests) for left in left_by]
    # The last moment may belong to several; and what nobody can send any more expires somewhere.
    widest = shares.index(max(shares))
    shares[widest] += messages - sum(shares)
    return shares


def _left_by(one: Forecast) -> Callable[[datetime], int]:
    """How many requests of a forecast have left by a moment."""
    opens = [begins for begins, _ in one.stretches]
    before = [0, *accumulate(one.requests)]

    def left(moment: datetime) -> int:
        at = bisect_right(opens, moment) - 1
        if at < 0:
            return 0
        begins, ends = one.stretches[at]
        count = one.requests[at]
        if moment >= ends:
            return before[at] + count
        return before[at] + int((moment - begins) / (ends - begins) * (count - 1)) + 1

    return left


def _together(parts: Sequence[Forecast]) -> Forecast:
    per_day: Counter[date] = Counter()
    for part in parts:
        per_day.update(dict(part.per_day))
    starts = [part.starts_at for part in parts if part.starts_at]
    never = any(part.ends_at is None for part in parts)
    busiest = max(parts, key=lambda part: sum(count for _, count in part.per_day))
    runs = sorted(run for part in parts for run in zip(part.stretches, part.requests, strict=True))
    return Forecast(
        starts_at=min(starts, default=None),
        ends_at=None if never else max(part.ends_at for part in parts if part.ends_at),
        per_day=tuple(sorted(per_day.items())),
        limited_by=busiest.limited_by,
        expires=sum(part.expires for part in parts),
        stretches=tuple(stretch for stretch, _ in runs),
        requests=tuple(count for _, count in runs),
    )
