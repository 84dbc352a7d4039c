"""A number on the simulator: Meta's adapter against the simulator's address."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict

from recado.domain.errors import Unavailable
from recado.platform import settings
from recado.providers.base import Check, Config, HttpRequest, Message, Outcome, Transport
from recado.providers.errors import TransportError
from recado.providers.meta.adapter import CHECK_TIMEOUT, MetaAdapter, MetaConfig, validated


class SimulatorAway(Unavailable):
    code = "simulator_away"
    sentence = "The simulator does not answer at {url}. Start it with 'recado simulator'."


class SimulatorConfig(BaseModel):
    """Nothing is asked of the person; everything may be given, for tests."""

    model_config = ConfigDict(extra="forbid")

    phone_number_id: str | None = None


class SimulatorAdapter(MetaAdapter):
    """Speaks to the simulator as to Meta, and registers its number there first."""

    name = "simulator"
    public_config = frozenset({"phone_number_id"})

    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        given = validated(SimulatorConfig, raw)
        digits = given["phone_number_id"] or str(10**14 + secrets.randbelow(9 * 10**14))
        config = validated(
            MetaConfig,
            {
                "phone_number_id": digits,
                "waba_id": str(10**14 + secrets.randbelow(9 * 10**14)),
                "access_token": secrets.token_urlsafe(24),
                "app_secret": secrets.token_hex(16),
                "verify_token": secrets.token_urlsafe(12),
            },
        )
        del config["base_url"]  # where the simulator is may change from one start to the next
        return config

    def reconfigure(self, config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
        asked = validated(SimulatorConfig, given)["phone_number_id"]
        return {**config, "phone_number_id": asked or config["phone_number_id"]}

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        url = settings.sending().simulator_url.rstrip("/")
        body = {
            "provider": "meta",
            **{
                name: config[name]
                for name in (
                    "phone_number_id",
                    "waba_id",
                    "access_token",
                    "app_secret",
                    "verify_token",
                )
            },
            "callback_url": callback_url,
        }
        request = HttpRequest(
            "POST",
            f"{url}/_sim/channels",
            {"Content-Type": "application/json"},
            msgspec.json.encode(body),
        )
        try:
            answer = await transport.send(request, timeout=CHECK_TIMEOUT)
        except TransportError as error:
            raise SimulatorAway(url=url) from error
        if answer.status >= 300:  # noqa: PLR2004 - not 2xx
            raise SimulatorAway(url=url)

    async def check(self, transport: Transport, config: Config) -> Check:
        return await super().check(transport, _located(config))

    async def send(
        self,
        transport: Transport,
        config: Config,
        message: Message,
        *,
        write_before: float | None,
        timeout: float,
    ) -> Outcome:
        return await super().send(
            transport, _located(config), message, write_before=write_before, timeout=timeout
        )


def _located(config: Config) -> Config:
    return {**config, "base_url": settings.sending().simulator_url.rstrip("/") + "/meta"}
