"""Which request to the simulated Graph API goes where, and who may make it."""

from __future__ import annotations

from collections.abc import Mapping

from recado.simulator.meta import responses
from recado.simulator.meta.channels import Number, Numbers
from recado.simulator.meta.codes import Refusal, unknown_object
from recado.simulator.meta.inbound import Inbound
from recado.simulator.meta.management import Management
from recado.simulator.meta.media import MediaStore
from recado.simulator.meta.sending import PROVIDER, Sending
from recado.simulator.seeded import draw
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import World


class Meta:
    """The Cloud API at ``/meta/{version}/…``."""

    name = PROVIDER

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = Numbers()
        media = MediaStore(world)
        self._sending = Sending(world, self._numbers, media)
        self._inbound = Inbound(world, self._numbers, media)
        self._management = Management(world, self._numbers, media)
        self._traces = 0

    async def handle(self, request: Request) -> Answer:
        """Answer a request; what Meta refuses becomes an error body."""
        sends = request.method == "POST" and request.parts[3:] == ["messages"]
        try:
            token = _token(request)
            if not sends:
                return await self._management.handle(request, token)
            return await self._sending.send(request, self._sender(request.parts[2], token))
        except Refusal as refusal:
            if sends:
                self._world.journal.reject(str(refusal.code))
            return self._refused(refusal)

    def register(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Add or change a number."""
        return self._numbers.register(fields).listed()

    def channels(self) -> list[dict[str, object]]:
        """The registered numbers."""
        return [number.listed() for number in self._numbers.registered()]

    def write_inbound(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have a contact write to a number."""
        return self._inbound.write(fields)

    def tell(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Have Meta tell of a number or its account."""
        return self._inbound.tell(fields)

    def reset(self, *, channels: bool) -> None:
        """Forget conversations, and the numbers too where asked."""
        self._numbers.reset(channels=channels)
        self._inbound.reset()
        self._management.reset()
        self._traces = 0

    def _sender(self, number_id: str, token: str) -> Number:
        number = self._numbers.find(number_id)
        if number is not None and number.registered:
            if token != number.registration.access_token:
                raise Refusal(190)
            return number
        if self._world.settings.strict or not number_id.isdecimal():
            raise unknown_object(number_id, method="POST")
        return number or self._numbers.open(number_id)

    def _refused(self, refusal: Refusal) -> Answer:
        self._traces += 1
        trace = responses.trace_id(draw(self._world.settings.seed, "trace", self._traces))
        headers = responses.waiting(refusal)
        body = responses.error_body(refusal, trace=trace)
        return json_answer(body, status=refusal.http, headers=headers)


def _token(request: Request) -> str:
    """The access token: any that is not empty, but ``expired`` and ``invalid`` are what they say.

    Raises:
        Refusal: 104 without a token, 190 with one of those two.

    """
    scheme, _, token = request.header(b"authorization").decode("latin-1").partition(" ")
    token = token.strip() if scheme.lower() in ("bearer", "oauth") else ""
    token = token or request.query().get("access_token", "")
    if not token:
        raise Refusal(104)
    if token == "expired":  # noqa: S105 - a word with a meaning, not a secret
        raise Refusal(
            190,
            subcode=463,
            message="Error validating access token: Session has expired on Monday, 01-Jan-24 "
            "00:00:00 PST. The current time is later.",
        )
    if token == "invalid":  # noqa: S105 - a word with a meaning, not a secret
        raise Refusal(190)
    return token
