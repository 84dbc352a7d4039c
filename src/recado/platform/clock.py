"""The one place that reads the clock; everything else is told the time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

Source = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


class _Clock:
    source: Source = staticmethod(_system)


def now() -> datetime:
    """The time in UTC."""
    return _Clock.source()


@contextmanager
def driven_by(source: Source) -> Iterator[None]:
    """Have somebody else tell this process the time meanwhile: a test that cannot wait."""
    before, _Clock.source = _Clock.source, staticmethod(source)
    try:
        yield
    finally:
        _Clock.source = staticmethod(before)
