"""The Graph API beside sending: numbers, templates and subscriptions of a WABA."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import msgspec

from recado.simulator.meta import responses
from recado.simulator.meta.channels import Number, Numbers
from recado.simulator.meta.codes import Refusal, unknown_object
from recado.simulator.meta.media import MediaStore
from recado.simulator.meta.templates import TEMPLATE_DEFAULTS
from recado.simulator.seeded import draw
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import World

DEFAULT_FIELDS = ("verified_name", "display_phone_number", "quality_rating")
LISTED_FIELDS = (*DEFAULT_FIELDS, "status", "throughput")
ACCOUNT = {
    "name": "Recado",
    "timezone_id": "25",
    "currency": "BRL",
    "account_review_status": "APPROVED",
    "message_template_namespace": "00000000_0000_0000_0000_000000000000",
}
ACCOUNT_DEFAULTS = ("name", "timezone_id", "message_template_namespace")
PAGE = 25
PAGE_MOST = 250
VERIFY_SECONDS = 10


class Management:
    """Answers everything but sends."""

    def __init__(self, world: World, numbers: Numbers, media: MediaStore) -> None:
        self._world = world
        self._numbers = numbers
        self._media = media

    async def handle(self, request: Request, token: str) -> Answer:
        """Answer a request whose token is plausible; whether it fits the object is checked here.

        Raises:
            Refusal: As the Graph API refuses it.

        """
        object_id = request.parts[2] if len(request.parts) > 2 else ""  # noqa: PLR2004
        if not object_id.isdecimal():
            raise unknown_object(object_id, method=request.method)
        action = "/".join(request.parts[3:])
        self._authorize(object_id, token, request.method)
        match request.method, action:
            case "POST", "subscribed_apps":
                return await self._subscribe(request, object_id)
            case "POST", "media":
                return self._media.upload(request, object_id)
            case "POST", "register":
                self._number(object_id).disconnected = False
                return responses.success()
            case "DELETE", "subscribed_apps":
                self._numbers.subscribe(object_id, None)
                return responses.success()
            case "DELETE", "" if self._media.has(object_id):
                return self._media.delete(object_id)
            case "GET", _:
                return self._get(request, object_id, action)
        raise unknown_object(object_id, method=request.method)

    def reset(self) -> None:
        """Forget the uploads."""
        self._media.reset()

    def _get(self, request: Request, object_id: str, action: str) -> Answer:
        readers: dict[str, Callable[[], Answer]] = {
            "": lambda: self._object(request, object_id),
            "phone_numbers": lambda: self._phone_numbers(request, object_id),
            "message_templates": lambda: self._templates(request, object_id),
            "subscribed_apps": lambda: self._subscriptions(object_id),
            "download": lambda: self._media.download(request, object_id),
        }
        if action not in readers:
            raise Refusal(
                2500, message=f"Unknown path components: /{action}", has_data=False, http=400
            )
        return readers[action]()

    def _authorize(self, object_id: str, token: str, method: str) -> None:
        number = self._numbers.find(self._media.owner(object_id) or object_id)
        registered = self._numbers.of_account(object_id)
        if number is not None and number.registered:
            registered = [number]
        if not registered:
            if self._world.settings.strict and not self._media.has(object_id):
                raise unknown_object(object_id, method=method)
        elif token not in [known.registration.access_token for known in registered]:
            raise Refusal(190)

    def _number(self, number_id: str) -> Number:
        return self._numbers.find(number_id) or self._numbers.open(number_id)

    def _object(self, request: Request, object_id: str) -> Answer:
        if self._media.has(object_id):
            return self._media.describe(request, object_id)
        numbers = self._numbers.of_account(object_id)
        if numbers:
            wanted = _wanted(request, ACCOUNT_DEFAULTS)
            return json_answer({**{n: ACCOUNT[n] for n in wanted if n in ACCOUNT}, "id": object_id})
        wanted = _wanted(request, DEFAULT_FIELDS)
        return json_answer(_described(self._number(object_id), wanted))

    def _phone_numbers(self, request: Request, waba_id: str) -> Answer:
        wanted = _wanted(request, LISTED_FIELDS)
        found = [_described(number, wanted) for number in self._numbers.of_account(waba_id)]
        cursor = _cursor(len(found))
        return json_answer(
            {"data": found, "paging": {"cursors": {"before": _cursor(0), "after": cursor}}}
        )

    def _templates(self, request: Request, waba_id: str) -> Answer:
        query = request.query()
        chosen = [
            template
            for template in self._numbers.templates(waba_id)
            if query.get("name", template.name) == template.name
            and query.get("status", template.status).upper() == template.status
            and query.get("language", template.language) == template.language
        ]
        limit = _positive(query.get("limit", str(PAGE)))
        start = _position(query["after"]) if query.get("after") else 0
        page = chosen[start : start + limit]
        end = start + len(page)
        paging: dict[str, object] = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
        if end < len(chosen):
            # Meta's next page names a version of its own choosing, not the one that was asked; and
            # the host is its own, which nobody who was sent elsewhere may follow with a token.
            paging["next"] = (
                f"https://graph.facebook.com/v99.0/{waba_id}/message_templates"
                f"?limit={limit}&after={_cursor(end)}"
            )
        wanted = _wanted(request, TEMPLATE_DEFAULTS)
        listed = [template.listed(wanted) for template in page]
        return json_answer({"data": listed, "paging": paging} if listed else {"data": []})

    def _subscriptions(self, waba_id: str) -> Answer:
        url = self._numbers.subscription(waba_id)
        app = {"whatsapp_business_api_data": {"id": "1", "name": "Recado"}}
        return json_answer({"data": [{**app, "override_callback_uri": url}] if url else []})

    async def _subscribe(self, request: Request, waba_id: str) -> Answer:
        fields = _fields(request)
        url = fields.get("override_callback_uri")
        if url is None:
            self._numbers.subscribe(waba_id, None)
            return responses.success()
        own = (n.registration.verify_token for n in self._numbers.of_account(waba_id))
        expected = fields.get("verify_token") or next(filter(None, own), None)
        if not isinstance(url, str) or not isinstance(expected, str) or not expected:
            raise Refusal(100, "override_callback_uri and verify_token must be given together.")
        await self._verify(url, expected)
        self._numbers.subscribe(waba_id, url)
        return responses.success()

    async def _verify(self, url: str, verify_token: str) -> None:
        """Ask an address whether it wants the callbacks, as Meta does before the first."""
        drawn = draw(self._world.settings.seed, "challenge", url, self._world.clock.now())
        challenge = str(int.from_bytes(drawn[:4], "big"))
        question = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": verify_token,
        }
        try:
            async with self._world.outbox.session.get(
                url,
                params=question,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=VERIFY_SECONDS),
            ) as answer:
                body = await answer.text(errors="replace")
                reason = f"HTTP Status Code = {answer.status}; HTTP Message = {answer.reason}"
                verified = answer.status == 200 and body == challenge  # noqa: PLR2004
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            verified, reason = False, f"{type(error).__name__}"
        if not verified:
            raise Refusal(
                2200,
                http=400,
                has_data=False,
                message=f"(#2200) Callback verification failed with the following errors: {reason}",
            )


def _wanted(request: Request, otherwise: Sequence[str]) -> Sequence[str]:
    """The fields that a request asks for."""
    fields = request.query().get("fields", "")
    return [name.split("{")[0].strip() for name in fields.split(",") if name.strip()] or otherwise


def _described(number: Number, fields: Sequence[str]) -> dict[str, object]:
    display = number.metadata.display_phone_number
    values: dict[str, object] = {
        "display_phone_number": f"+{display}",
        "verified_name": "Recado",
        "quality_rating": "GREEN",
        "status": "DISCONNECTED" if number.disconnected else "CONNECTED",
        "name_status": "APPROVED",
        "code_verification_status": "VERIFIED",
        "account_mode": "LIVE",
        "platform_type": "CLOUD_API",
        "host_platform": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "messaging_limit_tier": "TIER_UNLIMITED",
        "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
        "is_official_business_account": False,
        "quality_score": {"score": "GREEN"},
        "health_status": {"can_send_message": "BLOCKED" if number.disconnected else "AVAILABLE"},
    }
    unknown = [name for name in fields if name != "id" and name not in values]
    if unknown:
        raise Refusal(
            100,
            has_data=False,
            message=f"(#100) Tried accessing nonexisting field ({unknown[0]}) on node type "
            "(WhatsAppBusinessPhoneNumber)",
        )
    described = {name: values[name] for name in fields if name != "id"}
    return {**described, "id": number.metadata.phone_number_id}


def _fields(request: Request) -> Mapping[str, Any]:
    """Parameters from the query and the body, which is JSON or a form."""
    fields: dict[str, Any] = dict(request.query())
    if request.header(b"content-type").startswith(b"application/x-www-form-urlencoded"):
        fields |= parse_qsl(request.body.decode("latin-1"))
    elif request.body:
        try:
            fields |= msgspec.json.decode(request.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refusal(100, "The request body is not valid JSON.") from None
    return fields


def _positive(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(PAGE_MOST)) or not 1 <= int(text) <= PAGE_MOST:
        raise Refusal(100, f"Param limit must lie between 1 and {PAGE_MOST}.")
    return int(text)


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(b"p%d" % position).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return max(int(text.removeprefix("p")), 0)
    except (binascii.Error, ValueError):
        raise Refusal(100, "Param after is not a cursor of this list.") from None
