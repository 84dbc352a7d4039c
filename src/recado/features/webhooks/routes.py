"""Which channel a callback belongs to, remembered for a while."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import LiteralString

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.channels.models import Channel
from recado.features.channels.service import OpenChannel, opened_channel
from recado.platform.postgres import Row, storable
from recado.platform.runtime import Runtime
from recado.platform.sql import load

SQL = load(__package__ or "")
REMEMBERED_SECONDS = 30.0
MOST_REMEMBERED = 10_000
SURE_SECONDS = (
    1.0  # so long what was read is not doubted, as anybody may call with a false signature
)

Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A channel that callbacks may be for; ``account_id``: the one it claims to belong to."""

    workspace_id: WorkspaceId
    external_id: str
    account_id: str | None
    channel: OpenChannel


class Routes:
    """Looks channels up by address, by number or by account."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._remembered: dict[Name, tuple[float, Target | None]] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[Target | None]] = {}

    async def by_key(self, provider: str, key: str) -> Target | None:
        """The channel whose address was called."""
        try:
            return self._recall(("key", provider, key))
        except KeyError:
            pass
        # Once for all who call at the same moment: there may be a thousand of them.
        asking = self._asking.get((provider, key))
        if asking is None:
            asking = asyncio.create_task(self._ask(provider, key), name="callback route")
            self._asking[provider, key] = asking
            asking.add_done_callback(lambda _: self._asking.pop((provider, key)))
        return await asyncio.shield(asking)

    async def _ask(self, provider: str, key: str) -> Target | None:
        rows = await self._read(SQL["routes_by_key"], provider, [key])
        target = await self._target(rows[0]) if rows else None
        self._remember(("key", provider, key), target)
        return target

    async def by_numbers(self, provider: str, external_ids: Iterable[str]) -> list[Target]:
        """The channels that have these numbers at the provider.

        A number that nobody has is not remembered: it may be connected the next moment.
        """
        found: list[Target] = []
        wanted: list[str] = []
        for external_id in external_ids:
            try:
                known = self._recall(("number", provider, external_id))
            except KeyError:
                wanted.append(external_id)
            else:
                found += [known] if known else []
        for row in await self._read(SQL["routes_by_number"], provider, wanted):
            target = await self._target(row)
            if target is not None:
                self._remember(("number", provider, target.external_id), target)
                found.append(target)
        return found

    async def by_accounts(self, provider: str, account_ids: Iterable[str]) -> list[Target]:
        """The channels that claim to belong to these accounts, of whichever workspace.

        Which they are is asked each time: what is said of an account is rare, and is not said
        again to a number that joined it a moment ago. The channels are remembered.
        """
        found: list[Target] = []
        for row in await self._read(SQL["routes_by_account"], provider, [*account_ids]):
            name = ("number", provider, row["external_id"])
            try:
                target = self._recall(name)
            except KeyError:
                target = await self._target(row)
                if target is not None:
                    self._remember(name, target)
            if target is not None:
                found.append(replace(target, account_id=row["account_id"]))
        return found

    def doubt(self, name: Name) -> bool:
        """Forget a channel whose secret did not sign what was to be its own: it may have a new one.

        ``name``: ``key`` or ``number``, the provider, and which. Returns whether to look again.
        """
        until, _ = self._remembered.get(name, (0.0, None))
        if until - REMEMBERED_SECONDS + SURE_SECONDS > time.monotonic():
            return False
        return self._remembered.pop(name, None) is not None

    def _recall(self, name: Name) -> Target | None:
        until, target = self._remembered[name]
        if until <= time.monotonic():
            raise KeyError(name)
        return target

    def _remember(self, name: Name, target: Target | None) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()  # strangers may call with made-up addresses
        self._remembered[name] = (time.monotonic() + REMEMBERED_SECONDS, target)

    async def _read(self, statement: LiteralString, provider: str, names: list[str]) -> list[Row]:
        names = [name for name in names if storable(name)]
        if not names:
            return []
        async with self._runtime.db.system() as tx:
            return await tx.all(statement, provider=provider, names=names)

    async def _target(self, row: Row) -> Target | None:
        workspace_id = WorkspaceId(row["owner_workspace"])
        async with self._runtime.db.workspace(workspace_id) as tx:
            channel = await tx.session.get(Channel, (workspace_id, ChannelId(row["channel_id"])))
        if channel is None:
            return None
        opened = opened_channel(channel, self._runtime)
        return Target(workspace_id, row["external_id"], row["account_id"], opened)
