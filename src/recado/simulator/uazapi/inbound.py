"""People who write to an instance of uazapi."""

from __future__ import annotations

from typing import Any, NamedTuple

from recado.domain.errors import InvalidInput
from recado.simulator import people
from recado.simulator.instances import fields_of
from recado.simulator.uazapi import bodies
from recado.simulator.uazapi.instances import PROVIDER, Hosted
from recado.simulator.written import Button, Medium, Written, one_content, sender_of


class _Written(Written):
    """``message`` holds fields of uazapi's message, which replace those made here."""

    provider: str = PROVIDER


class _Content(NamedTuple):
    text: str
    message_type: str
    media_type: str
    content: Any
    more: dict[str, object]


def write(instance: Hosted, fields: object) -> dict[str, object]:
    """Have a person write; returns the message's id and whether an address is told.

    Raises:
        InvalidInput: The message makes no sense.

    """
    written = fields_of(_Written, fields, "message")
    wa_id = sender_of(written)
    drawn = instance.draw("inbound")
    message_id = ("3EB0" if written.from_me else "AC") + drawn[:9].hex().upper()
    made = _content(written, plain=bool(drawn[10] % 2))
    more = made.more
    chatid = wa_id + people.USER
    if people.hides_wholly(wa_id, instance.world.settings):
        chatid = people.lid(wa_id)
        more |= {"sender_pn": "", "senderName": people.name(wa_id)}
    if written.group:
        more |= {"sender": people.lid(wa_id), "sender_lid": people.lid(wa_id)}
        more |= {"sender_pn": chatid, "senderName": people.name(wa_id)}
        chatid = written.group
    if written.name:
        more["senderName"] = written.name
    if written.quoted:
        more["quoted"] = written.quoted
    body = bodies.message(
        owner=instance.owner,
        message_id=message_id,
        chatid=chatid,
        at=instance.world.clock.now(),
        from_me=written.from_me,
        text=made.text,
        message_type=made.message_type,
        content=made.content,
        media_type=made.media_type,
        **more,
    )
    for name, value in (written.message or {}).items():
        if name != "content" and type(value) is not type(body.get(name, value)):
            raise InvalidInput("The message's {name} is of the wrong type.", name=name)
        body[name] = value
    instance.messages.append(body)
    return {"id": message_id, "from": wa_id, "called_back": instance.tell_message(body)}


def _content(written: Written, *, plain: bool) -> _Content:
    content = one_content(written)
    if isinstance(content, str):
        # Servers write a plain text as an object, and as the text alone.
        if plain:
            return _Content(content, "Conversation", "", content, {})
        return _Content(content, "ExtendedTextMessage", "", {"text": content}, {})
    if isinstance(content, Button):
        return _tapped(content)
    if isinstance(content, Medium):
        return _medium(content)
    text = content.get("text", "")
    return _Content("", "ExtendedTextMessage", "", {"text": text}, {})


def _tapped(button: Button) -> _Content:
    more: dict[str, object] = {"buttonOrListid": button.id, "vote": button.text}
    if button.list:
        node = {
            "title": button.text,
            "listType": 1,
            "singleSelectReply": {"selectedRowID": button.id},
        }
        return _Content("", "ListResponseMessage", "list_response", node, more)
    if button.plain:
        node = {"selectedButtonID": button.id, "Response": {"SelectedDisplayText": button.text}}
        return _Content("", "ButtonsResponseMessage", "buttons_response", node, more)
    node = {"selectedID": button.id, "selectedDisplayText": button.text, "selectedIndex": 0}
    return _Content("", "TemplateButtonReplyMessage", "template_button_reply", node, more)


def _medium(medium: Medium) -> _Content:
    node: dict[str, object] = {
        "URL": medium.url or "https://mmg.whatsapp.net/simulated.enc",
        "mimetype": medium.mime,
        "fileLength": 18231,
    }
    if medium.caption is not None:
        node["caption"] = medium.caption
    if medium.file_name is not None:
        node["fileName"] = medium.file_name
    if medium.voice:
        node["PTT"] = True
    media_type = "ptt" if medium.voice else medium.type
    return _Content(
        medium.caption or "", f"{medium.type.capitalize()}Message", media_type, node, {}
    )
