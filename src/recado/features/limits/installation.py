"""Limits of the whole installation: asked in a call of their own, before those of the channel.

Their keys are not in the slot of any workspace, so one script cannot see both.
"""

from collections.abc import Sequence
from dataclasses import replace

from recado.domain import limits
from recado.domain.ids import RunId
from recado.domain.limits import Path, Scope
from recado.features.limits.asks import Asking
from recado.features.limits.books import INSTALLATION, Books
from recado.features.limits.limiter import BooksClosed, Grant, Limiter
from recado.features.limits.paths import UNLIMITED
from recado.platform import settings
from recado.platform.runtime import Runtime

_ANY = RunId(0)


def path() -> Path:
    """What the host has set; no limits by default."""
    sending = settings.sending()
    given = {
        "perSecond": sending.limit_per_second,
        "perMinute": sending.limit_per_minute,
        "perDay": sending.limit_per_day,
    }
    kept = {name: most for name, most in given.items() if most}
    return Path(
        limits=tuple(limits.shared(Scope.INSTALLATION, kept)),
        slots=UNLIMITED,
        off=tuple(limits.shared_missing(Scope.INSTALLATION, kept)),
    )


class Installation:
    """Asks for requests of any workspace."""

    def __init__(self, runtime: Runtime, *, first: bool = False) -> None:
        """``first``: what asks here comes before what campaigns send."""
        self._path = path()
        self._limiter = Limiter(runtime.redis, INSTALLATION)
        self._limiter.first = first
        self._books = Books(runtime.redis, runtime.db, None)

    @property
    def limited(self) -> bool:
        """Whether there is anything to ask."""
        return bool(self._path.limits)

    async def reserve(self, asking: Sequence[Asking]) -> Grant | None:
        """Ask for attempts, in order; None if books had to be filled first.

        Args:
            asking: Of any workspace; none to look ahead.
        """
        anyhow = [Asking(one.reference, _ANY, None) for one in asking]
        try:
            return await self._limiter.reserve(anyhow, {_ANY: self._path})
        except BooksClosed as closed:
            await self._books.fill(closed.limits)
            return None

    def join(self, grant: Grant, permit: Grant) -> Grant:
        """A channel's answer about the first few, and ours about those that we held back."""
        longest = permit.ahead[_ANY]
        ahead = {
            run: replace(longest, full=wait.full) if longest.seconds > wait.seconds else wait
            for run, wait in grant.ahead.items()
        }
        return replace(
            grant,
            held={**permit.held, **grant.held},
            ahead=ahead,
            permit=(self._limiter, permit),
        )

    async def give_back(self, asking: Sequence[Asking], grant: Grant) -> None:
        """Undo grants that are not used."""
        if asking:
            await self._limiter.take_back([one.reference for one in asking], grant)
