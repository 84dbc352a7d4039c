"""What the simulator accepted and refused, and how dense the traffic was.

Rows are kept as the JSON that the log shows, beside two arrays to select by: 200,000 messages stay
well under 200 MB.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter, deque
from itertools import islice

import msgspec

WINDOWS = {"1s": 1.0, "60s": 60.0}

# Recado's reference: the delivery, the part of its message, the attempt.
_REFERENCE = re.compile(r"(\d+\.\d+)\.\d+")


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A message that the provider took on: ``at`` in unix seconds, ``id`` the provider's."""

    at: float
    provider: str
    channel: str
    to: str
    text: str
    reference: str | None
    id: str
    kind: str


def identity(message: Accepted) -> tuple[str, str, str]:
    """What makes two messages the same one: recipient, and delivery and part or else the text."""
    match = _REFERENCE.fullmatch(message.reference) if message.reference else None
    return (message.to, "part", match[1]) if match else (message.to, "text", message.text)


class Peak:
    """The most events that any window of the given length (seconds) has held, exactly."""

    def __init__(self, length: float) -> None:
        self._length = length
        self._inside: deque[float] = deque()
        self.most = 0

    def add(self, at: float) -> None:
        """Count an event; times must not fall."""
        inside = self._inside
        inside.append(at)
        begin = at - self._length
        while inside[0] <= begin:
            inside.popleft()
        self.most = max(self.most, len(inside))


class Tally:
    """Counts of one channel, or of all."""

    def __init__(self) -> None:
        self.accepted = 0
        self.requests = 0
        self._accepted_peaks = {name: Peak(length) for name, length in WINDOWS.items()}
        self._request_peaks = {name: Peak(length) for name, length in WINDOWS.items()}

    def request(self, at: float) -> None:
        """Count a request to send, whatever becomes of it."""
        self.requests += 1
        for peak in self._request_peaks.values():
            peak.add(at)

    def accept(self, at: float) -> None:
        """Count an accepted message."""
        self.accepted += 1
        for peak in self._accepted_peaks.values():
            peak.add(at)

    def report(self, distinct: int) -> dict[str, object]:
        """The counts as the statistics show them."""
        return {
            "accepted": self.accepted,
            "distinct": distinct,
            "duplicates": self.accepted - distinct,
            "max_per_window": {name: peak.most for name, peak in self._accepted_peaks.items()},
            "requests": self.requests,
            "max_requests_per_window": {
                name: peak.most for name, peak in self._request_peaks.items()
            },
        }


class Journal:
    """The log of accepted messages in order, and the statistics over everything."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._tallies: dict[str, Tally] = {}
        self._identities: dict[str, set[int]] = {}
        self._total = Tally()
        self._rows: list[bytes] = []
        self._at = array("d")
        self._channel = array("L")
        self.rejected: Counter[str] = Counter()

    def request(self, channel: str, at: float) -> None:
        """Count a request to send, before anything is decided about it."""
        self._tally(channel).request(at)
        self._total.request(at)

    def accept(self, message: Accepted) -> None:
        """Record an accepted message; messages come in the order of their times."""
        self._tally(message.channel).accept(message.at)
        self._total.accept(message.at)
        # Of an identity its hash is enough: 64 bits do not collide in a few million messages.
        self._identities[message.channel].add(hash(identity(message)))
        self._rows.append(msgspec.json.encode(message))
        self._at.append(message.at)
        self._channel.append(self._numbers[message.channel])

    def reject(self, code: str) -> None:
        """Count a refusal under the provider's code, or the name of the fault."""
        self.rejected[code] += 1

    def log(self, *, channel: str | None, since: float | None, limit: int | None) -> bytes:
        """Accepted messages as a JSON list: of one channel, from a unix time on, the first few."""
        rows = self._rows
        start = 0 if since is None else bisect_left(self._at, since)
        if channel is None:
            chosen = rows[start : None if limit is None else start + limit]
        else:
            number = self._numbers.get(channel)
            places = (i for i in range(start, len(rows)) if self._channel[i] == number)
            chosen = [rows[i] for i in islice(places, limit)]
        return b"[" + b",\n".join(chosen) + b"]"

    def stats(self) -> dict[str, object]:
        """Totals on top, then by channel."""
        distinct = {channel: len(known) for channel, known in self._identities.items()}
        return {
            **self._total.report(sum(distinct.values())),
            "rejected": dict(self.rejected),
            "channels": {
                channel: tally.report(distinct[channel]) for channel, tally in self._tallies.items()
            },
        }

    def _tally(self, channel: str) -> Tally:
        tally = self._tallies.get(channel)
        if tally is None:
            tally = self._tallies[channel] = Tally()
            self._numbers[channel] = len(self._numbers)
            self._identities[channel] = set()
        return tally
