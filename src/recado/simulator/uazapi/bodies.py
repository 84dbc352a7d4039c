"""The Message that uazapi answers with and tells of."""

from __future__ import annotations

from typing import Any

from recado.simulator import people


def message(
    *,
    owner: str,
    message_id: str,
    chatid: str,
    at: float,
    from_me: bool,
    text: str,
    message_type: str,
    content: Any,
    media_type: str = "",
    **more: object,
) -> dict[str, Any]:
    """A message; ``at`` in unix seconds, which uazapi writes in milliseconds.

    ``more`` replaces any of the fields that are mostly empty.
    """
    group = chatid.endswith(people.GROUP)
    wa_id = people.digits(chatid)
    chatlid = chatid if chatid.endswith(people.LID) else people.lid(wa_id)
    sender = people.lid(owner) if from_me else chatlid
    return {
        "buttonOrListid": "",
        "chatid": chatid,
        "chatlid": "" if group else chatlid,
        "content": content,
        "convertOptions": "",
        "edited": "",
        "fromMe": from_me,
        "groupName": "Unknown",
        "id": f"{owner}:{message_id}",
        "isGroup": group,
        "mediaType": media_type,
        "messageTimestamp": int(at) * 1000,
        "messageType": message_type,
        "messageid": message_id,
        "owner": owner,
        "quoted": "",
        "reaction": "",
        "sender": sender,
        "senderName": "Loja" if from_me else people.name(wa_id),
        "sender_lid": sender,
        "sender_pn": (owner if from_me else wa_id) + people.USER,
        "source": "" if from_me else "android",
        "status": "Pending" if from_me else "",
        "text": text,
        "track_id": "",
        "track_source": "",
        "type": "media" if media_type else "text",
        "vote": "",
        "wasSentByApi": False,
        **more,
    }
