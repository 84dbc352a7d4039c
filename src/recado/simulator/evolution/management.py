"""Evolution's calls that send nothing: instances, webhooks, checks of numbers, read marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recado.simulator import people
from recado.simulator.evolution import refusals
from recado.simulator.evolution.instances import BAILEYS, Evolved, key_for
from recado.simulator.evolution.refusals import Refusal, bad_request
from recado.simulator.evolution.schema import Field, Node, check, read_object
from recado.simulator.evolution.webhooks import EVENTS, Webhook
from recado.simulator.instances import Instances
from recado.simulator.link import LOGGED_OUT
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import World

_SETTINGS: Mapping[str, object] = {
    "rejectCall": False,
    "msgCall": "",
    "groupsIgnore": False,
    "alwaysOnline": False,
    "readMessages": False,
    "readStatus": False,
    "syncFullHistory": False,
    "wavoipToken": "",
}
_CREATION = {
    "instanceName": Field("string"),
    "token": Field("string"),
    "integration": Field("string"),
    "qrcode": Field("boolean"),
    "webhook": Field("object"),
}
_WEBHOOK = {
    "enabled": Field("boolean"),
    "url": Field("string"),
    "headers": Field("object"),
    "byEvents": Field("boolean"),
    "base64": Field("boolean"),
    "events": Field("array"),
}


class Management:
    """Answers the calls about one instance, and those that make and list them."""

    def __init__(self, world: World, instances: Instances[Evolved]) -> None:
        self._world = world
        self._instances = instances
        self._created = 0
        self._calls: Mapping[tuple[str, str], Callable[[Request, Evolved], Answer]] = {
            ("GET", "instance/connect"): self._connect,
            ("GET", "instance/connectionState"): _connection_state,
            ("POST", "instance/restart"): self._restart,
            ("DELETE", "instance/logout"): _logout,
            ("DELETE", "instance/delete"): self._delete,
            ("POST", "webhook/set"): self._set_webhook,
            ("GET", "webhook/find"): _find_webhook,
            ("POST", "chat/whatsappNumbers"): self._check_numbers,
            ("POST", "chat/markMessageAsRead"): _mark_read,
        }

    def find(self, method: str, call: str) -> Callable[[Request, Evolved], Answer] | None:
        """What answers a call about one instance."""
        return self._calls.get((method, call))

    def create(self, request: Request, key: str) -> Answer:
        """Make an instance; the global key has been checked.

        Raises:
            Refusal: 403 for a name in use, 400 for what does not fit.

        """
        body = read_object(request.body)
        check(body, _CREATION, ("instanceName",))
        name = body["instanceName"]
        if not name:
            raise bad_request(['The "instanceName" cannot be empty'], name="schema")
        known = self._instances.find(name)
        if known is not None and known.registered:
            raise Refusal(403, [f'This name "{name}" is already in use.'])
        if body.get("integration", BAILEYS) != BAILEYS:
            raise bad_request("Invalid integration")
        self._created += 1
        number = people.digits(str(body.get("number") or ""))
        instance = Evolved(
            self._world,
            name,
            token=body.get("token") or key_for(name, self._created),
            number=number or None,
            state="close",
        )
        instance.creator = key
        instance.settings = {**_SETTINGS, **{k: body[k] for k in _SETTINGS if k in body}}
        if body.get("webhook"):
            check(body["webhook"], _WEBHOOK, (), "webhook")
            instance.webhook = self._webhook(body["webhook"])
        self._instances.put(name, instance)
        instance.call_back("instance.create", {"instanceName": name, "instanceId": instance.id})
        if body.get("qrcode"):
            instance.link.connect(pair=bool(number))
        return json_answer(_creation(instance, with_code=bool(body.get("qrcode"))), status=201)

    def list_all(self, request: Request, key: str) -> Answer:
        """The instances that a key may see.

        Raises:
            Refusal: 404 for a name that there is not, 401 where the key opens none.

        """
        name = request.query().get("instanceName")
        if name:
            instance = self._instances.use(name, strict=self._world.settings.strict)
            if instance is None:
                raise Refusal(404, [f'Instance "{name}" not found'])
            found = [instance]
        else:
            found = list(self._instances.registered())
        seen = [instance for instance in found if instance.accepts(key)]
        if found and not seen:
            raise refusals.unauthorized()
        return json_answer([_listed(instance) for instance in seen])

    def reset(self) -> None:
        """Start counting anew, so that keys repeat."""
        self._created = 0

    def _connect(self, request: Request, instance: Evolved) -> Answer:
        if instance.link.is_open:
            return json_answer(instance.state())
        number = people.digits(request.query().get("number", ""))
        if instance.link.code is None or number:
            instance.link.connect(pair=bool(number))
        return json_answer(instance.qrcode)

    def _restart(self, _: Request, instance: Evolved) -> Answer:
        if instance.link.state == "close":
            return refusals.failed_as_200(f'The "{instance.name}" instance is not connected')
        if instance.link.is_open:
            instance.link.restart()
        return json_answer(instance.state())

    def _delete(self, _: Request, instance: Evolved) -> Answer:
        if instance.link.is_open:
            instance.link.lose(LOGGED_OUT)
        instance.call_back("instance.delete", {"instanceName": instance.name})
        self._instances.delete(instance.name)
        done = {"status": "SUCCESS", "error": False, "response": {"message": "Instance deleted"}}
        return json_answer(done)

    def _set_webhook(self, request: Request, instance: Evolved) -> Answer:
        body = read_object(request.body)
        check(body, {"webhook": Field("object")}, ("webhook",))
        check(body["webhook"], _WEBHOOK, ("enabled", "url"), "webhook")
        instance.webhook = self._webhook(body["webhook"])
        return json_answer(instance.webhook.stored(instance.id), status=201)

    def _webhook(self, said: Node) -> Webhook:
        url, enabled = said.get("url", ""), said.get("enabled", True)
        if enabled and not url.startswith(("http://", "https://")):
            raise bad_request('Invalid "url" property')
        for place, event in enumerate(said.get("events") or ()):
            if event not in EVENTS:
                among = ",".join(EVENTS)
                complaint = f"webhook.events[{place}] is not one of enum values: {among}"
                raise bad_request([complaint], name="schema")
        headers = said.get("headers") or {}
        return Webhook(
            url,
            enabled=bool(enabled),
            events=tuple(said.get("events") or EVENTS) if enabled else (),
            by_events=bool(said.get("byEvents")),
            base64=bool(said.get("base64")),
            headers={str(name): str(value) for name, value in headers.items()},
            set_at=self._world.clock.now(),
        )

    def _check_numbers(self, request: Request, instance: Evolved) -> Answer:
        body = read_object(request.body)
        words = '"numbers" must be an array of numeric strings'
        check(body, {"numbers": Field("array", words)}, ("numbers",))
        numbers = body["numbers"]
        if not numbers or not all(isinstance(number, str) for number in numbers):
            raise bad_request([words], name="schema")
        if not instance.link.is_open:
            raise refusals.closed()
        return json_answer([self._checked(number) for number in numbers])

    def _checked(self, number: str) -> dict[str, Any]:
        jid = people.jid(number)
        found: dict[str, Any] = {"jid": jid, "exists": False, "number": number}
        wa_id = people.digits(jid)
        if not jid.endswith(people.USER):
            found["exists"] = True
        elif people.has_whatsapp(wa_id, self._world.settings):
            found |= {"exists": True, "name": people.name(wa_id)}
            if people.hides(wa_id, self._world.settings):
                found["lid"] = people.lid(wa_id)
        return found


def _connection_state(_: Request, instance: Evolved) -> Answer:
    return json_answer(instance.state())


def _logout(_: Request, instance: Evolved) -> Answer:
    if instance.link.state == "close":
        raise refusals.not_connected(instance.name)
    instance.link.lose(LOGGED_OUT)
    instance.call_back("logout.instance", None)
    done = {"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}}
    return json_answer(done)


def _find_webhook(_: Request, instance: Evolved) -> Answer:
    return json_answer(instance.webhook.stored(instance.id) if instance.webhook else None)


def _mark_read(request: Request, instance: Evolved) -> Answer:
    body = read_object(request.body)
    check(body, {"readMessages": Field("array")}, ("readMessages",))
    fields = {"id": Field("string"), "fromMe": Field("boolean"), "remoteJid": Field("string")}
    for place, key in enumerate(body["readMessages"]):
        held = key if isinstance(key, dict) else {}
        check(held, fields, tuple(fields), f"readMessages[{place}]")
    if not instance.link.is_open:
        raise Refusal(500, ["Read messages fail", f"Error: {refusals.CLOSED}"])
    return json_answer({"message": "Read messages", "read": "success"}, status=201)


def _creation(instance: Evolved, *, with_code: bool) -> dict[str, object]:
    webhook = instance.webhook
    return {
        "instance": {
            "instanceName": instance.name,
            "instanceId": instance.id,
            "integration": BAILEYS,
            "webhookWaBusiness": None,
            "accessTokenWaBusiness": "",
            "status": instance.link.state,
        },
        "hash": instance.token,
        "webhook": {
            "webhookUrl": webhook.url,
            "webhookHeaders": dict(webhook.headers),
            "webhookByEvents": webhook.by_events,
            "webhookBase64": webhook.base64,
        }
        if webhook
        else {},
        "websocket": {},
        "rabbitmq": {},
        "nats": {},
        "sqs": {},
        "settings": instance.settings,
        **({"qrcode": instance.qrcode} if with_code else {}),
    }


def _listed(instance: Evolved) -> dict[str, object]:
    link = instance.link
    return {
        "id": instance.id,
        "name": instance.name,
        "connectionStatus": link.state,
        "ownerJid": instance.jid if link.is_open else None,
        "profileName": "Loja" if link.is_open else None,
        "profilePicUrl": None,
        "integration": BAILEYS,
        "number": instance.number,
        "businessId": None,
        "token": instance.token,
        "clientName": "evolution_exchange",
        "disconnectionReasonCode": link.reason if link.state == "close" else None,
        "disconnectionObject": None,
        "disconnectionAt": None,
        "Setting": instance.settings,
    }
