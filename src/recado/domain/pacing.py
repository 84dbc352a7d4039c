"""How fast a channel may go: the settings, the presets, and what several of them make together."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from recado.domain.errors import InvalidInput


class InvalidPacing(InvalidInput):
    code = "invalid_pacing"
    sentence = "The pacing is not valid. Correct the fields named; the known keys are: {known}."


@dataclass(frozen=True, slots=True)
class Pacing:
    """Limits of one channel. None means without this limit; intervals are in seconds.

    ``warm_up_daily`` is what a new channel may send on its first day, and each day
    ``warm_up_growth`` times as much, until another limit is lower.

    The outside names are those of ``KEYS``, in camelCase.
    """

    message_interval: float | None = 30
    longer_interval_after: int | None = 20
    greater_interval: float | None = 60
    per_minute: int | None = 20
    per_second: int | None = None
    in_flight: int | None = 10
    cap_hourly: int | None = 300
    cap_daily: int | None = 2000
    per_minute_per_user: int | None = 100
    warm_up_daily: int | None = None
    warm_up_growth: float | None = 2
    backoff_error_threshold: int | None = 5
    backoff_pause_minutes: float | None = 10


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


KEYS: Mapping[str, str] = {_camel(field.name): field.name for field in fields(Pacing)}
_WHOLE = frozenset(KEYS.values()) - {
    "message_interval",
    "greater_interval",
    "warm_up_growth",
    "backoff_pause_minutes",
}
_FROM_ZERO = frozenset({"message_interval", "greater_interval", "backoff_pause_minutes"})
LARGEST = 1_000_000_000
INTERVAL_JITTER = 0.2  # share of an interval that chance may add to it

UNLIMITED = Pacing(**dict.fromkeys(KEYS.values()))
CONSERVATIVE = Pacing()
PRESETS: Mapping[str, Pacing] = {
    "conservative": CONSERVATIVE,
    "moderate": replace(
        CONSERVATIVE,
        message_interval=10,
        longer_interval_after=50,
        greater_interval=120,
        cap_hourly=500,
        cap_daily=3000,
        backoff_error_threshold=3,
        backoff_pause_minutes=15,
    ),
    "aggressive": replace(
        CONSERVATIVE,
        message_interval=3,
        longer_interval_after=100,
        greater_interval=60,
        cap_hourly=1000,
        cap_daily=5000,
        backoff_error_threshold=2,
        backoff_pause_minutes=5,
    ),
    # Meta: 80 messages a second a number; caps are Meta's own (the messaging tier).
    "cloud": replace(
        CONSERVATIVE,
        message_interval=None,
        longer_interval_after=None,
        greater_interval=None,
        per_minute=None,
        per_second=80,
        in_flight=64,
        cap_hourly=None,
        cap_daily=None,
        per_minute_per_user=None,
    ),
}
_OFFICIAL = frozenset({"meta", "simulator"})


HIGH_PER_SECOND: Final = 1000


def default_preset(provider: str) -> str:
    """The preset that a new channel of this provider starts with."""
    return "cloud" if provider in _OFFICIAL else "conservative"


def at_throughput(pace: Pacing, word: str | None) -> Pacing:
    """A pacing of the official API for a number that may send faster than most.

    ``word``: Meta: STANDARD is what the preset says, HIGH are 1,000 messages a second.
    """
    return replace(pace, per_second=HIGH_PER_SECOND) if word == "HIGH" else pace


def validated(raw: Mapping[str, Any], presets: Mapping[str, Pacing] = PRESETS) -> dict[str, Any]:
    """A partial pacing from outside, checked; the keys stay as they are outside.

    Args:
        raw: As it came.
        presets: Those that it may name.

    Raises:
        InvalidPacing: An unknown key, an unknown preset, or a value out of range.
    """
    wrong: dict[str, str] = {}
    for key, value in raw.items():
        if key == "preset":
            if not isinstance(value, str) or value not in presets:
                wrong["pacing.preset"] = "one of: " + ", ".join(presets)
        elif key not in KEYS:
            wrong[f"pacing.{key}"] = "unknown key"
        elif value is not None and not _in_range(KEYS[key], value):
            least = 0 if KEYS[key] in _FROM_ZERO else 1
            wrong[f"pacing.{key}"] = f"a number from {least}, or null for no limit"
    if wrong:
        raise InvalidPacing(fields=wrong, known=", ".join(["preset", *KEYS]))
    return dict(raw)


def _in_range(name: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if not (0 if name in _FROM_ZERO else 1) <= value <= LARGEST:
        return False  # infinities and NaN among them
    return name not in _WHOLE or value == int(value)


def apply(
    base: Pacing, overrides: Mapping[str, Any], presets: Mapping[str, Pacing] = PRESETS
) -> Pacing:
    """The pacing with a checked partial one laid over it; its preset comes first.

    A preset that is no more, as an own one may be deleted, leaves the most careful one.
    """
    start = presets.get(overrides["preset"], CONSERVATIVE) if "preset" in overrides else base
    changes = {KEYS[key]: value for key, value in overrides.items() if key in KEYS}
    return replace(start, **changes)


def tightest(one: Pacing, other: Pacing) -> Pacing:
    """Both kept at once: the longer of each interval, the lower of each limit."""
    return Pacing(
        message_interval=_longest(one.message_interval, other.message_interval),
        longer_interval_after=_lowest(one.longer_interval_after, other.longer_interval_after),
        greater_interval=_longest(one.greater_interval, other.greater_interval),
        per_minute=_lowest(one.per_minute, other.per_minute),
        per_second=_lowest(one.per_second, other.per_second),
        in_flight=_lowest(one.in_flight, other.in_flight),
        cap_hourly=_lowest(one.cap_hourly, other.cap_hourly),
        cap_daily=_lowest(one.cap_daily, other.cap_daily),
        per_minute_per_user=_lowest(one.per_minute_per_user, other.per_minute_per_user),
        warm_up_daily=_lowest(one.warm_up_daily, other.warm_up_daily),
        warm_up_growth=_smallest(one.warm_up_growth, other.warm_up_growth),
        backoff_error_threshold=_lowest(one.backoff_error_threshold, other.backoff_error_threshold),
        backoff_pause_minutes=_longest(one.backoff_pause_minutes, other.backoff_pause_minutes),
    )


def restrict(
    channel: Pacing, campaign: Mapping[str, Any], presets: Mapping[str, Pacing] = PRESETS
) -> Pacing:
    """A channel's pacing under a campaign's wishes: a campaign may go slower, never faster.

    What a campaign leaves unsaid does not restrict it.
    """
    if not campaign:
        return channel
    return tightest(channel, apply(UNLIMITED, campaign, presets))


def shown(pacing: Pacing) -> dict[str, Any]:
    """A pacing under its outside names."""
    return {key: getattr(pacing, name) for key, name in KEYS.items()}


def burst(pacing: Pacing, seconds: float, most: int) -> int:
    """How many messages the pace allows in about so many seconds, 1 at least, ``most`` at most."""
    allowed: float = most
    if pacing.message_interval:
        allowed = min(allowed, seconds / pacing.message_interval)
    if pacing.per_second:
        allowed = min(allowed, seconds * pacing.per_second)
    if pacing.per_minute:
        allowed = min(allowed, pacing.per_minute)
    return max(1, min(most, int(allowed)))


def _lowest(one: int | None, other: int | None) -> int | None:
    lower = _smallest(one, other)
    return None if lower is None else int(lower)


def _longest(one: float | None, other: float | None) -> float | None:
    present = [value for value in (one, other) if value is not None]
    return max(present) if present else None


def _smallest(one: float | None, other: float | None) -> float | None:
    present = [value for value in (one, other) if value is not None]
    return min(present) if present else None
