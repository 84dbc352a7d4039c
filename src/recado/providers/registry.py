"""The adapters by name."""

from recado.domain.errors import InvalidInput
from recado.providers.base import Provider
from recado.providers.evolution.adapter import EvolutionAdapter
from recado.providers.meta.adapter import MetaAdapter
from recado.providers.simulator.adapter import SimulatorAdapter
from recado.providers.uazapi.adapter import UazapiAdapter


class UnknownProvider(InvalidInput):
    code = "unknown_provider"
    sentence = "There is no provider '{provider}'. Use one of: {known}."


_ADAPTERS: tuple[Provider, ...] = (
    *(MetaAdapter(), EvolutionAdapter(), UazapiAdapter(), SimulatorAdapter()),
)
_PROVIDERS: dict[str, Provider] = {adapter.name: adapter for adapter in _ADAPTERS}


def providers() -> list[Provider]:
    """All adapters."""
    return [*_PROVIDERS.values()]


def provider(name: str) -> Provider:
    """The adapter of this name; raises UnknownProvider."""
    try:
        return _PROVIDERS[name]
    except KeyError as error:
        raise UnknownProvider(provider=name, known=", ".join(sorted(_PROVIDERS))) from error
