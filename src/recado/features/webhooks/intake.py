"""Taking callbacks in: whose they are, whether they are genuine, and storing them."""

from collections.abc import Collection, Mapping
from enum import Enum

from recado.domain.errors import InvalidInput
from recado.features.webhooks.routes import Routes, Target
from recado.features.webhooks.store import Received, Store
from recado.platform import metrics
from recado.platform.runtime import Runtime
from recado.providers.registry import provider as provider_named


class Verdict(Enum):
    """What the caller is told."""

    KEPT = 200
    FORGED = 401
    UNKNOWN_ADDRESS = 404


class Intake:
    """The way in for all providers."""

    def __init__(self, runtime: Runtime) -> None:
        self._routes = Routes(runtime)
        self._store = Store(runtime)

    async def handshake(self, provider: str, key: str, query: Mapping[str, str]) -> str | None:
        """The answer to a GET that verifies an address; None refuses."""
        target = await self._target(provider, key)
        if target is None:
            return None
        return target.channel.adapter.handshake(target.channel.config, query)

    async def receive(
        self, provider: str, key: str, headers: Mapping[str, str], body: bytes
    ) -> Verdict:
        """Keep a callback for each channel whose own secret verifies it.

        One app of a provider has one address for all its numbers, of whichever workspace: each
        number's changes go to the channel that has it, an account's to every channel of it, and
        only if that channel's own secret signed the body. Returns KEPT only when what was kept is
        durable.

        Raises:
            What PostgreSQL raises: the caller answers 503 and the provider comes again.
        """
        addressed, genuine = await self._addressed(provider, key, headers, body)
        if addressed is None:
            return Verdict.UNKNOWN_ADDRESS
        adapter = addressed.channel.adapter
        numbers, accounts = adapter.external_ids(body), adapter.account_ids(body)
        kept: list[Received] = []
        if genuine and not accounts and not numbers - {addressed.external_id}:
            kept.append(_received(addressed, adapter.without_secrets(body)))
        else:
            for target in await self._concerned(provider, numbers, accounts, headers, body):
                genuine = True
                share = adapter.only(body, target.external_id, target.account_id)
                kept.append(_received(target, share))
        if not genuine:
            metrics.CALLBACKS.labels(provider, "forged").inc()
            return Verdict.FORGED
        if kept:
            await self._store.keep(kept)
        metrics.CALLBACKS.labels(provider, "kept" if kept else "unknown_number").inc()
        return Verdict.KEPT

    async def _addressed(
        self, provider: str, key: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Target | None, bool]:
        """Whose address was called, and whether that channel's secret signed the body."""
        target = await self._target(provider, key)
        if target is None or _signed(target, headers, body):
            return target, target is not None
        if self._routes.doubt(("key", provider, key)):
            target = await self._target(provider, key)
        return target, target is not None and _signed(target, headers, body)

    async def _concerned(
        self,
        provider: str,
        numbers: set[str],
        accounts: set[str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Collection[Target]:
        """Each channel once, whether its number or its account is spoken of, if its secret signed.

        The provider is told that all was kept if anything was, so it is made sure of the others.
        """
        found = await self._spoken_of(provider, numbers, accounts)
        proven = [one for one in found if _proven(one, headers, body)]
        doubted = [one.external_id for one in found if one not in proven]
        if sum(self._routes.doubt(("number", provider, number)) for number in doubted):
            found = await self._spoken_of(provider, numbers, accounts)
            proven = [one for one in found if _proven(one, headers, body)]
        return proven

    async def _spoken_of(
        self, provider: str, numbers: set[str], accounts: set[str]
    ) -> Collection[Target]:
        found = [
            *await self._routes.by_numbers(provider, numbers),
            *await self._routes.by_accounts(provider, accounts),
        ]
        return {(one.workspace_id, one.channel.id): one for one in found}.values()

    async def _target(self, provider: str, key: str) -> Target | None:
        try:
            provider_named(provider)
        except InvalidInput:
            return None
        return await self._routes.by_key(provider, key)


def _received(target: Target, body: bytes) -> Received:
    return Received(target.workspace_id, target.channel.id, body)


def _signed(target: Target, headers: Mapping[str, str], body: bytes) -> bool:
    return target.channel.adapter.verify(target.channel.config, headers, body)


def _proven(target: Target, headers: Mapping[str, str], body: bytes) -> bool:
    return not target.channel.deleted and _signed(target, headers, body)
