"""One clock for the whole simulator, which never runs backwards."""

from __future__ import annotations

import time


class Clock:
    """Unix time in seconds, carried forward by the monotonic clock from where it was read once."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        return time.monotonic() + self._offset
