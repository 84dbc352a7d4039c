"""A message's way through the simulated uazapi: the session, acceptance, events."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from recado.simulator import people
from recado.simulator.faults import Fault, Verdict
from recado.simulator.link import LOGGED_OUT
from recado.simulator.passage import Letter, carry, steps
from recado.simulator.uazapi import bodies, messages, refusals
from recado.simulator.uazapi.instances import PROVIDER, Hosted
from recado.simulator.uazapi.messages import Outgoing
from recado.simulator.uazapi.webhooks import BASE_URL, Receipt
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import World

_DONE = {"status": "success", "message": "Message sent successfully"}
_MEDIA = ("image", "video", "document", "audio", "voice", "sticker")


async def send(world: World, request: Request, instance: Hosted, call: str) -> Answer:
    """Answer a request to send.

    Raises:
        Refusal: uazapi refuses it.
        Dropped: A fault closes the connection.

    """
    world.journal.request(instance.name, world.clock.now())
    outgoing = messages.read(call, messages.read_object(request.body))
    require_session(instance)
    jid = people.jid(outgoing.number)
    wa_id = people.digits(jid)
    if jid.endswith(people.USER) and not people.has_whatsapp(wa_id, world.settings):
        raise refusals.not_on_whatsapp(jid)
    outgoing = outgoing._replace(text=messages.expanded(outgoing.text, wa_id))
    if outgoing.delay_ms:
        await asyncio.sleep(outgoing.delay_ms / 1000)
    to = people.digits(outgoing.number)
    reference = outgoing.track_id or None
    letter = Letter(PROVIDER, instance.name, to, wa_id, outgoing.kind, outgoing.text, reference)
    counter = _Counter(world, instance, outgoing, jid)
    return await carry(world, request, letter, counter, sequence=instance.next_sequence(to))


def failed(instance: Hosted | None, fault: Fault, refusal: refusals.Refusal) -> Answer:
    """What a fault does to an instance, and the answer that it stands for."""
    if fault.kind == "disconnect" and instance is not None:
        instance.link.lose(fault.code or LOGGED_OUT)
    if fault.kind == "error_in_200":
        return json_answer({"error": fault.details or refusals.FAILED})
    return refusal.answer()


def require_session(instance: Hosted) -> None:
    """Refuse where no telephone is linked, or the link is down.

    Raises:
        Refusal: 401 or 500.

    """
    if instance.link.is_open:
        return
    raise refusals.no_session() if instance.link.state == "close" else refusals.not_connected()


class _Counter(NamedTuple):
    world: World
    instance: Hosted
    outgoing: Outgoing
    jid: str

    def message_id(self, drawn: bytes) -> str:
        """3EB0, as WhatsApp's web clients begin, and 18 hex digits."""
        return "3EB0" + drawn[:9].hex().upper()

    def accepted(self, message_id: str, drawn: bytes, verdict: Verdict, at: float) -> Answer:
        """200 with the message and a word of success."""
        instance, outgoing = self.instance, self.outgoing
        content, more = outgoing.content, {}
        if outgoing.kind == "text":
            content = {"text": outgoing.text}
        elif outgoing.kind == "reaction":
            more = {"type": "reaction", "reaction": content["key"]["ID"]}
        body = bodies.message(
            owner=instance.owner,
            message_id=message_id,
            chatid=self.jid,
            at=at,
            from_me=True,
            text=outgoing.text,
            message_type=outgoing.message_type,
            content=content,
            media_type=outgoing.media_type,
            track_id=outgoing.track_id,
            track_source=outgoing.track_source,
            quoted=outgoing.quoted,
            wasSentByApi=True,
            **more,
        )
        instance.messages.append(body)
        if instance.webhooks:
            self._tell(message_id, body, drawn, verdict, at)
        done: dict[str, Any] = dict(_DONE)
        if outgoing.kind in _MEDIA:
            done["fileUrl"] = f"{BASE_URL}/files/{message_id}"
        return json_answer({**body, "response": done})

    def refused(self, fault: Fault) -> Answer:
        """The refusal that a fault stands for."""
        refusal = refusals.by_fault(fault, jid=self.jid)
        if fault.kind != "server_error_after_accept":
            in_200 = fault.kind == "error_in_200"
            self.world.journal.reject(fault.kind if in_200 else refusal.name)
        return failed(self.instance, fault, refusal)

    def _tell(
        self,
        message_id: str,
        body: dict[str, Any],
        drawn: bytes,
        verdict: Verdict,
        at: float,
    ) -> None:
        """Sent is told by the message itself; of failures uazapi tells nothing."""
        instance = self.instance
        for step in steps(self.world.settings, drawn, verdict):
            if step.status == "sent":
                instance.tell_message({**body, "status": "Sent"}, delay=step.leaves)
            elif step.status in ("delivered", "read"):
                state = "Delivered" if step.status == "delivered" else "Read"
                if state == "Read" and self.outgoing.is_voice:
                    state = "Played"
                receipt = Receipt(message_id, int(at + step.happens))
                instance.tell_receipt(self.jid, state, receipt, delay=step.leaves)
