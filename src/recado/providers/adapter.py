"""What adapters inherit: how a message is handed over, and the refusal of what they cannot do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from recado.providers import calls
from recado.providers.base import Capabilities, Config, Transport, Unsupported, lacking
from recado.providers.content import Content
from recado.providers.exchange import (
    HttpAnswer,
    HttpRequest,
    Login,
    Message,
    NumberCheck,
    NumberInfo,
    Outcome,
    TemplateInfo,
    Upload,
)


class Sender(ABC):
    """How a message is handed over: checked, asked once, and its answer read."""

    capabilities: Capabilities

    @abstractmethod
    def _request(self, config: Config, message: Message) -> HttpRequest:
        """The request that hands a message over."""

    @abstractmethod
    def _outcome(self, answer: HttpAnswer) -> Outcome:
        """What the answer to it says."""

    def _complaint(self, content: Content) -> str | None:
        """What the provider would refuse this for, whoever it is sent to."""
        return calls.complaint(content, self.capabilities)

    async def send(
        self,
        transport: Transport,
        config: Config,
        message: Message,
        *,
        write_before: float | None,
        timeout: float,
    ) -> Outcome:
        if missing := lacking(self.capabilities, message.content):
            return calls.unsupported(missing)
        if wrong := self._complaint(message.content):
            return calls.not_valid(wrong)
        answer = await calls.handed_over(
            transport, self._request(config, message), write_before=write_before, timeout=timeout
        )
        return self._outcome(answer) if isinstance(answer, HttpAnswer) else answer


class Adapter(Sender):
    """One that has an address for each number, and can do nothing but what it defines itself."""

    name: str

    @abstractmethod
    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """See `base.Provider`."""

    def reconfigure(self, config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
        return self.configure({**config, **given})

    def account_id(self, config: Config) -> str | None:
        del config
        return None

    def handshake(self, config: Config, query: Mapping[str, str]) -> str | None:
        del config, query
        return None

    def external_ids(self, body: bytes) -> set[str]:
        del body
        return set()

    def account_ids(self, body: bytes) -> set[str]:
        del body
        return set()

    def only(self, body: bytes, external_id: str, account_id: str | None = None) -> bytes:
        del external_id, account_id
        return body

    def without_secrets(self, body: bytes) -> bytes:
        return body

    async def login(
        self, transport: Transport, config: Config, *, phone: str | None = None
    ) -> Login:
        del transport, config, phone
        raise Unsupported(provider=self.name, what="login")

    async def logout(self, transport: Transport, config: Config) -> None:
        del transport, config
        raise Unsupported(provider=self.name, what="logout")

    async def number_info(self, transport: Transport, config: Config) -> NumberInfo:
        del transport, config
        raise Unsupported(provider=self.name, what="number_info")

    async def mark_read(
        self, transport: Transport, config: Config, message_id: str, *, sender: str = ""
    ) -> None:
        del transport, config, message_id, sender
        raise Unsupported(provider=self.name, what="read_marks")

    async def check_numbers(
        self, transport: Transport, config: Config, numbers: Sequence[str]
    ) -> Sequence[NumberCheck]:
        del transport, config, numbers
        raise Unsupported(provider=self.name, what="number_check")

    async def upload(self, transport: Transport, config: Config, upload: Upload) -> str:
        del transport, config, upload
        raise Unsupported(provider=self.name, what="uploads")

    async def templates(self, transport: Transport, config: Config) -> Sequence[TemplateInfo]:
        del transport, config
        raise Unsupported(provider=self.name, what="template")
