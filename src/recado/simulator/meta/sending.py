"""A message's way through the simulated Cloud API: throttles, faults, acceptance, callbacks."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import NamedTuple

from recado.simulator.faults import Fault, Verdict
from recado.simulator.meta import responses
from recado.simulator.meta.channels import Number, Numbers
from recado.simulator.meta.codes import Refusal, lookup
from recado.simulator.meta.media import MediaStore
from recado.simulator.meta.messages import Outgoing, ReadMark, read
from recado.simulator.meta.templates import fill
from recado.simulator.meta.webhooks import Pricing, Status, Update, callback_error
from recado.simulator.passage import DEFAULT_RETRY_AFTER, Letter, carry, steps
from recado.simulator.wire import Answer, Request
from recado.simulator.world import World

PROVIDER = "meta"


class Sending:
    """Takes messages on and has their statuses called back."""

    def __init__(self, world: World, numbers: Numbers, media: MediaStore) -> None:
        self._world = world
        self._numbers = numbers
        self._media = media

    async def send(self, request: Request, number: Number) -> Answer:
        """Answer a request to send from a number.

        Raises:
            Refusal: Meta refuses it, by itself or because a fault says so.
            Dropped: A fault closes the connection.

        """
        world = self._world
        at = world.clock.now()
        asked = read(request.body)
        if isinstance(asked, ReadMark):
            return responses.success()
        channel = number.metadata.phone_number_id
        world.journal.request(channel, at)
        message, category = self._complete(asked, number)
        settings = world.settings
        number.throttle(
            message.wa_id,
            at,
            per_second=settings.messages_per_second,
            pair_rate=settings.pair_rate,
        )
        letter = Letter(
            PROVIDER,
            channel,
            message.to,
            message.wa_id,
            message.kind,
            message.text,
            message.reference,
        )
        counter = _Counter(world, number, message, category)
        sequence = number.next_sequence(message.to)
        return await carry(world, request, letter, counter, sequence=sequence)

    def _complete(self, asked: Outgoing, number: Number) -> tuple[Outgoing, str]:
        """The message with a template's text filled in, and the category it is charged as."""
        if asked.to == number.metadata.display_phone_number:
            raise Refusal(131021)
        if number.disconnected:
            raise Refusal(133010)
        if asked.kind != "text":
            self._media.check(asked.body, number.metadata.phone_number_id)
        if asked.kind != "template":
            return asked, "service"
        own = self._numbers.own_templates(number.waba_id)
        closed = bool(own) or self._world.settings.strict
        filled = fill(asked.body, self._numbers.templates(number.waba_id), closed=closed)
        return asked._replace(text=filled.text), filled.category


class _Counter(NamedTuple):
    world: World
    number: Number
    message: Outgoing
    category: str

    def message_id(self, drawn: bytes) -> str:
        """Meta's wamid."""
        return responses.message_id(self.message.wa_id, drawn)

    def accepted(self, message_id: str, drawn: bytes, verdict: Verdict, at: float) -> Answer:
        """200 with the id; of a template also whether it is held back."""
        message = self.message
        self._tell(message_id, drawn, verdict, at)
        status = None
        if message.kind == "template":
            status = "held_for_quality_assessment" if verdict.held else "accepted"
        return responses.accepted(
            to=message.input, wa_id=message.wa_id, wamid=message_id, message_status=status
        )

    def refused(self, fault: Fault) -> Answer:
        """Never returns: Meta's refusals are raised.

        Raises:
            Refusal: What the fault stands for.

        """
        raise _refusal(fault, self.number)

    def _tell(self, wamid: str, drawn: bytes, verdict: Verdict, at: float) -> None:
        number, message, settings = self.number, self.message, self.world.settings
        if number.route is None:
            return
        in_window = number.in_window(message.wa_id, at)
        outcome = verdict.outcome
        if settings.window and message.kind != "template" and not in_window:
            outcome = outcome or Fault("async_error", code=131047)
        free = in_window and self.category == "service"
        pricing = Pricing(
            billable=not free,
            type="free_customer_service" if free else "regular",
            category=self.category,
        )
        scoped = not message.wa_id.isdecimal()
        for step in steps(settings, drawn, verdict, outcome):
            failed = outcome is not None and step.status == "failed"
            status = Status(
                wamid,
                step.status,
                str(int(at + step.happens)),
                recipient_id=None if scoped else message.wa_id,
                recipient_user_id=message.wa_id if scoped else None,
                biz_opaque_callback_data=message.reference,
                pricing=pricing if step.status in ("sent", "delivered") else None,
                errors=[_failure(outcome, held=bool(verdict.held))] if outcome and failed else None,
            )
            update = Update(number.waba_id, number.metadata, status=status)
            self.world.outbox.schedule(number.route, update, delay=step.leaves)


def _refusal(fault: Fault, number: Number) -> Refusal:
    if fault.kind == "disconnect":
        number.disconnected = True
        return Refusal(133010 if fault.code is None else fault.code)
    if fault.kind == "rate_limited":
        return Refusal(
            130429 if fault.code is None else fault.code,
            fault.details,
            http=fault.http or 429,
            retry_after=_wait(fault),
            regain_minutes=fault.regain_minutes,
        )
    if fault.kind == "server_error_after_accept":
        code = 131000 if fault.code is None else fault.code
        return Refusal(code, fault.details, http=fault.http or 500)
    return Refusal(
        131000 if fault.code is None else fault.code,
        fault.details,
        http=200 if fault.kind == "error_in_200" else fault.http,
        retry_after=fault.retry_after,
        regain_minutes=fault.regain_minutes,
    )


def _wait(fault: Fault) -> int | str | None:
    """Retry-After; where Meta's own header says it, there need not be one."""
    if fault.retry_after is None:
        return DEFAULT_RETRY_AFTER if fault.regain_minutes is None else None
    if fault.retry_date:
        return formatdate(time.time() + fault.retry_after, usegmt=True)
    return fault.retry_after


def _failure(outcome: Fault, *, held: bool) -> dict[str, object]:
    code = 131026 if outcome.code is None else outcome.code
    # Of messages that were held back, Meta's page shows the code as a text.
    return callback_error(str(code) if held else code, lookup(code), outcome.details)
