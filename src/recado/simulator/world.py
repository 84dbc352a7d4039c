"""What the providers share: the settings in force, the journal, the faults and the outbox."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from recado.simulator.callbacks import Outbox
from recado.simulator.clock import Clock
from recado.simulator.faults import Faults
from recado.simulator.journal import Journal
from recado.simulator.seeded import draw
from recado.simulator.settings import Settings
from recado.simulator.wire import Answer, Request


class World:
    """One simulated outside world.

    Args:
        settings: Those in force.
        repeats: Whether ids repeat after a reset and a restart, as the seed says. Else they are
            others each time: those who are called back take what has a known id for known.

    """

    def __init__(self, settings: Settings, *, repeats: bool = True) -> None:
        self.settings = settings
        self.repeats = repeats
        self._era = self._new_era()
        self.clock = Clock()
        self.journal = Journal()
        self.faults = Faults()
        self.outbox = Outbox(lambda: self.settings)

    def reset(self) -> None:
        """Forget messages, counts, faults and pending callbacks; the settings stay."""
        self.journal = Journal()
        self.faults = Faults()
        self.outbox.reset()
        self._era = self._new_era()

    def repeat(self) -> None:
        """Have ids repeat from now on: a seed was given."""
        self.repeats = True
        self._era = ""

    def own(self, drawn: bytes) -> bytes:
        """A draw for something's id, which nothing of an earlier run may have."""
        return draw(0, self._era, drawn.hex()) if self._era else drawn

    def _new_era(self) -> str:
        return "" if self.repeats else secrets.token_hex(8)


class Provider(Protocol):
    """A provider that the simulator can play: one folder each."""

    name: str

    async def handle(self, request: Request) -> Answer:
        """Answer a request; its first part is the provider's name."""
        ...

    def register(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Add or change a channel and return it as listed; raises InvalidInput."""
        ...

    def channels(self) -> list[dict[str, object]]:
        """The registered channels, without their secrets."""
        ...

    def write_inbound(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have a contact write to a channel; raises InvalidInput."""
        ...

    def reset(self, *, channels: bool) -> None:
        """Forget conversations, and the registered channels too where asked."""
        ...


@runtime_checkable
class Linked(Protocol):
    """A provider whose channels hang on a telephone."""

    def has(self, channel: object) -> bool:
        """Whether there is a channel of this name, registered or used before."""
        ...

    def connection(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have a channel's connection change; raises InvalidInput."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A provider that tells of templates, accounts and numbers."""

    def tell(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have it tell of something; raises InvalidInput."""
        ...
