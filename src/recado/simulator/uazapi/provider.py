"""Which request to the simulated uazapi goes where, and who may make it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from recado.simulator.accounts import Accounts
from recado.simulator.passage import Call, interfere
from recado.simulator.uazapi import inbound, refusals
from recado.simulator.uazapi.instances import PROVIDER, Hosted, read_registration
from recado.simulator.uazapi.management import Management
from recado.simulator.uazapi.messages import CALLS
from recado.simulator.uazapi.refusals import Refusal
from recado.simulator.uazapi.sending import failed, send
from recado.simulator.wire import Answer, Request
from recado.simulator.world import World


class Uazapi(Accounts[Hosted]):
    """uazapi v2 at ``/uazapi/…``."""

    name = PROVIDER

    def __init__(self, world: World) -> None:
        super().__init__(world, lambda token: Hosted(world, token, token=token))
        self._management = Management(world, self._instances)

    async def handle(self, request: Request) -> Answer:
        """Answer a request; what uazapi refuses becomes an error body."""
        call = "/".join(request.parts[1:])
        sends = request.method == "POST" and call in CALLS
        try:
            if sends:
                return await send(self._world, request, self._instance(request), call)
            return await self._interfered(request, call)
        except Refusal as refusal:
            if sends:
                self._world.journal.reject(refusal.name)
            return refusal.answer()

    def registered(self, fields: Mapping[str, object]) -> tuple[str, Hosted]:
        """Known by its token."""
        said = read_registration(fields)
        instance = self._instances.find(said.token)
        if instance is None:
            instance = Hosted(self._world, said.name or said.token, token=said.token)
        instance.apply(said)
        return said.token, instance

    def written(self, instance: Hosted, fields: Mapping[str, object]) -> dict[str, object]:
        """Told by ``messages``."""
        return inbound.write(instance, fields)

    def reset(self, *, channels: bool) -> None:
        """Have tokens repeat too."""
        super().reset(channels=channels)
        self._management.reset()

    async def _interfered(self, request: Request, call: str) -> Answer:
        instance = self._instances.find(request.header(b"token").decode("latin-1"))
        self._calls += 1
        return await interfere(
            self._world,
            request,
            Call(PROVIDER, instance.name if instance else "", call, self._calls),
            partial(self._managed, request, call),
            lambda fault: failed(instance, fault, refusals.by_fault(fault, jid="")),
        )

    def _managed(self, request: Request, call: str) -> Answer:
        if (request.method, call) == ("POST", "instance/init"):
            self._check_admin(request)
            return self._management.create(request)
        if (request.method, call) == ("GET", "instance/all"):
            self._check_admin(request)
            return self._management.list_all()
        found = self._management.find(request.method, call)
        if found is None:
            raise Refusal(404, "Not Found")
        return found(request, self._instance(request))

    def _instance(self, request: Request) -> Hosted:
        token = request.header(b"token").decode("latin-1")
        if not token:
            raise Refusal(401, "missing token")
        instance = None
        if token != "invalid":  # noqa: S105 - a word with a meaning, not a secret
            instance = self._instances.use(token, strict=self._world.settings.strict)
        if instance is None:
            raise Refusal(401, "Invalid token")
        return instance

    def _check_admin(self, request: Request) -> None:
        token = request.header(b"admintoken").decode("latin-1")
        wanted = self._world.settings.uazapi_admin_token
        if not token or token == "invalid" or wanted not in ("", token):  # noqa: S105 - see above
            raise Refusal(401, "Unauthorized")
