"""When a campaign will end: the forecast, for channels that are not alike and not its alone."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from itertools import accumulate
from typing import Final

from recado.domain.forecast import LATENCY, Forecast, Limit, forecast, pace
from recado.domain.pacing import Pacing
from recado.domain.schedules import Schedule

ENOUGH_MEASURED: Final = 30.0
"""Messages a minute from which on the rate of the last minute says more than the limits do. Below,
the limits alone make the pace, and one message more or less in a minute would move the end by
hours."""
_STEP: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Sender:
    """A channel of a campaign.

    Attributes:
        pacing: In effect there, the campaign's own wishes included.
        used_today: Its requests of the last 24 hours, whichever campaign they were for.
        used_this_hour: Those of them in the last hour.
    """

    pacing: Pacing
    used_today: int = 0
    used_this_hour: int = 0


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


def estimate(
    messages: int,
    senders: Sequence[Sender],
    schedule: Schedule,
    now: datetime,
    tz: tzinfo,
    *,
    per_message_requests: float = 1.0,
    per_minute: float | None = None,
) -> Forecast:
    """How long so many messages take through several channels that take what they can.

    Without a channel nothing ever leaves.

    Args:
        messages: Still to be sent.
        senders: The channels that may send.
        schedule: Of the campaign.
        now: Aware.
        tz: What stands in for the contacts' zones.
        per_message_requests: Requests that a message takes: its parts, and what others send
            meanwhile through the same channels.
        per_minute: How many messages of the campaign left in the last minute, where it is running.
            The guess of how long a provider takes to answer gives way to it; limits do not, as a
            minute's luck cannot break them.
    """
    groups = _groups(senders)
    if not groups:
        return Forecast(None, None, (), Limit.NOTHING, 0)
    if per_minute is not None and per_minute >= ENOUGH_MEASURED:
        groups = _as_measured(groups, per_minute * per_message_requests / 60)

    def alone(group: "_Group", count: int) -> Forecast:
        return forecast(
            count,
            group.pacing,
            schedule,
            now,
            tz,
            channels=group.channels,
            used_today=group.used_today,
            used_this_hour=group.used_this_hour,
            per_message_requests=per_message_requests,
            latency=group.latency,
        )

    found = [alone(group, messages) for group in groups]
    if len(groups) == 1 or messages == 0:
        return found[0]
    shares = _shares(messages, found, per_message_requests)
    return _together([alone(group, share) for group, share in zip(groups, shares, strict=True)])


@dataclass(frozen=True, slots=True)
class _Group:
    """Channels of one pace."""

    pacing: Pacing
    channels: int
    used_today: int
    used_this_hour: int
    latency: float


def _groups(senders: Sequence[Sender]) -> list[_Group]:
    alike: dict[Pacing, list[Sender]] = {}
    for sender in senders:
        alike.setdefault(sender.pacing, []).append(sender)
    return [
        _Group(
            pacing,
            len(same),
            sum(sender.used_today for sender in same),
            sum(sender.used_this_hour for sender in same),
            LATENCY,
        )
        for pacing, same in alike.items()
    ]


def _as_measured(groups: Sequence[_Group], per_second: float) -> list[_Group]:
    """The groups with the latency at which they would together be as fast as was measured.

    A limit that allows less than that still holds: of the two, the slower one makes the pace.
    """
    steps = [pace(group.pacing)[0] for group in groups]
    expected = sum(group.channels / step for group, step in zip(groups, steps, strict=True))
    return [
        replace(
            group,
            pacing=replace(group.pacing, in_flight=1),
            latency=step * expected / per_second,
        )
        for group, step in zip(groups, steps, strict=True)
    ]


def _shares(messages: int, alone: Sequence[Forecast], requests: float) -> list[int]:
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
    return Forecast(
        starts_at=min(starts, default=None),
        ends_at=None if never else max(part.ends_at for part in parts if part.ends_at),
        per_day=tuple(sorted(per_day.items())),
        limited_by=busiest.limited_by,
        expires=sum(part.expires for part in parts),
        stretches=tuple(sorted(stretch for part in parts for stretch in part.stretches)),
    )
