"""The providers under contract: each with its adapter and its simulated server.

Another provider joins by a row in ROWS. What differs from one to the next stands here; what is
promised of all of them stands in behaviours.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from recado.domain.retry import ErrorClass
from recado.platform import settings
from recado.platform.settings import Sending
from recado.providers.base import Config, Provider, Transport
from recado.providers.content import ButtonValue, Media, Template, TextValue
from recado.providers.registry import provider
from recado.simulator.testing import Receiver, Simulator

PICTURE = "https://example.com/a.jpg"


class Server(Protocol):
    """A provider's simulated server."""

    async def channel(
        self, row: "Row", simulator: Simulator, receiver: Receiver, transport: Transport
    ) -> Config:
        """A connected number there, that calls back to the receiver."""
        ...

    def elsewhere(self, config: Config, url: str, patch: pytest.MonkeyPatch) -> Config:
        """The same number with its server at another address."""
        ...


@dataclass(frozen=True)
class Row:
    """One provider.

    Attributes:
        name: Of its adapter.
        played_as: The provider that the simulator plays for it.
        server: Its simulated server.
        codes: How the server words a refusal of a class.
        short: Whether Brazil's ninth digit is missing in the ids it answers with.
        templates: Those that stand ready on the server, filled in.
        wrong: Keys of the config with which nothing is let in.
        bad: A config that cannot be valid.
    """

    name: str
    played_as: str
    server: Server
    codes: Mapping[ErrorClass, int]
    short: bool
    wrong: Mapping[str, str]
    bad: Mapping[str, Any]
    templates: Sequence[Template] = ()

    @property
    def adapter(self) -> Provider:
        return provider(self.name)


class CloudApi:
    """Meta's, spoken to by the adapter of those who have an account there."""

    async def channel(
        self, row: Row, simulator: Simulator, receiver: Receiver, transport: Transport
    ) -> Config:
        config = row.adapter.configure(
            {
                "phone_number_id": "106540352240001",
                "waba_id": "102290129340001",
                "access_token": "segredo-de-acesso",
                "app_secret": "segredo-do-app",
                "verify_token": "confere",
                "base_url": f"{simulator.url}/meta",
            }
        )
        told = ("phone_number_id", "waba_id", "access_token", "app_secret", "verify_token")
        known = {name: config[name] for name in told}
        simulator.control("channels", {"provider": "meta", **known, "callback_url": receiver.url})
        return config

    def elsewhere(self, config: Config, url: str, patch: pytest.MonkeyPatch) -> Config:
        return {**config, "base_url": url}


class OwnSimulator:
    """The same, spoken to by the adapter that needs no account and registers itself."""

    async def channel(
        self, row: Row, simulator: Simulator, receiver: Receiver, transport: Transport
    ) -> Config:
        config = row.adapter.configure({})
        await row.adapter.connect(transport, config, receiver.url)
        return config

    def elsewhere(self, config: Config, url: str, patch: pytest.MonkeyPatch) -> Config:
        there = Sending(simulator_url=url)
        patch.setattr(settings, "sending", lambda: there)
        return config


METAS_CODES = {
    ErrorClass.CONTACT_DEAD: 131026,
    ErrorClass.AUTH: 190,
    ErrorClass.THROTTLE_CHANNEL: 130429,
    ErrorClass.THROTTLE_PAIR: 131056,
    ErrorClass.OPT_OUT: 131050,
    ErrorClass.WINDOW: 131047,
}
METAS_TEMPLATES = (
    Template("hello_world", "en_US"),
    Template("recado_aviso", "pt_BR", body=(TextValue("Ana"), TextValue("a\nb\t     c"))),
    Template(
        "recado_promocao",
        "pt_BR",
        header=Media("image", PICTURE),
        body=(TextValue("Ana", "nome"), TextValue("sexta", "data")),
        buttons=(ButtonValue(0, "url", "abc"), ButtonValue(1, "quick_reply", "parar")),
    ),
)

ROWS = (
    Row(
        name="meta",
        played_as="meta",
        server=CloudApi(),
        codes=METAS_CODES,
        short=True,
        wrong={"access_token": "expired"},
        bad={"phone_number_id": "not digits"},
        templates=METAS_TEMPLATES,
    ),
    Row(
        name="simulator",
        played_as="meta",
        server=OwnSimulator(),
        codes=METAS_CODES,
        short=True,
        wrong={"access_token": "expired"},
        bad={"anything": "that it does not know"},
        templates=METAS_TEMPLATES,
    ),
)
