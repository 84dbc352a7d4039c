"""How hard an installation is maltreated: the form for CI, and the one for an evening."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Form:
    """One way of running the chaos.

    Attributes:
        deliveries: Of the one campaign.
        pacing: Of each channel; every limit binds, so that breaking it would show.
        lease_seconds: After which a dead worker's channels are taken over.
        request_timeout: Seconds until an answer that does not come is `unknown`.
        every: Seconds from one blow to the next, on average.
        most_blows: Then no more; None for blows until nearly all has left.
        retryable: How many messages are refused at most; None for no end. A second refusal in a
            row costs 16 s, which the short form has no time for.
        hang_ms: How long a hanging answer hangs.
        patience: Seconds from the last blow until everything is settled.
        least_use: Of the permitted rate in seconds without a fault; None where the machine may be
            too busy to be held to it.
    """

    name: str
    deliveries: int
    pacing: tuple[Mapping[str, Any], ...]
    lease_seconds: int
    request_timeout: int
    every: float
    most_blows: int | None
    retryable: int | None
    hang_ms: int
    patience: float
    least_use: float | None
    seed: int = field(default=1)

    @property
    def faults(self) -> list[dict[str, Any]]:
        """The simulator's rules, all along."""
        retryable: dict[str, Any] = {"fault": {"kind": "error", "code": 131056}, "rate": 0.1}
        if self.retryable is not None:
            retryable["count"] = self.retryable
        return [
            retryable,
            {"fault": {"kind": "hang", "ms": self.hang_ms}, "rate": 0.02},
            {"fault": {"kind": "accept_then_drop"}, "rate": 0.02},
            {"fault": {"kind": "callback_doubled"}, "rate": 0.025},
            {"fault": {"kind": "callback_reordered"}, "rate": 0.025},
            {"fault": {"kind": "latency", "ms": 150}, "rate": 0.3},
        ]


# What is refused is no fault of the channel's here: it must not be held back for it.
_CHANNEL: Mapping[str, Any] = {"inFlight": 32, "backoffErrorThreshold": None}


def _short(seed: int) -> Form:
    return Form(
        name="short",
        deliveries=600,
        pacing=(
            {**_CHANNEL, "perSecond": 16},
            {**_CHANNEL, "perSecond": 16, "perMinute": 120},
            {**_CHANNEL, "perSecond": 16, "capHourly": 100},
        ),
        lease_seconds=2,
        request_timeout=3,
        every=2.5,
        most_blows=5,
        retryable=50,
        hang_ms=6_000,
        patience=90,
        least_use=None,
        seed=seed,
    )


def _long(seed: int) -> Form:
    return Form(
        name="long",
        deliveries=5_000,
        pacing=(
            {**_CHANNEL, "perSecond": 25},
            {**_CHANNEL, "perSecond": 25, "perMinute": 600},
            {**_CHANNEL, "perSecond": 25, "capHourly": 1_000},
        ),
        lease_seconds=5,
        request_timeout=5,
        every=5,
        most_blows=None,
        retryable=None,
        hang_ms=10_000,
        patience=900,
        least_use=0.7,
        seed=seed,
    )


def chosen() -> list[Form]:
    """By RECADO_CHAOS (``short`` or ``long``) and RECADO_CHAOS_SEEDS (numbers with commas).

    The short form repeats itself: in CI, a red run says something about the change. The long one
    is another each time, and prints its seed.
    """
    long = os.environ.get("RECADO_CHAOS", "short") == "long"
    given = os.environ.get("RECADO_CHAOS_SEEDS")
    seeds = [int(seed) for seed in given.split(",")] if given else []
    make = _long if long else _short
    return [make(seed) for seed in seeds or [secrets.randbelow(1_000_000) if long else 1]]
