"""A message's way through a provider: faults, acceptance, what becomes of the answer, what follows.

This is what providers have in common; what they accept, how they refuse and what their callbacks
look like is in their folders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from recado.simulator.faults import Candidate, Fault, Verdict
from recado.simulator.journal import Accepted
from recado.simulator.seeded import draw, portion
from recado.simulator.settings import Settings
from recado.simulator.wire import HTML, Answer, Dropped, Request
from recado.simulator.world import World

DEFAULT_HANG_MS = 60_000
DEFAULT_LATE_MS = 5_000
DEFAULT_LATENCY_MS = 1_000
DEFAULT_RETRY_AFTER = 5
# How long somebody may seem to be typing before a message leaves.
DELAY_MOST_MS = 3_600_000
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"

_ACCEPTING = ("accept_then_drop", "accept_then_hang", "server_error_after_accept")
_WORDED = ("error", "error_in_200", "rate_limited", "disconnect")


class Letter(NamedTuple):
    """A message to a contact: ``to`` as digits, ``wa_id`` as WhatsApp knows it."""

    provider: str
    channel: str
    to: str
    wa_id: str
    kind: str
    text: str
    reference: str | None = None


class Call(NamedTuple):
    """A call that sends nothing; ``number`` counts them, so that chance differs."""

    provider: str
    channel: str
    name: str
    number: int


class Counter(Protocol):
    """The provider's side of a message."""

    def message_id(self, drawn: bytes) -> str:
        """The id that the message gets if it is accepted."""
        ...

    def accepted(self, message_id: str, drawn: bytes, verdict: Verdict, at: float) -> Answer:
        """Have the callbacks scheduled; the answer to an accepted message."""
        ...

    def refused(self, fault: Fault) -> Answer:
        """The answer under a fault that the provider has words for; they may be raised instead.

        Of the kinds error, error_in_200, rate_limited, disconnect, server_error_after_accept.
        """
        ...


Refused = Callable[[Fault], Answer]


async def carry(
    world: World, request: Request, letter: Letter, counter: Counter, *, sequence: int
) -> Answer:
    """Take a message on, or refuse it as the faults say.

    Chance repeats by ``sequence``: how many messages to this recipient there were before.

    Raises:
        Dropped: A fault closes the connection.

    """
    seed = world.settings.seed
    drawn = draw(seed, letter.provider, letter.channel, letter.to, sequence)
    verdict = world.faults.decide(
        Candidate(
            letter.provider, letter.channel, (letter.to, letter.wa_id), letter.kind, letter.text
        ),
        lambda place: portion(draw(seed, "fault", place, drawn.hex()), 0),
    )
    fault = verdict.answer
    if fault is not None and fault.kind not in _ACCEPTING:
        await _pause(verdict)
        if fault.kind not in _WORDED:
            world.journal.reject(fault.kind)
        return await _refuse(fault, request, counter.refused)
    at = world.clock.now()
    message_id = counter.message_id(world.own(drawn))
    world.journal.accept(
        Accepted(
            at=at,
            provider=letter.provider,
            channel=letter.channel,
            to=letter.to,
            text=letter.text,
            reference=letter.reference,
            id=message_id,
            kind=letter.kind,
        )
    )
    answer = counter.accepted(message_id, drawn, verdict, at)
    await _pause(verdict)
    return answer if fault is None else await _spoil(fault, answer, request, counter.refused)


async def interfere(
    world: World, request: Request, call: Call, act: Callable[[], Answer], refused: Refused
) -> Answer:
    """Answer a call that sends nothing, unless a rule that names it as its kind says otherwise.

    Raises:
        Dropped: A fault closes the connection.

    """
    seed = world.settings.seed
    drawn = draw(seed, "call", *call)
    verdict = world.faults.decide(
        Candidate(call.provider, call.channel, (), call.name, ""),
        lambda place: portion(draw(seed, "fault", place, drawn.hex()), 0),
        named=True,
    )
    await _pause(verdict)
    fault = verdict.answer
    if fault is None:
        return act()
    if fault.kind in _ACCEPTING:
        return await _spoil(fault, act(), request, refused)
    return await _refuse(fault, request, refused)


class Step(NamedTuple):
    """Something that becomes of a message: when it happens and is told, seconds from acceptance."""

    status: str
    happens: float
    leaves: float


def steps(
    settings: Settings, drawn: bytes, verdict: Verdict, outcome: Fault | None = None
) -> list[Step]:
    """What is told of an accepted message, with the faults of callbacks applied.

    ``outcome``: how it fails, where no fault says so.
    """
    held = 0.0 if verdict.held is None else seconds(verdict.held, DEFAULT_LATE_MS)
    fails = verdict.outcome or outcome
    plan = [(name, held + delay) for name, delay in _plan(settings, drawn, fails)]
    leave = [delay for _, delay in plan]
    if plan and verdict.callback("reordered", plan[-1][0]):
        leave.reverse()
    found = []
    for (name, happens), leaves in zip(plan, leave, strict=True):
        if verdict.callback("lost", name):
            continue
        late = verdict.callback("late", name)
        wait = leaves + (0.0 if late is None else seconds(late, DEFAULT_LATE_MS))
        found.append(Step(name, happens, wait))
        if verdict.callback("doubled", name):
            found.append(Step(name, happens, wait + 2 * settings.batch_ms / 1000))
    return found


def seconds(fault: Fault, default_ms: int) -> float:
    """The time that a fault names."""
    return (default_ms if fault.ms is None else fault.ms) / 1000


def _plan(settings: Settings, drawn: bytes, outcome: Fault | None) -> list[tuple[str, float]]:
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


async def _refuse(fault: Fault, request: Request, refused: Refused) -> Answer:
    if fault.kind in _WORDED:
        return refused(fault)
    if fault.kind == "html":
        return Answer(fault.http or 502, BAD_GATEWAY, HTML)
    if fault.kind == "empty":
        return Answer(fault.http or 500, b"")
    if fault.kind == "hang":
        await _gone_within(request, fault)
    raise Dropped


async def _spoil(fault: Fault, answer: Answer, request: Request, refused: Refused) -> Answer:
    """What an accepted message is answered with under a fault."""
    if fault.kind == "accept_then_drop":
        raise Dropped
    if fault.kind == "server_error_after_accept":
        return refused(fault)
    if await _gone_within(request, fault):
        raise Dropped
    return answer


async def _pause(verdict: Verdict) -> None:
    if verdict.delay is not None:
        await asyncio.sleep(seconds(verdict.delay, DEFAULT_LATENCY_MS))


async def _gone_within(request: Request, fault: Fault) -> bool:
    """Wait, at most until the other side goes away; whether it did."""
    if request.disconnected is None:
        await asyncio.sleep(seconds(fault, DEFAULT_HANG_MS))
        return False
    try:
        await asyncio.wait_for(request.disconnected(), seconds(fault, DEFAULT_HANG_MS))
    except TimeoutError:
        return False
    return True
