"""What the providers share: the settings in force, the journal, the faults and the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from recado.simulator.callbacks import Outbox
from recado.simulator.clock import Clock
from recado.simulator.faults import Faults
from recado.simulator.journal import Journal
from recado.simulator.settings import Settings
from recado.simulator.wire import Answer, Request


class World:
    """One simulated outside world."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.journal = Journal()
        self.faults = Faults()
        self.outbox = Outbox(lambda: self.settings)

    def reset(self) -> None:
        """Forget messages, counts, faults and pending callbacks; the settings stay."""
        self.journal = Journal()
        self.faults = Faults()
        self.outbox.reset()


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
