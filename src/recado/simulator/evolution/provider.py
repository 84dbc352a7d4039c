"""Which request to the simulated Evolution goes where, and who may make it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

from recado.simulator.accounts import Accounts
from recado.simulator.evolution import inbound, refusals
from recado.simulator.evolution.instances import PROVIDER, Evolved, read_registration
from recado.simulator.evolution.management import Management
from recado.simulator.evolution.messages import CALLS
from recado.simulator.evolution.refusals import Refusal
from recado.simulator.evolution.schema import read_object
from recado.simulator.evolution.sending import failed, send
from recado.simulator.passage import Call, interfere
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import World

_ABOUT_ONE = 4


class Evolution(Accounts[Evolved]):
    """Evolution API v2 at ``/evolution/…``."""

    name = PROVIDER

    def __init__(self, world: World) -> None:
        super().__init__(world, lambda name: Evolved(world, name))
        self._management = Management(world, self._instances)

    async def handle(self, request: Request) -> Answer:
        """Answer a request; what Evolution refuses becomes an error body."""
        parts = request.parts
        sends = parts[1:2] == ["message"] and len(parts) == _ABOUT_ONE and parts[2] in CALLS
        try:
            if sends and request.method == "POST":
                instance = self._instance(parts[3], request)
                return await send(self._world, request, instance, parts[2])
            return await self._interfered(request)
        except Refusal as refusal:
            if sends:
                self._world.journal.reject(refusal.name)
            return refusal.answer()

    def registered(self, fields: Mapping[str, object]) -> tuple[str, Evolved]:
        """Known by its name."""
        said = read_registration(fields)
        instance = self._instances.find(said.instance) or Evolved(self._world, said.instance)
        instance.apply(said)
        return instance.name, instance

    def written(self, instance: Evolved, fields: Mapping[str, object]) -> dict[str, object]:
        """Told by ``messages.upsert`` and its like."""
        return inbound.write(instance, fields)

    def reset(self, *, channels: bool) -> None:
        """Have keys repeat too."""
        super().reset(channels=channels)
        self._management.reset()

    async def _interfered(self, request: Request) -> Answer:
        name = request.parts[3] if len(request.parts) == _ABOUT_ONE else ""
        self._calls += 1
        return await interfere(
            self._world,
            request,
            Call(PROVIDER, name, "/".join(request.parts[1:3]), self._calls),
            partial(self._managed, request),
            lambda fault: failed(
                self._instances.find(name), fault, refusals.by_fault(fault, jid="", number="")
            ),
        )

    def _managed(self, request: Request) -> Answer:
        parts = request.parts
        if request.method == "GET" and not "".join(parts[1:]):
            return self._welcome()
        call = "/".join(parts[1:3])
        if (request.method, call, len(parts)) == ("POST", "instance/create", 3):
            self._check_name(request)
            return self._management.create(request, self._global_key(request))
        if (request.method, call) == ("GET", "instance/fetchInstances"):
            return self._management.list_all(request, _key(request))
        found = self._management.find(request.method, call)
        if found is None or len(parts) != _ABOUT_ONE:
            path = quote("/" + "/".join(parts[1:]))
            raise Refusal(404, [f"Cannot {request.method} {path}"])
        return found(request, self._instance(parts[3], request))

    def _instance(self, name: str, request: Request) -> Evolved:
        instance = self._instances.use(name, strict=self._world.settings.strict)
        if instance is None:
            raise refusals.no_instance(name)
        if not instance.accepts(_key(request)):
            raise refusals.unauthorized()
        return instance

    def _check_name(self, request: Request) -> None:
        """A name in use is refused before the key is looked at."""
        name = read_object(request.body).get("instanceName")
        known = self._instances.find(name) if isinstance(name, str) else None
        if known is not None and known.registered:
            raise Refusal(403, [f'This name "{name}" is already in use.'])

    def _global_key(self, request: Request) -> str:
        key = _key(request)
        if self._world.settings.evolution_key not in ("", key):
            raise refusals.unauthorized()
        return key

    def _welcome(self) -> Answer:
        version = self._world.settings.evolution_version
        return json_answer(
            {
                "status": 200,
                "message": "Welcome to the Evolution API, it is working!",
                "version": version,
                "clientName": "evolution_exchange",
            }
        )


def _key(request: Request) -> str:
    """The key: any that is not empty may be one, but ``invalid`` is what it says.

    Raises:
        Refusal: 401 without a key, or with that word.

    """
    key = request.header(b"apikey").decode("latin-1")
    if key in ("", "invalid"):
        raise refusals.unauthorized()
    return key
