"""Whether this process stood still: stopped, swapped out, or its machine suspended.

Who wakes up finds every timer due, before it has read what came meanwhile. What then looks like a
timeout is nobody else's fault.
"""

import asyncio
import time
from weakref import WeakKeyDictionary

BEAT_SECONDS = 0.25
STILL_SECONDS = 1.0  # a beat that is so late was not late by work alone


class _Pulse:
    def __init__(self) -> None:
        self._due = 0.0
        self.awake_since = 0.0
        self._beat()

    def _beat(self) -> None:
        now = time.monotonic()
        if self._due and now - self._due > STILL_SECONDS:
            self.awake_since = now
        self._due = now + BEAT_SECONDS
        asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)


_pulses: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pulse] = WeakKeyDictionary()


def awake_since() -> float:
    """When this process last woke up, on the monotonic clock; 0 if it has not stood still.

    Looked at from the first call in each event loop on.
    """
    loop = asyncio.get_running_loop()
    pulse = _pulses.get(loop)
    if pulse is None:
        pulse = _pulses[loop] = _Pulse()
    return pulse.awake_since
