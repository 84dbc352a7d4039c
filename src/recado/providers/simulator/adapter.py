"""A number on the simulator: Meta's adapter against the simulator's address."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from recado.platform import settings
from recado.providers.base import Config, HttpRequest, Transport
from recado.providers.calls import CHECK_TIMEOUT
from recado.providers.config import validated
from recado.providers.errors import TransportError
from recado.providers.meta.adapter import MetaAdapter, MetaConfig
from recado.providers.simulator.errors import SimulatorAway
from recado.providers.simulator.payloads import registration
from recado.providers.simulator.webhook import SimulatorCallbacks


class SimulatorConfig(BaseModel):
    """Nothing is asked of the person; everything may be given, for tests."""

    model_config = ConfigDict(extra="forbid")

    phone_number_id: str | None = None


class SimulatorAdapter(SimulatorCallbacks, MetaAdapter):
    """Speaks to the simulator as to Meta, and registers its number there first."""

    name = "simulator"
    public_config = frozenset({"phone_number_id"})
    capabilities = replace(MetaAdapter.capabilities, other_templates=True)

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
        del config["base_url"]  # see root
        return config

    def reconfigure(self, config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
        asked = validated(SimulatorConfig, given)["phone_number_id"]
        return {**config, "phone_number_id": asked or config["phone_number_id"]}

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        url = settings.sending().simulator_url.rstrip("/")
        request = HttpRequest(
            "POST",
            f"{url}/_sim/channels",
            {"Content-Type": "application/json"},
            registration(config, callback_url),
        )
        try:
            answer = await transport.send(request, timeout=CHECK_TIMEOUT)
        except TransportError as error:
            raise SimulatorAway(url=url) from error
        if answer.status >= 300:  # noqa: PLR2004 - not 2xx
            raise SimulatorAway(url=url)

    def root(self, config: Config) -> str:
        """Where the simulator is may change from one start to the next."""
        base = settings.sending().simulator_url.rstrip("/")
        return f"{base}/meta/{config['api_version']}"
