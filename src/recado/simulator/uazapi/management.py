"""uazapi's calls that send nothing: instances, webhooks, checks of numbers, read marks, search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from recado.simulator import people
from recado.simulator.instances import Instances
from recado.simulator.link import LOGGED_OUT
from recado.simulator.seeded import draw
from recado.simulator.uazapi.instances import Hosted
from recado.simulator.uazapi.messages import Node, read_object
from recado.simulator.uazapi.refusals import Refusal, missing_words
from recado.simulator.uazapi.sending import require_session
from recado.simulator.uazapi.webhooks import BASE_URL, EVENTS, Webhook
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import World

_FOUND_MOST = 100


class Management:
    """Answers the calls about one instance, and those of administration."""

    def __init__(self, world: World, instances: Instances[Hosted]) -> None:
        self._world = world
        self._instances = instances
        self._created = 0
        self._calls: Mapping[tuple[str, str], Callable[[Request, Hosted], Answer]] = {
            ("POST", "instance/connect"): _connect,
            ("GET", "instance/status"): _status,
            ("POST", "instance/disconnect"): _disconnect,
            ("DELETE", "instance"): self._delete,
            ("GET", "webhook"): _list_webhooks,
            ("POST", "webhook"): _set_webhook,
            ("GET", "webhook/errors"): _list_errors,
            ("POST", "chat/check"): self._check_numbers,
            ("POST", "message/markread"): _mark_read,
            ("POST", "message/find"): _find_messages,
            ("POST", "message/download"): _download,
        }

    def find(self, method: str, call: str) -> Callable[[Request, Hosted], Answer] | None:
        """What answers a call about one instance."""
        return self._calls.get((method, call))

    def create(self, request: Request) -> Answer:
        """Make an instance; the token of administration has been checked."""
        body = read_object(request.body)
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise Refusal(400, "Missing name")
        self._created += 1
        seed = self._world.settings.seed
        hexed = draw(seed, "token", name, self._created).hex()
        token = f"{hexed[:8]}-{hexed[8:12]}-4{hexed[12:15]}-8{hexed[15:18]}-{hexed[18:30]}"
        instance = Hosted(self._world, name, token=token, state="close")
        instance.admin_field = str(body.get("adminField01") or "")
        self._instances.put(token, instance)
        return json_answer(
            {
                "response": "Instance created successfully",
                "instance": instance.shown(),
                "connected": False,
                "loggedIn": False,
                "name": name,
                "token": token,
            }
        )

    def list_all(self) -> Answer:
        """All instances, for administration."""
        return json_answer([instance.shown() for instance in self._instances.registered()])

    def reset(self) -> None:
        """Start counting anew, so that tokens repeat."""
        self._created = 0

    def _delete(self, _: Request, instance: Hosted) -> Answer:
        self._instances.delete(instance.token)
        done = {"response": "Instance Deleted", "info": "The device was disconnected and deleted."}
        return json_answer(done)

    def _check_numbers(self, request: Request, instance: Hosted) -> Answer:
        numbers = read_object(request.body).get("numbers")
        if not isinstance(numbers, list) or not numbers:
            raise Refusal(400, "Missing numbers")
        require_session(instance)
        return json_answer([self._checked(str(number)) for number in numbers])

    def _checked(self, number: str) -> dict[str, object]:
        jid = people.jid(number)
        wa_id = people.digits(jid)
        group = jid.endswith(people.GROUP)
        if group or people.has_whatsapp(wa_id, self._world.settings):
            return {
                "query": number,
                "jid": jid,
                "lid": "" if group else people.lid(wa_id),
                "isInWhatsapp": True,
                "verifiedName": "",
                "groupName": "Grupo" if group else "",
            }
        return {
            "query": number,
            "jid": "",
            "isInWhatsapp": False,
            "verifiedName": "",
            "error": missing_words(jid),
        }


def _connect(request: Request, instance: Hosted) -> Answer:
    phone = people.digits(str(read_object(request.body).get("phone") or ""))
    if not instance.link.is_open and (instance.link.code is None or phone):
        instance.link.connect(pair=bool(phone))
    return json_answer({**instance.connected(), "instance": instance.shown()})


def _status(_: Request, instance: Hosted) -> Answer:
    return json_answer({"instance": instance.shown(), "status": instance.connected()})


def _disconnect(_: Request, instance: Hosted) -> Answer:
    if instance.link.state != "close":
        instance.link.lose(LOGGED_OUT)
    return json_answer({"response": "Disconnected", "instance": instance.shown()})


def _list_webhooks(_: Request, instance: Hosted) -> Answer:
    return json_answer(instance.webhooks)


def _list_errors(_: Request, instance: Hosted) -> Answer:
    return json_answer(list(instance.errors))


def _set_webhook(request: Request, instance: Hosted) -> Answer:
    """Without an ``action`` the one webhook is replaced; else they are kept by their ids."""
    body = read_object(request.body)
    action, hooks = body.get("action"), instance.webhooks
    known = next((hook for hook in hooks if hook.id == body.get("id")), None)
    if action in ("update", "delete") and known is None:
        raise Refusal(404, "Webhook not found")
    if action == "delete":
        instance.webhooks = [hook for hook in hooks if hook is not known]
    elif action == "update" and known is not None:
        wanted = _webhook(known.id, {**msgspec.to_builtins(known), **body})
        instance.webhooks = [wanted if hook is known else hook for hook in hooks]
    elif action == "add":
        instance.webhooks = [*hooks, _webhook(instance.hook_id(), body)]
    elif action is None:
        hook_id = hooks[0].id if hooks else instance.hook_id()
        instance.webhooks = [_webhook(hook_id, body)]
    else:
        raise Refusal(400, "Invalid action")
    return json_answer(instance.webhooks)


def _webhook(hook_id: str, said: Node) -> Webhook:
    url = said.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Refusal(400, "Invalid URL")
    events = _words(said, "events")
    unknown = [event for event in events if event not in EVENTS]
    if unknown:
        raise Refusal(400, f"Invalid event: {unknown[0]}")
    return Webhook(
        hook_id,
        url,
        enabled=bool(said.get("enabled", True)),
        events=tuple(events),
        exclude_messages=tuple(_words(said, "excludeMessages")),
        add_url_events=bool(said.get("addUrlEvents")),
        add_url_types_messages=bool(said.get("addUrlTypesMessages")),
    )


def _words(said: Node, name: str) -> Sequence[str]:
    value = said.get(name) or []
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise Refusal(400, f"Invalid {name}")
    return value


def _mark_read(request: Request, instance: Hosted) -> Answer:
    ids = read_object(request.body).get("id")
    if isinstance(ids, str):
        ids = [ids]
    if not isinstance(ids, list) or not ids:
        raise Refusal(400, "Missing id")
    require_session(instance)
    results = [{"message_id": str(message_id), "status": "success"} for message_id in ids]
    return json_answer({"results": results})


def _find_messages(request: Request, instance: Hosted) -> Answer:
    body = read_object(request.body)
    wanted = {name: body[name] for name in ("chatid", "track_id", "track_source") if body.get(name)}
    message_id = str(body.get("id") or "").rpartition(":")[2]
    if message_id:
        wanted["messageid"] = message_id
    limit = body.get("limit") if isinstance(body.get("limit"), int) else _FOUND_MOST
    found: list[dict[str, Any]] = [
        message
        for message in reversed(instance.messages)
        if all(message[name] == value for name, value in wanted.items())
    ][: min(max(int(limit or 0), 1), _FOUND_MOST)]
    return json_answer(
        {"returnedMessages": len(found), "messages": found, "limit": limit, "offset": 0}
    )


def _download(request: Request, instance: Hosted) -> Answer:
    message_id = str(read_object(request.body).get("id") or "").rpartition(":")[2]
    known = next((m for m in instance.messages if m["messageid"] == message_id), None)
    if known is None or not isinstance(known["content"], dict) or "URL" not in known["content"]:
        raise Refusal(404, "Message not found")
    mime_type = known["content"].get("mimetype", "")
    return json_answer({"fileURL": f"{BASE_URL}/files/{message_id}", "mimetype": mime_type})
