"""Sending through, and asking, Meta's Cloud API."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from recado.domain.retry import ErrorClass
from recado.providers import calls
from recado.providers.adapter import Adapter
from recado.providers.base import (
    CallFailed,
    Capabilities,
    Config,
    Transport,
)
from recado.providers.calls import CALL_TIMEOUT, CHECK_TIMEOUT, FAULTY
from recado.providers.config import Credential, ServerAddress, validated
from recado.providers.content import Content
from recado.providers.events import ChannelStatus, ProviderFault
from recado.providers.exchange import (
    Check,
    HttpAnswer,
    HttpRequest,
    Message,
    NumberInfo,
    Outcome,
    TemplateInfo,
    Upload,
)
from recado.providers.meta import errors, media, payloads, templates
from recado.providers.meta.events import people
from recado.providers.meta.webhook import MetaCallbacks
from recado.providers.reading import decoded, word

UPLOAD_TIMEOUT = 300.0  # up to 100 MB
_TIER = "whatsapp_business_manager_messaging_limit"
NUMBER_FIELDS = f"status,display_phone_number,verified_name,quality_rating,throughput,{_TIER}"


class MetaConfig(BaseModel):
    """What a number on the Cloud API needs."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    phone_number_id: str = Field(pattern=r"^[0-9]{5,30}$")
    waba_id: str = Field(pattern=r"^[0-9]{5,30}$")
    access_token: Credential
    app_secret: str = Field(min_length=1, max_length=200)
    verify_token: str = Field(min_length=1, max_length=200)
    base_url: ServerAddress = "https://graph.facebook.com"
    api_version: str = Field("v25.0", pattern=r"^v[0-9]{1,3}\.[0-9]$")


class MetaAdapter(MetaCallbacks, Adapter):
    """Meta's Cloud API."""

    name = "meta"
    public_config = frozenset({"phone_number_id", "waba_id", "base_url", "api_version"})
    capabilities = Capabilities(
        template=True,
        media=frozenset(media.MOST),
        uploads=True,
        interactive=frozenset({"buttons", "list"}),
        read_marks=True,
        number_info=True,
        limits_pairs=True,
        echoes_reference=True,
        conversations_only=True,
        longest_text=payloads.LONGEST_TEXT,
        longest_caption=payloads.LONGEST_CAPTION,
    )

    def configure(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return validated(MetaConfig, raw)

    def external_id(self, config: Config) -> str:
        return str(config["phone_number_id"])

    def account_id(self, config: Config) -> str | None:
        return str(config["waba_id"])

    async def connect(self, transport: Transport, config: Config, callback_url: str) -> None:
        """Nothing to do: the app's callback address is set by a person in Meta's dashboard."""

    async def check(self, transport: Transport, config: Config) -> Check:
        try:
            document = await self._get(transport, config, _asked_of_number(config))
        except CallFailed as error:
            return calls.gone(error)
        state = detail = word(document.get("status")).upper()
        try:
            await self._get(transport, config, f"{config['waba_id']}?fields=id")
        except CallFailed as error:  # messages leave all the same
            detail = f"{state}; waba_id: {error.fault.code}: {error.fault.detail}"
        return Check(
            _status(state),
            detail,
            portfolio=str(config["waba_id"]),
            tier=people(document.get(_TIER)),
        )

    async def number_info(self, transport: Transport, config: Config) -> NumberInfo:
        document = await self._get(transport, config, _asked_of_number(config))
        throughput = document.get("throughput")
        tier = word(document.get(_TIER) or document.get("messaging_limit_tier"))
        return NumberInfo(
            display_number=word(document.get("display_phone_number")),
            name=word(document.get("verified_name")),
            status=word(document.get("status")),
            quality=word(document.get("quality_rating")).upper(),
            throughput=word(throughput.get("level")) if isinstance(throughput, dict) else "",
            tier=tier,
            people=people(tier),
        )

    def _complaint(self, content: Content) -> str | None:
        return payloads.complaint(content)

    def _request(self, config: Config, message: Message) -> HttpRequest:
        url = _of_number(self.root(config), config, "/messages")
        return _post(url, config, payloads.request_body(message))

    def _outcome(self, answer: HttpAnswer) -> Outcome:
        return payloads.outcome(answer)

    async def mark_read(
        self, transport: Transport, config: Config, message_id: str, *, sender: str = ""
    ) -> None:
        del sender
        request = _post(
            _of_number(self.root(config), config, "/messages"),
            config,
            payloads.read_mark(message_id),
        )
        await _ask(self.name, transport, request, CALL_TIMEOUT)

    async def upload(self, transport: Transport, config: Config, upload: Upload) -> str:
        media.check(upload)
        content_type, body = media.form(upload)
        request = _post(_of_number(self.root(config), config, "/media"), config, body, content_type)
        document = await _ask(self.name, transport, request, UPLOAD_TIMEOUT)
        if identifier := word(document.get("id")):
            return identifier
        fault = ProviderFault("unreadable", ErrorClass.UNKNOWN_CODE, "an answer without an id")
        raise CallFailed(self.name, fault)

    async def templates(self, transport: Transport, config: Config) -> list[TemplateInfo]:
        found: list[TemplateInfo] = []
        cursors: list[str | None] = [None]
        while len(cursors) <= templates.MOST_PAGES:
            path = f"{config['waba_id']}/message_templates?{templates.query(cursors[-1])}"
            document = await self._get(transport, config, path, CALL_TIMEOUT)
            found += templates.read(document)
            after = templates.next_cursor(document)
            if after is None or after in cursors:
                break
            cursors.append(after)
        return found

    def root(self, config: Config) -> str:
        """What every address of the API begins with."""
        return f"{config['base_url']}/{config['api_version']}"

    def classify(self, error: object) -> ProviderFault:
        return errors.fault(error)

    async def _get(
        self, transport: Transport, config: Config, path: str, timeout: float = CHECK_TIMEOUT
    ) -> dict[str, Any]:
        request = HttpRequest("GET", f"{self.root(config)}/{path}", _headers(config))
        return await _ask(self.name, transport, request, timeout)


async def _ask(
    provider: str, transport: Transport, request: HttpRequest, timeout: float
) -> dict[str, Any]:
    """The answer's object; raises CallFailed for errors of Meta's, whatever the status."""
    answer = await calls.ask(transport, request, provider=provider, timeout=timeout)
    document = decoded(answer.body)
    if document is None:
        detail = f"Unreadable answer, HTTP {answer.status}"
        code = f"http_{answer.status}"
        raise CallFailed(provider, ProviderFault(code, ErrorClass.NETWORK_UNSURE, detail))
    if document.get("error") or answer.status >= FAULTY:
        raise CallFailed(provider, errors.fault(document.get("error"), answer))
    return document


def _asked_of_number(config: Config) -> str:
    return f"{config['phone_number_id']}?fields={NUMBER_FIELDS}"


def _of_number(root: str, config: Config, rest: str) -> str:
    return f"{root}/{config['phone_number_id']}{rest}"


def _post(
    url: str, config: Config, body: bytes, content_type: str = "application/json"
) -> HttpRequest:
    return HttpRequest("POST", url, {**_headers(config), "Content-Type": content_type}, body)


def _headers(config: Config) -> dict[str, str]:
    return {"Authorization": f"Bearer {config['access_token']}"}


def _status(state: str) -> ChannelStatus:
    """Meta: only CONNECTED may send; a word that we do not know is not a reason to stop."""
    if state in {"DISCONNECTED", "DELETED", "BANNED"}:
        return "disconnected"
    if state in {"RESTRICTED", "FLAGGED", "RATE_LIMITED"}:
        return "blocked"
    if state in {"PENDING", "MIGRATED", "UNVERIFIED"}:
        return "connecting"
    return "connected"
