"""A message's way through the simulated Evolution: the check of the number, acceptance, events."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec

from recado.simulator import people
from recado.simulator.evolution import messages, refusals, schema
from recado.simulator.evolution.instances import PROVIDER, Evolved
from recado.simulator.evolution.messages import Outgoing
from recado.simulator.faults import Fault, Verdict
from recado.simulator.link import LOGGED_OUT
from recado.simulator.passage import Letter, carry, steps
from recado.simulator.wire import Answer, Request
from recado.simulator.world import World

STATUSES = {
    "sent": "SERVER_ACK",
    "delivered": "DELIVERY_ACK",
    "read": "READ",
    "failed": "ERROR",
}

_encode = msgspec.json.Encoder().encode


class Key(msgspec.Struct, gc=False):
    """What WhatsApp knows a message by."""

    remoteJid: str  # noqa: N815 - Evolution's name
    fromMe: bool  # noqa: N815 - Evolution's name
    id: str


class Sent(msgspec.Struct):
    """A message as answers and ``send.message`` show it; ``messageTimestamp`` in seconds."""

    key: Key
    pushName: str  # noqa: N815 - Evolution's name
    status: str
    message: Any
    contextInfo: Any  # noqa: N815 - Evolution's name
    messageType: str  # noqa: N815 - Evolution's name
    messageTimestamp: int  # noqa: N815 - Evolution's name
    instanceId: str  # noqa: N815 - Evolution's name
    source: str


async def send(world: World, request: Request, instance: Evolved, call: str) -> Answer:
    """Answer a request to send.

    Raises:
        Refusal: Evolution refuses it.
        Dropped: A fault closes the connection.

    """
    world.journal.request(instance.name, world.clock.now())
    outgoing = messages.read(call, schema.read_object(request.body))
    jid = people.jid(outgoing.number)
    wa_id = people.digits(jid)
    if not instance.link.is_open:
        raise refusals.closed()
    if jid.endswith(people.USER) and not people.has_whatsapp(wa_id, world.settings):
        raise refusals.not_on_whatsapp(jid, outgoing.number)
    if outgoing.delay_ms:
        # Evolution shows the recipient that somebody is typing, and answers afterwards.
        await asyncio.sleep(outgoing.delay_ms / 1000)
    to = people.digits(outgoing.number)
    letter = Letter(PROVIDER, instance.name, to, wa_id, outgoing.kind, outgoing.text)
    counter = _Counter(world, instance, outgoing, jid)
    return await carry(world, request, letter, counter, sequence=instance.next_sequence(to))


def failed(instance: Evolved | None, fault: Fault, refusal: refusals.Refusal) -> Answer:
    """What a fault does to an instance, and the answer that it stands for."""
    if fault.kind == "disconnect" and instance is not None:
        instance.link.lose(fault.code or LOGGED_OUT)
    if fault.kind == "error_in_200":
        return refusals.failed_as_200(fault.details or f"Error: {refusals.CLOSED}")
    return refusal.answer()


class _Counter(NamedTuple):
    world: World
    instance: Evolved
    outgoing: Outgoing
    jid: str

    def message_id(self, drawn: bytes) -> str:
        """3EB0, as WhatsApp's web clients begin, and 18 hex digits."""
        return "3EB0" + drawn[:9].hex().upper()

    def accepted(self, message_id: str, drawn: bytes, verdict: Verdict, at: float) -> Answer:
        """201 with the message, which is not even at WhatsApp's server yet."""
        instance, outgoing = self.instance, self.outgoing
        sent = Sent(
            Key(self.jid, True, message_id),
            "Você",
            "PENDING",
            outgoing.message,
            outgoing.context,
            outgoing.message_type,
            int(at),
            instance.id,
            "unknown",
        )
        if instance.webhook is not None:
            lost = verdict.faults.get("lost")
            if lost is None or lost.statuses is not None:
                instance.call_back("send.message", sent)
            self._tell(message_id, drawn, verdict)
        return Answer(201, _encode(sent))

    def refused(self, fault: Fault) -> Answer:
        """The refusal that a fault stands for."""
        refusal = refusals.by_fault(fault, jid=self.jid, number=self.outgoing.number)
        if fault.kind != "server_error_after_accept":
            in_200 = fault.kind == "error_in_200"
            self.world.journal.reject(fault.kind if in_200 else refusal.name)
        return failed(self.instance, fault, refusal)

    def _tell(self, message_id: str, drawn: bytes, verdict: Verdict) -> None:
        instance = self.instance
        remote = remote_jid(self.world, self.jid)
        for step in steps(self.world.settings, drawn, verdict):
            status = STATUSES[step.status]
            if status == "READ" and self.outgoing.kind == "voice":
                status = "PLAYED"
            data = {
                "keyId": message_id,
                "remoteJid": remote,
                "fromMe": True,
                "status": status,
                "instanceId": instance.id,
                "messageId": row_id(message_id),
            }
            instance.call_back("messages.update", data, delay=step.leaves)


def remote_jid(world: World, jid: str) -> str:
    """The id that updates go by: the LID of those who have one, even in 2.3.7."""
    wa_id = people.digits(jid)
    hidden = jid.endswith(people.USER) and people.hides(wa_id, world.settings)
    return people.lid(wa_id) if hidden else jid


def row_id(message_id: str) -> str:
    """The id of a message in Evolution's own database."""
    return f"cm{message_id.lower():0>23}"
