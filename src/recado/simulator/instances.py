"""What the instances of providers that drive a WhatsApp account have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator.link import Happening, Link, State
from recado.simulator.seeded import draw
from recado.simulator.world import World


class Instance:
    """One account driven by a provider.

    Args:
        name: What the journal and ``/_sim`` call it: the channel.
        number: The account's digits; made up from the name where left out.
        state: What its connection begins with.

    """

    def __init__(self, world: World, name: str, *, number: str | None, state: State) -> None:
        self.world = world
        self.name = name
        self.registered = False
        self.number = number or _own_number(name)
        self.id = _identifier(name)
        self.link = Link(world, name, self.told, state=state)
        self._sequences: dict[int, int] = {}
        self._drawn = 0

    def told(self, happening: Happening) -> None:
        """Tell of what happened to the connection; each provider in its way."""
        raise NotImplementedError

    def listed(self) -> dict[str, object]:
        """The instance as ``GET /_sim/channels`` shows it, without secrets."""
        raise NotImplementedError

    def next_sequence(self, to: str) -> int:
        """How many requests named this recipient before."""
        key = hash(to)
        sequence = self._sequences.get(key, 0)
        self._sequences[key] = sequence + 1
        return sequence

    def draw(self, what: str) -> bytes:
        """Chance for the next thing that happens here by itself."""
        self._drawn += 1
        return self.world.own(draw(self.world.settings.seed, what, self.name, self._drawn))

    def forget(self) -> None:
        """Forget the messages and what was still to happen; a lost connection is restored."""
        self._sequences.clear()
        self._drawn = 0
        self.link.reset()


I = TypeVar("I", bound=Instance)  # noqa: E741 - stands for one class in this file alone


class Instances(Generic[I]):
    """A provider's instances by what requests call them."""

    def __init__(self, open_one: Callable[[str], I]) -> None:
        self._open_one = open_one
        self._known: dict[str, I] = {}
        self._deleted: set[str] = set()

    def find(self, key: str) -> I | None:
        """An instance that was registered, created or used before."""
        return self._known.get(key)

    def named(self, name: str) -> I | None:
        """The instance that is this channel, by its name or by what requests call it."""
        known = self._known.values()
        found = (instance for instance in known if instance.name == name)
        return next(found, self._known.get(name))

    def use(self, key: str, *, strict: bool) -> I | None:
        """An instance, come into being on first use unless ``strict`` or deleted."""
        known = self._known.get(key)
        if known is None and key and not strict and key not in self._deleted:
            known = self._known[key] = self._open_one(key)
        return known

    def put(self, key: str, instance: I) -> None:
        """Add an instance, or replace the one of that key."""
        instance.registered = True
        self._deleted.discard(key)
        before = self._known.get(key)
        if before is not None and before is not instance:
            before.forget()
        self._known[key] = instance

    def delete(self, key: str) -> None:
        """Remove an instance; it does not come into being again by use."""
        self._known.pop(key).forget()
        self._deleted.add(key)

    def registered(self) -> Iterable[I]:
        """Those that were registered or created, in that order."""
        return (known for known in self._known.values() if known.registered)

    def reset(self, *, channels: bool) -> None:
        """Forget what happened; the registrations too where asked."""
        kept = {k: i for k, i in self._known.items() if i.registered and not channels}
        for instance in self._known.values():
            instance.forget()
        self._known = kept
        self._deleted.clear()


F = TypeVar("F")


def fields_of(kind: type[F], fields: object, what: str) -> F:
    """The fields of a call to ``/_sim`` as a struct.

    Raises:
        InvalidInput: One is missing, unknown or of the wrong type.

    """
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput("The {what} is not valid: {reason}.", what=what, reason=error) from None


def checked_address(url: str | None) -> str | None:
    """An address for callbacks.

    Raises:
        InvalidInput: It is not one of HTTP.

    """
    if url is not None and not url.startswith(("http://", "https://")):
        raise InvalidInput("The callback_url must begin with http:// or https://.")
    return url


def _own_number(name: str) -> str:
    return f"5511900{int.from_bytes(draw(0, 'owner', name)[:4], 'big') % 10**6:06d}"


def _identifier(name: str) -> str:
    hexed = draw(0, "instance", name).hex()
    return f"{hexed[:8]}-{hexed[8:12]}-4{hexed[12:15]}-8{hexed[15:18]}-{hexed[18:30]}"
