"""Asking everybody who has a say: the installation first, then the workspace and its channel."""

from collections.abc import Mapping, Sequence

from recado.domain.ids import RunId, WorkspaceId
from recado.domain.limits import Path
from recado.features.limits.asks import Asking
from recado.features.limits.books import Books
from recado.features.limits.installation import Installation
from recado.features.limits.limiter import BooksClosed, Grant, Limiter
from recado.platform.runtime import Runtime


class Entrance:
    """One limiter, and what stands before it."""

    def __init__(self, runtime: Runtime, workspace_id: WorkspaceId, limiter: Limiter) -> None:
        self._limiter = limiter
        self.books = Books(runtime.redis, runtime.db, workspace_id)
        self._installation = Installation(runtime, first=limiter.first)

    async def reserve(self, asking: Sequence[Asking], paths: Mapping[RunId, Path]) -> Grant | None:
        """Ask for attempts; None if nothing was granted, as books had to be filled first.

        Raises:
            LeaseLost: Nothing will be granted under this lease.
        """
        if not self._installation.limited:
            return await self._reserve(asking, paths)
        permit = await self._installation.reserve(asking)
        if permit is None:
            return None
        allowed = asking[: len(permit.granted)]
        grant = None
        try:
            grant = await self._reserve(allowed, paths)
        finally:
            used = {allowed[place].reference for place in grant.granted} if grant else set()
            unused = [one for one in allowed if one.reference not in used]
            await self._installation.give_back(unused, permit)
        return grant and self._installation.join(grant, permit)

    async def _reserve(self, asking: Sequence[Asking], paths: Mapping[RunId, Path]) -> Grant | None:
        try:
            return await self._limiter.reserve(asking, paths)
        except BooksClosed as closed:
            await self.books.fill(closed.limits)
            return None
