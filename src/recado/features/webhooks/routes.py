"""Which channel a callback belongs to, remembered for a while."""

import time
from dataclasses import dataclass

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels.models import Channel
from recado.features.channels.service import OpenChannel, opened_channel
from recado.platform.runtime import Runtime
from recado.platform.sql import load

SQL = load(__package__ or "")
REMEMBERED_SECONDS = 30.0
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Target:
    """A channel that callbacks may be for."""

    workspace_id: WorkspaceId
    external_id: str
    channel: OpenChannel


class Routes:
    """Looks channels up by address or by number."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._remembered: dict[tuple[str, str, str], tuple[float, Target | None]] = {}

    async def by_key(self, provider: str, key: str) -> Target | None:
        """The channel whose address was called."""
        return await self._find("key", provider, key)

    async def by_number(self, provider: str, external_id: str) -> Target | None:
        """The channel that has this number at the provider."""
        return await self._find("number", provider, external_id)

    async def _find(self, how: str, provider: str, value: str) -> Target | None:
        now = time.monotonic()
        known = self._remembered.get((how, provider, value))
        if known is not None and known[0] > now:
            return known[1]
        target = await self._read(how, provider, value)
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()  # strangers may call with made-up addresses
        self._remembered[how, provider, value] = (now + REMEMBERED_SECONDS, target)
        return target

    async def _read(self, how: str, provider: str, value: str) -> Target | None:
        async with self._runtime.db.system() as tx:
            if how == "key":
                row = await tx.one(SQL["route_by_key"], key=value, provider=provider)
            else:
                row = await tx.one(SQL["routes_by_number"], provider=provider, external_ids=[value])
        if row is None:
            return None
        workspace_id = WorkspaceId(row["owner_workspace"])
        async with self._runtime.db.workspace(workspace_id) as tx:
            channel = await tx.session.get(Channel, (workspace_id, ChannelId(row["channel_id"])))
            if channel is None:
                return None
            return Target(workspace_id, row["external_id"], opened_channel(channel, self._runtime))
