"""A message's way through the simulated Cloud API: throttles, faults, acceptance, callbacks."""

from __future__ import annotations

import asyncio

from recado.simulator.faults import Candidate, Fault, Verdict
from recado.simulator.journal import Accepted
from recado.simulator.meta import responses
from recado.simulator.meta.channels import Number, Numbers
from recado.simulator.meta.codes import Refusal, lookup
from recado.simulator.meta.media import MediaStore
from recado.simulator.meta.messages import Outgoing, ReadMark, read
from recado.simulator.meta.templates import default_templates, fill
from recado.simulator.meta.webhooks import Pricing, Status, Update, callback_error
from recado.simulator.seeded import draw, portion
from recado.simulator.wire import HTML, Answer, Dropped, Request
from recado.simulator.world import World

PROVIDER = "meta"
DEFAULT_HANG_MS = 60_000
DEFAULT_LATE_MS = 5_000
DEFAULT_LATENCY_MS = 1_000
DEFAULT_RETRY_AFTER = 5
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


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
        sequence = number.next_sequence(message.to)
        drawn = draw(settings.seed, PROVIDER, channel, message.to, sequence)
        verdict = world.faults.decide(
            Candidate(PROVIDER, channel, (message.to, message.wa_id), message.kind, message.text),
            lambda place: portion(draw(settings.seed, "fault", place, drawn.hex()), 0),
        )
        if verdict.answer is not None and not _accepts(verdict.answer):
            await _pause(verdict)
            return await self._refuse(verdict.answer, request, number)
        answer = self._accept(number, message, drawn, verdict, at=at, category=category)
        await _pause(verdict)
        if verdict.answer is not None:
            return await _spoil(verdict.answer, answer, request)
        return answer

    def _accept(
        self,
        number: Number,
        message: Outgoing,
        drawn: bytes,
        verdict: Verdict,
        *,
        at: float,
        category: str,
    ) -> Answer:
        wamid = responses.message_id(message.wa_id, drawn)
        self._world.journal.accept(
            Accepted(
                at=at,
                provider=PROVIDER,
                channel=number.metadata.phone_number_id,
                to=message.to,
                text=message.text,
                reference=message.reference,
                id=wamid,
                kind=message.kind,
            )
        )
        self._call_back(number, message, wamid, drawn, verdict, at=at, category=category)
        status = None
        if message.kind == "template":
            status = "held_for_quality_assessment" if verdict.held else "accepted"
        return responses.accepted(
            to=message.input, wa_id=message.wa_id, wamid=wamid, message_status=status
        )

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
        filled = fill(asked.body, own or default_templates(), closed=closed)
        return asked._replace(text=filled.text), filled.category

    async def _refuse(self, fault: Fault, request: Request, number: Number) -> Answer:
        if fault.kind in ("error", "error_in_200", "rate_limited", "disconnect"):
            raise _refusal(fault, number)
        self._world.journal.reject(fault.kind)
        if fault.kind == "html":
            return Answer(fault.http or 502, BAD_GATEWAY, HTML)
        if fault.kind == "hang":
            await _gone_within(request, fault)
        raise Dropped

    def _call_back(
        self,
        number: Number,
        message: Outgoing,
        wamid: str,
        drawn: bytes,
        verdict: Verdict,
        *,
        at: float,
        category: str,
    ) -> None:
        route = number.route
        if route is None:
            return
        in_window = number.in_window(message.wa_id, at)
        outcome = verdict.outcome
        if self._world.settings.window and message.kind != "template" and not in_window:
            outcome = outcome or Fault("async_error", code=131047)
        held = 0.0 if verdict.held is None else _seconds(verdict.held, DEFAULT_LATE_MS)
        plan = [(name, held + delay) for name, delay in self._plan(drawn, outcome)]
        leave = [delay for _, delay in plan]
        if plan and verdict.callback("reordered", plan[-1][0]):
            leave.reverse()
        pricing = Pricing(
            billable=not (in_window and category == "service"),
            type="free_customer_service" if in_window and category == "service" else "regular",
            category=category,
        )
        schedule = self._world.outbox.schedule
        for (name, delay), leaves in zip(plan, leave, strict=True):
            if verdict.callback("lost", name):
                continue
            late = verdict.callback("late", name)
            wait = leaves + (0.0 if late is None else _seconds(late, DEFAULT_LATE_MS))
            status = Status(
                wamid,
                name,
                str(int(at + delay)),
                message.wa_id,
                message.reference,
                pricing if name in ("sent", "delivered") else None,
                [_failure(outcome)] if outcome and name == "failed" else None,
            )
            update = Update(number.waba_id, number.metadata, status=status)
            schedule(route, update, delay=wait)
            if verdict.callback("doubled", name):
                again = wait + 2 * self._world.settings.batch_ms / 1000
                schedule(route, update, delay=again)

    def _plan(self, drawn: bytes, outcome: Fault | None) -> list[tuple[str, float]]:
        """The statuses to come, each with its delay in seconds."""
        settings = self._world.settings

        def delay(ms: int, place: int) -> float:
            return ms / 1000 * (1 + settings.jitter * portion(drawn, place))

        # The first nine bytes of the draw are the message's id: chance comes from behind them.
        sent = ("sent", delay(settings.sent_ms, 3))
        if outcome is not None:
            ms = settings.delivered_ms if outcome.ms is None else outcome.ms
            failed = ("failed", delay(ms, 4))
            return [sent, failed] if outcome.after_sent else [failed]
        plan = [sent]
        if portion(drawn, 6) < settings.delivered_share:
            plan.append(("delivered", delay(settings.delivered_ms, 4)))
            if portion(drawn, 7) < settings.read_share:
                plan.append(("read", delay(settings.read_ms, 5)))
        return plan


async def _pause(verdict: Verdict) -> None:
    if verdict.delay is not None:
        await asyncio.sleep(_seconds(verdict.delay, DEFAULT_LATENCY_MS))


def _accepts(fault: Fault) -> bool:
    return fault.kind in ("accept_then_drop", "accept_then_hang", "server_error_after_accept")


def _refusal(fault: Fault, number: Number) -> Refusal:
    if fault.kind == "disconnect":
        number.disconnected = True
        return Refusal(133010 if fault.code is None else fault.code)
    if fault.kind == "rate_limited":
        return Refusal(
            130429 if fault.code is None else fault.code,
            fault.details,
            http=fault.http or 429,
            retry_after=DEFAULT_RETRY_AFTER if fault.retry_after is None else fault.retry_after,
        )
    return Refusal(
        131000 if fault.code is None else fault.code,
        fault.details,
        http=200 if fault.kind == "error_in_200" else fault.http,
        retry_after=fault.retry_after,
    )


def _failure(outcome: Fault) -> dict[str, object]:
    code = 131026 if outcome.code is None else outcome.code
    return callback_error(code, lookup(code), outcome.details)


def _seconds(fault: Fault, default_ms: int) -> float:
    return (default_ms if fault.ms is None else fault.ms) / 1000


async def _spoil(fault: Fault, answer: Answer, request: Request) -> Answer:
    """What an accepted message is answered with under a fault."""
    if fault.kind == "accept_then_drop":
        raise Dropped
    if fault.kind == "server_error_after_accept":
        code = 131000 if fault.code is None else fault.code
        raise Refusal(code, fault.details, http=fault.http or 500)
    if await _gone_within(request, fault):
        raise Dropped
    return answer


async def _gone_within(request: Request, fault: Fault) -> bool:
    """Wait, at most until the other side goes away; whether it did."""
    seconds = _seconds(fault, DEFAULT_HANG_MS)
    if request.disconnected is None:
        await asyncio.sleep(seconds)
        return False
    try:
        await asyncio.wait_for(request.disconnected(), seconds)
    except TimeoutError:
        return False
    return True
