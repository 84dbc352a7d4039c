"""Sending through, and asking, Evolution API v2."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from recado.providers import calls
from recado.providers.adapter import Adapter
from recado.providers.base import CallFailed, Capabilities, Config, Transport
from recado.providers.config import Credential, ServerAddress, validated
from recado.providers.events import ProviderFault
from recado.providers.evolution import errors, payloads
from recado.providers.evolution.webhook import EvolutionCallbacks
from recado.providers.exchange import (
    Check,
    HttpAnswer,
    HttpRequest,
    Login,
    Message,
    NumberCheck,
    Outcome,
)


def _one_step(name: str) -> str:
    if name in {".", ".."}:
        raise ValueError("must be the name of an instance")
    return name


Name = Annotated[str, Field(pattern=r"^[^/\\?#%\x00-\x1f\x7f]{1,200}$"), AfterValidator(_one_step)]


class EvolutionConfig(BaseModel):
    """What an instance on a server of one's own needs; the secret is made up where none is given.

    ``api_key`` is the server's or, better, the instance's own.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    base_url: ServerAddress
    instance: Name
    api_key: Credential
    webhook_secret: Credential = Field(default_factory=lambda: secrets.token_urlsafe(24))


class EvolutionAdapter(EvolutionCallbacks, Adapter):
    """Evolution API v2."""

    name = payloads.NAME
    public_config = frozenset({"base_url", "instance"})
    capabilities = Capabilities(
        media=frozenset({"image", "video", "document", "audio", "voice"}),
        read_marks=True,
        number_check=True,
        connects_by_qr=True,
    )

    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return validated(EvolutionConfig, raw)

    def external_id(self, config: Config) -> str:
        """With the server's address: every server may have an instance of this name."""
        parts = urlsplit(str(config["base_url"]))
        return f"{parts.netloc.lower()}{parts.path}/{config['instance']}"

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        """Set the instance's webhook; raises CallFailed."""
        body = payloads.webhook(config, callback_url)
        await self._ask(transport, config, "POST", "webhook/set", body=body)

    async def check(self, transport: Transport, config: Config) -> Check:
        try:
            found = await self._ask(transport, config, "GET", "instance/connectionState")
        except CallFailed as error:
            return calls.gone(error)
        return payloads.check(found)

    async def login(
        self, transport: Transport, config: Config, *, phone: str | None = None
    ) -> Login:
        query = f"?number={quote(phone, safe='')}" if phone else ""
        found = await self._ask(transport, config, "GET", "instance/connect", query=query)
        return payloads.login(found)

    async def logout(self, transport: Transport, config: Config) -> None:
        """Also where there is no session any more."""
        try:
            await self._ask(transport, config, "DELETE", "instance/logout")
        except CallFailed as error:
            if error.fault.code != errors.NOT_CONNECTED:
                raise

    def _request(self, config: Config, message: Message) -> HttpRequest:
        call, body = payloads.send(message)
        return _request(config, "POST", f"message/{call}", body=body)

    def _outcome(self, answer: HttpAnswer) -> Outcome:
        return calls.outcome(answer, payloads.taken, errors.of_answer)

    async def mark_read(
        self, transport: Transport, config: Config, message_id: str, *, sender: str = ""
    ) -> None:
        body = payloads.read_mark(message_id, sender)
        await self._ask(transport, config, "POST", "chat/markMessageAsRead", body=body)

    async def check_numbers(
        self, transport: Transport, config: Config, numbers: Sequence[str]
    ) -> list[NumberCheck]:
        if not numbers:
            return []
        body = payloads.numbers(numbers)
        found = await self._ask(transport, config, "POST", "chat/whatsappNumbers", body=body)
        return payloads.checks(found, numbers)

    def classify(self, error: object) -> ProviderFault:
        return errors.fault(error)

    async def _ask(
        self,
        transport: Transport,
        config: Config,
        method: Literal["GET", "POST", "DELETE"],
        call: str,
        *,
        query: str = "",
        body: bytes | None = None,
    ) -> Any:
        request = _request(config, method, call, query=query, body=body)
        return await calls.asked(transport, request, provider=self.name, fault=errors.of_answer)


def _request(
    config: Config,
    method: Literal["GET", "POST", "DELETE"],
    call: str,
    *,
    query: str = "",
    body: bytes | None = None,
) -> HttpRequest:
    url = f"{config['base_url']}/{call}/{quote(str(config['instance']), safe='')}{query}"
    headers = {"apikey": str(config["api_key"])}
    if body is not None:
        headers["Content-Type"] = "application/json"
    return HttpRequest(method, url, headers, body)
