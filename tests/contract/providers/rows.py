"""The providers under contract: each with its adapter and its simulated server.

Another provider joins by a row in ROWS. What differs from one to the next stands here; what is
promised of all of them stands in behaviours.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import pytest

from recado.domain.retry import ErrorClass
from recado.platform import settings
from recado.platform.settings import Sending
from recado.providers.base import Config, Provider, Transport
from recado.providers.content import ButtonValue, Media, Template, TextValue
from recado.providers.registry import provider
from recado.simulator.testing import Receiver, Simulator

PICTURE = "https://example.com/a.jpg"


Headers = Mapping[str, str]


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

    def named(self, config: Config) -> str:
        """What the simulator calls the channel, and callbacks the number."""
        ...

    def forged(self, headers: Headers, body: bytes) -> Sequence[tuple[Headers, bytes]]:
        """A callback as somebody would send it who does not know the secret."""
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
        in_200: How the server words a refusal under status 200, and its class.
        later: The class of a failure that is told later; None: the server never tells.
        referenced: The states that come back with our reference.
        label: What the row is called, where a provider has several.
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
    in_200: tuple[Mapping[str, Any], ErrorClass] = ({"code": 131026}, ErrorClass.CONTACT_DEAD)
    later: ErrorClass | None = ErrorClass.CONTACT_DEAD
    referenced: frozenset[str] = frozenset({"sent", "delivered", "read"})
    label: str = ""

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

    def named(self, config: Config) -> str:
        return str(config["phone_number_id"])

    def forged(self, headers: Headers, body: bytes) -> Sequence[tuple[Headers, bytes]]:
        return [(headers, body + b" "), ({}, body)]


class OwnSimulator(CloudApi):
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


class Evolution:
    """An instance of one version of Evolution, its webhook set by the adapter."""

    def __init__(self, version: str) -> None:
        self._version = version

    async def channel(
        self, row: Row, simulator: Simulator, receiver: Receiver, transport: Transport
    ) -> Config:
        config = row.adapter.configure(
            {
                "base_url": f"{simulator.url}/evolution/",
                "instance": "Loja do Centro",
                "api_key": "segredo-da-instancia",
            }
        )
        known = {"instance": config["instance"], "api_key": config["api_key"]}
        simulator.control("channels", {"provider": "evolution", **known, "version": self._version})
        await row.adapter.connect(transport, config, receiver.url)
        return config

    def elsewhere(self, config: Config, url: str, patch: pytest.MonkeyPatch) -> Config:
        return {**config, "base_url": url}

    def named(self, config: Config) -> str:
        return str(config["instance"])

    def forged(self, headers: Headers, body: bytes) -> Sequence[tuple[Headers, bytes]]:
        return [({**headers, "x-hook-secret": given}, body) for given in ("", "another")]


class Uazapi:
    """An instance of uazapi, its webhook set by the adapter."""

    name = "portaria"

    async def channel(
        self, row: Row, simulator: Simulator, receiver: Receiver, transport: Transport
    ) -> Config:
        given = {"base_url": f"{simulator.url}/uazapi", "token": "segredo-da-instancia"}
        config = row.adapter.configure(given)
        known = {"token": config["token"], "name": self.name}
        simulator.control("channels", {"provider": "uazapi", **known})
        await row.adapter.connect(transport, config, receiver.url)
        return config

    def elsewhere(self, config: Config, url: str, patch: pytest.MonkeyPatch) -> Config:
        return {**config, "base_url": url}

    def named(self, config: Config) -> str:
        return self.name

    def forged(self, headers: Headers, body: bytes) -> Sequence[tuple[Headers, bytes]]:
        told = msgspec.json.decode(body)
        tokens = ("", "another", None, 7, ["segredo-da-instancia"])
        changed = [{**told, "token": token} for token in tokens]
        del told["token"]
        return [(headers, msgspec.json.encode(one)) for one in (*changed, told, [], "x")]


METAS_CODES = {
    ErrorClass.CONTACT_DEAD: 131026,
    ErrorClass.AUTH: 190,
    ErrorClass.REQUEST: 100,
    ErrorClass.ACCOUNT_QUALITY: 131048,
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
NOT_CONNECTED = 'The "Loja do Centro" instance is not connected'

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
    *(
        Row(
            name="evolution",
            played_as="evolution",
            server=Evolution(version),
            codes={
                ErrorClass.CONTACT_DEAD: 131026,
                ErrorClass.AUTH: 190,
                ErrorClass.REQUEST: 100,
            },
            short=True,
            wrong={"api_key": "invalid"},
            bad={"base_url": "evolution:8080", "instance": "loja/1", "api_key": "com espaço"},
            in_200=({"details": NOT_CONNECTED}, ErrorClass.REGISTRATION),
            later=ErrorClass.UNKNOWN_CODE,
            referenced=frozenset(),
            label=f"evolution_{version.replace('.', '')}",
        )
        for version in ("2.3.6", "2.3.7")
    ),
    Row(
        name="uazapi",
        played_as="uazapi",
        server=Uazapi(),
        codes={
            ErrorClass.CONTACT_DEAD: 131026,
            ErrorClass.AUTH: 190,
            ErrorClass.ACCOUNT_QUALITY: 463,
            ErrorClass.REQUEST: 100,
        },
        short=True,
        wrong={"token": "invalid"},
        bad={"base_url": "x.uazapi.com", "token": ""},
        in_200=(
            {"details": "the number 5531@s.whatsapp.net is not on WhatsApp"},
            ErrorClass.CONTACT_DEAD,
        ),
        later=None,
        referenced=frozenset({"sent"}),
    ),
)
