"""Callbacks of the simulator: signed and shaped as Meta's."""

from recado.providers.meta.webhook import MetaCallbacks


class SimulatorCallbacks(MetaCallbacks):
    """What the simulator's adapter does about callbacks."""
