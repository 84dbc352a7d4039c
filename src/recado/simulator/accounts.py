"""What the simulated providers that drive a WhatsApp account do alike for ``/_sim``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from recado.simulator.connection import change, channel_of
from recado.simulator.instances import Instance, Instances
from recado.simulator.world import World

I = TypeVar("I", bound=Instance)  # noqa: E741 - stands for one class in this file alone


class Accounts(Generic[I]):
    """A provider with its instances; which calls it answers, each says for itself.

    Args:
        world: What all providers share.
        open_one: Makes the instance that a request calls by this key.

    """

    def __init__(self, world: World, open_one: Callable[[str], I]) -> None:
        self._world = world
        self._instances: Instances[I] = Instances(open_one)
        self._calls = 0

    def registered(self, fields: Mapping[str, object]) -> tuple[str, I]:
        """The instance that these fields add or change, and what requests call it."""
        raise NotImplementedError

    def written(self, instance: I, fields: Mapping[str, object]) -> dict[str, object]:
        """Have a person write to an instance, in the provider's words."""
        raise NotImplementedError

    def register(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Add or change an instance."""
        key, instance = self.registered(fields)
        self._instances.put(key, instance)
        return instance.listed()

    def channels(self) -> list[dict[str, object]]:
        """The registered instances."""
        return [instance.listed() for instance in self._instances.registered()]

    def has(self, channel: object) -> bool:
        """Whether there is an instance of this name."""
        return isinstance(channel, str) and self._instances.named(channel) is not None

    def write_inbound(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have a person write to an instance."""
        return self.written(channel_of(self._instances, fields), fields)

    def connection(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have an instance's connection change."""
        instance = channel_of(self._instances, fields)
        change(instance.link, fields)
        return instance.listed()

    def reset(self, *, channels: bool) -> None:
        """Forget what happened, and the instances too where asked."""
        self._instances.reset(channels=channels)
        self._calls = 0
