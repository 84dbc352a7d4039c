"""Sending through, and asking, Meta's Cloud API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from recado.domain.errors import InvalidInput
from recado.domain.retry import ErrorClass
from recado.providers.base import (
    CallbackEvent,
    ChannelStatus,
    Check,
    Config,
    HttpRequest,
    Message,
    Outcome,
    ProviderFault,
    Refused,
    Transport,
    Unsure,
)
from recado.providers.errors import GrantExpired, NotSent, TransportError
from recado.providers.meta import payloads, webhook

CHECK_TIMEOUT = 10.0  # seconds; a person waits for it
CHECKED_FIELDS = (
    "status,quality_rating,verified_name,throughput,whatsapp_business_manager_messaging_limit"
)
# Meta, messaging limits: people outside of a customer service window in any 24 hours. It counts a
# portfolio's; what we know is the business account, of which most portfolios have one.
TIERS = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
}


class InvalidConfig(InvalidInput):
    code = "invalid_channel_config"
    sentence = "The channel's configuration is not valid. Correct the fields named."


class MetaConfig(BaseModel):
    """What a number on the Cloud API needs."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    phone_number_id: str = Field(pattern=r"^[0-9]{5,30}$")
    waba_id: str = Field(pattern=r"^[0-9]{5,30}$")
    # It stands in a header: with anything else in it, no request could ever be written.
    access_token: str = Field(max_length=2000, pattern=r"^[!-~]+$")
    app_secret: str = Field(min_length=1, max_length=200)
    verify_token: str = Field(min_length=1, max_length=200)
    base_url: str = "https://graph.facebook.com"
    api_version: str = Field("v25.0", pattern=r"^v[0-9]{1,3}\.[0-9]$")

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("must be an http or https address")
        return value.rstrip("/")


def validated(model: type[BaseModel], raw: Mapping[str, Any]) -> dict[str, Any]:
    """A config checked against its model; raises InvalidConfig with the fields that are wrong."""
    try:
        return model.model_validate(dict(raw)).model_dump()
    except ValidationError as error:
        fields = {"config." + ".".join(map(str, e["loc"])): str(e["msg"]) for e in error.errors()}
        raise InvalidConfig(fields=fields) from error


class MetaAdapter:
    """Meta's Cloud API."""

    name = "meta"
    public_config = frozenset({"phone_number_id", "waba_id", "base_url", "api_version"})
    limits_pairs = True

    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return validated(MetaConfig, raw)

    def reconfigure(self, config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
        return self.configure({**config, **given})

    def external_id(self, config: Config) -> str:
        return str(config["phone_number_id"])

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        """Nothing to do: the app's callback address is set by a person in Meta's dashboard."""

    async def check(self, transport: Transport, config: Config) -> Check:
        request = HttpRequest(
            "GET",
            f"{_number_url(config)}?fields={CHECKED_FIELDS}",
            _headers(config),
        )
        try:
            answer = await transport.send(request, timeout=CHECK_TIMEOUT)
        except TransportError as error:
            return Check("disconnected", f"No answer: {error}")
        try:
            document = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            return Check("disconnected", f"Unreadable answer, HTTP {answer.status}")
        if not isinstance(document, dict) or "error" in document:
            error_object = document.get("error") if isinstance(document, dict) else document
            found = payloads.fault(error_object)
            return Check("disconnected", f"{found.code}: {found.detail}")
        state = str(document.get("status", ""))
        tier = str(document.get("whatsapp_business_manager_messaging_limit", ""))
        return Check(_status(state), state, portfolio=str(config["waba_id"]), tier=TIERS.get(tier))

    async def send(
        self,
        transport: Transport,
        config: Config,
        message: Message,
        *,
        write_before: float | None,
        timeout: float,
    ) -> Outcome:
        request = HttpRequest(
            "POST",
            f"{_number_url(config)}/messages",
            {**_headers(config), "Content-Type": "application/json"},
            payloads.request_body(message),
        )
        try:
            answer = await transport.send(request, write_before=write_before, timeout=timeout)
        except GrantExpired as error:
            return Refused(ProviderFault("grant_expired", ErrorClass.NETWORK_NOT_SENT, str(error)))
        except NotSent as error:
            return Refused(ProviderFault("not_sent", ErrorClass.NETWORK_NOT_SENT, str(error)))
        except TransportError as error:
            return Unsure(ProviderFault("no_answer", ErrorClass.NETWORK_UNSURE, str(error)))
        return payloads.outcome(answer)

    def verify(self, config: Config, headers: Mapping[str, str], body: bytes) -> bool:
        return webhook.verify(str(config["app_secret"]), headers, body)

    def handshake(self, config: Config, query: Mapping[str, str]) -> str | None:
        return webhook.handshake(str(config["verify_token"]), query)

    def external_ids(self, body: bytes) -> set[str]:
        return webhook.external_ids(body)

    def only(self, body: bytes, external_id: str) -> bytes:
        return webhook.only(body, external_id)

    def parse(self, body: bytes) -> list[CallbackEvent]:
        return webhook.parse(body)


def _number_url(config: Config) -> str:
    number = quote(str(config["phone_number_id"]), safe="")
    return f"{config['base_url']}/{config['api_version']}/{number}"


def _headers(config: Config) -> dict[str, str]:
    return {"Authorization": f"Bearer {config['access_token']}"}


def _status(word: str) -> ChannelStatus:
    """Meta: only CONNECTED may send; a word that we do not know is not a reason to stop."""
    if word in {"CONNECTED", ""}:
        return "connected"
    if word in {"RESTRICTED", "FLAGGED", "RATE_LIMITED"}:
        return "blocked"
    if word in {"PENDING", "MIGRATED", "UNVERIFIED"}:
        return "connecting"
    return "disconnected"
