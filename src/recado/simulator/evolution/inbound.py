"""People who write to an instance of Evolution, and what changes messages later."""

from __future__ import annotations

from typing import Any

from recado.domain.errors import InvalidInput
from recado.simulator import people
from recado.simulator.evolution.instances import PROVIDER, V236, Evolved
from recado.simulator.evolution.sending import remote_jid, row_id
from recado.simulator.instances import fields_of
from recado.simulator.written import Button, Medium, Written, one_content, sender_of


class _Written(Written):
    """Also ``deleted`` or ``edited``, the id of a message of ours that was taken back or changed.

    ``message`` is Evolution's ``message`` node.
    """

    provider: str = PROVIDER
    deleted: str | None = None
    edited: str | None = None


def write(instance: Evolved, fields: object) -> dict[str, object]:
    """Have a person write; returns the message's id and whether an address is told.

    Raises:
        InvalidInput: The message makes no sense.

    """
    written = fields_of(_Written, fields, "message")
    wa_id = sender_of(written)
    if written.deleted is not None:
        return _deleted(instance, written.deleted, wa_id)
    if written.edited is not None:
        return _edited(instance, written.edited, wa_id, written.text or "")
    kind, message = _content(written)
    message_id = "3A" + instance.draw("inbound")[:9].hex().upper()
    data = {
        "key": _key(instance, wa_id, message_id, written),
        "pushName": "Você" if written.from_me else written.name or people.name(wa_id),
        "status": "SERVER_ACK" if written.from_me else "DELIVERY_ACK",
        "message": message,
        "contextInfo": _context(instance, written.quoted),
        "messageType": kind,
        "messageTimestamp": int(instance.world.clock.now()),
        "instanceId": instance.id,
        "source": "unknown" if written.from_me else "android",
    }
    instance.call_back("messages.upsert", data)
    return _told(instance, message_id, wa_id, "messages.upsert")


def _key(instance: Evolved, wa_id: str, message_id: str, written: _Written) -> dict[str, object]:
    jid = wa_id + people.USER
    key: dict[str, object] = {"remoteJid": jid, "fromMe": written.from_me, "id": message_id}
    settings = instance.world.settings
    if written.group:
        return {**key, "remoteJid": written.group, "participant": jid}
    if people.hides_wholly(wa_id, settings):
        return {**key, "remoteJid": people.lid(wa_id), "addressingMode": "lid"}
    if people.hides(wa_id, settings):
        # 2.3.7 puts the number back where the LID was; it stays beside it in both versions.
        remote = people.lid(wa_id) if instance.version == V236 else jid
        return {**key, "remoteJid": remote, "remoteJidAlt": jid, "addressingMode": "lid"}
    return key


def _context(instance: Evolved, quoted: str | None) -> dict[str, object] | None:
    if quoted is None:
        return None
    # What was said is not kept: the id is what matters.
    message = {"conversation": ""}
    return {"stanzaId": quoted, "participant": instance.jid, "quotedMessage": message}


def _content(written: Written) -> tuple[str, Any]:
    content = one_content(written)
    if isinstance(content, str):
        return "conversation", {"conversation": content}
    if isinstance(content, Button):
        return _tapped(content)
    if isinstance(content, Medium):
        return _medium(content)
    kind = next((name for name in content if name != "messageContextInfo"), None)
    if kind is None:
        raise InvalidInput('The message needs a kind: {{"conversation": "Oi"}}.')
    return kind, content


def _tapped(button: Button) -> tuple[str, Any]:
    if button.list:
        node = {
            "title": button.text,
            "listType": 1,
            "singleSelectReply": {"selectedRowId": button.id},
        }
        return "listResponseMessage", {"listResponseMessage": node}
    if button.plain:
        node = {"selectedButtonId": button.id, "selectedDisplayText": button.text, "type": 1}
        return "buttonsResponseMessage", {"buttonsResponseMessage": node}
    node = {"selectedId": button.id, "selectedDisplayText": button.text, "selectedIndex": 0}
    return "templateButtonReplyMessage", {"templateButtonReplyMessage": node}


def _medium(medium: Medium) -> tuple[str, Any]:
    node: dict[str, object] = {
        "url": medium.url or "https://mmg.whatsapp.net/simulated.enc",
        "mimetype": medium.mime,
        "fileLength": "18231",
    }
    if medium.caption is not None:
        node["caption"] = medium.caption
    if medium.file_name is not None:
        node["fileName"] = medium.file_name
    if medium.type == "audio":
        node["ptt"] = medium.voice
    kind = f"{medium.type}Message"
    return kind, {kind: node}


def _deleted(instance: Evolved, message_id: str, wa_id: str) -> dict[str, object]:
    jid = wa_id + people.USER
    data: dict[str, object] = {"remoteJid": jid, "fromMe": True, "id": message_id}
    if instance.version != V236:
        data["status"] = "DELETED"
    instance.call_back("messages.delete", data)
    return _told(instance, message_id, wa_id, "messages.delete")


def _edited(instance: Evolved, message_id: str, wa_id: str, text: str) -> dict[str, object]:
    old = instance.version == V236
    data: dict[str, object] = {
        "keyId": message_id,
        "remoteJid": remote_jid(instance.world, wa_id + people.USER),
        "fromMe": True,
        # An update without a status: each version fills in another one.
        "status": "DELETED" if old else "SERVER_ACK",
        "instanceId": instance.id,
        "messageId": row_id(message_id),
    }
    if not old:
        data["message"] = {"editedMessage": {"message": {"conversation": text}}}
    instance.call_back("messages.update", data)
    return _told(instance, message_id, wa_id, "messages.update")


def _told(instance: Evolved, message_id: str, wa_id: str, event: str) -> dict[str, object]:
    webhook = instance.webhook
    told = webhook is not None and webhook.wants(event)
    return {"id": message_id, "from": wa_id, "called_back": told}
