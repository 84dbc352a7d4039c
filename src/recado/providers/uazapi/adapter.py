"""Sending through, and asking, uazapi v2."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from recado.providers import calls
from recado.providers.adapter import Adapter
from recado.providers.base import CallFailed, Capabilities, Config, Transport
from recado.providers.config import Credential, ServerAddress, validated
from recado.providers.content import MediaKind
from recado.providers.events import ProviderFault
from recado.providers.exchange import (
    Check,
    HttpAnswer,
    HttpRequest,
    Login,
    Message,
    NumberCheck,
    Outcome,
)
from recado.providers.uazapi import errors, payloads
from recado.providers.uazapi.webhook import UazapiCallbacks


class UazapiConfig(BaseModel):
    """What an instance needs: the address of its server, and its own token."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    base_url: ServerAddress
    token: Credential


class UazapiAdapter(UazapiCallbacks, Adapter):
    """uazapi v2."""

    name = payloads.NAME
    public_config = frozenset({"base_url"})
    capabilities = Capabilities(
        media=frozenset(get_args(MediaKind)),
        read_marks=True,
        number_check=True,
        echoes_reference=True,
        connects_by_qr=True,
    )

    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return validated(UazapiConfig, raw)

    def external_id(self, config: Config) -> str:
        """Of the token, which alone tells an instance from others, and does not lie open."""
        parts = urlsplit(str(config["base_url"]))
        host = parts.netloc.lower()
        return f"{host}/{hashlib.sha256(str(config['token']).encode()).hexdigest()[:32]}"

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        """Set the instance's webhook; raises CallFailed."""
        await self._ask(transport, config, "POST", "webhook", payloads.webhook(callback_url))

    async def check(self, transport: Transport, config: Config) -> Check:
        try:
            found = await self._ask(transport, config, "GET", "instance/status")
        except CallFailed as error:
            return calls.gone(error)
        return payloads.check(found)

    async def login(
        self, transport: Transport, config: Config, *, phone: str | None = None
    ) -> Login:
        body = payloads.connection(phone)
        found = await self._ask(transport, config, "POST", "instance/connect", body)
        return payloads.login(found, by_code=phone is not None)

    async def logout(self, transport: Transport, config: Config) -> None:
        """Also where there is no session any more."""
        try:
            await self._ask(transport, config, "POST", "instance/disconnect", b"{}")
        except CallFailed as error:
            if error.fault.code != errors.NO_SESSION:
                raise

    def _request(self, config: Config, message: Message) -> HttpRequest:
        call, body = payloads.send(message)
        return _request(config, "POST", call, body)

    def _outcome(self, answer: HttpAnswer) -> Outcome:
        return calls.outcome(answer, payloads.taken, errors.of_answer)

    async def mark_read(
        self, transport: Transport, config: Config, message_id: str, *, sender: str = ""
    ) -> None:
        del sender
        body = payloads.read_mark(message_id)
        await self._ask(transport, config, "POST", "message/markread", body)

    async def check_numbers(
        self, transport: Transport, config: Config, numbers: Sequence[str]
    ) -> list[NumberCheck]:
        if not numbers:
            return []
        body = payloads.numbers(numbers)
        found = await self._ask(transport, config, "POST", "chat/check", body)
        return payloads.checks(found, numbers)

    def classify(self, error: object) -> ProviderFault:
        return errors.fault(error)

    async def _ask(
        self,
        transport: Transport,
        config: Config,
        method: Literal["GET", "POST"],
        call: str,
        body: bytes | None = None,
    ) -> Any:
        request = _request(config, method, call, body)
        return await calls.asked(transport, request, provider=self.name, fault=errors.of_answer)


def _request(
    config: Config, method: Literal["GET", "POST"], call: str, body: bytes | None
) -> HttpRequest:
    headers = {"token": str(config["token"])}
    if body is not None:
        headers["Content-Type"] = "application/json"
    return HttpRequest(method, f"{config['base_url']}/{call}", headers, body)
