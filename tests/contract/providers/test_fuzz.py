"""Nothing that can be called back breaks a parser: odd values, odd shapes, odd bytes.

Short here; RECADO_FUZZ_SECONDS=600 makes it long.
"""

import json
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.providers.rows import ROWS, Row
from tests.support.mutations import mutated

from recado.providers.base import CallbackEvent

SECRETS = dict.fromkeys(("app_secret", "webhook_secret", "token"), "o segredo de ninguém")
ARRIVED = datetime(2026, 11, 20, tzinfo=UTC)
SECONDS = float(os.environ.get("RECADO_FUZZ_SECONDS", "0"))
EXAMPLES = 80
BENT = 300
# The collected callbacks, where they are at hand.
VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
FOLDERS = {
    "meta": ("facebook-openapi/webhooks", "meta-docs", "melgarafael-deskcommcrm"),
    "evolution": ("evolution-source-derived",),
    "uazapi": ("uazapi-derived",),
}

_WORDS = st.sampled_from(
    [
        *("messages", "statuses", "user_preferences", "calls", "account_update", "errors", "value"),
        *("message_template_status_update", "phone_number_quality_update", "message_echoes"),
        *("business_capability_update", "message_template_quality_update", "account_alerts"),
        *("template_category_update", "smb_message_echoes", "text", "image", "interactive"),
        *("system", "reaction", "edit", "revoke", "button", "location", "unsupported", "failed"),
        *("button_reply", "list_reply", "BR.1", "5531999990001", "1760000000", "stop", "-1"),
    ]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    _WORDS,
)
_KEYS = st.sampled_from(
    [
        *("id", "from", "from_user_id", "to", "type", "timestamp", "text", "body", "context"),
        *("group_id", "errors", "code", "error_data", "details", "status", "recipient_id"),
        *("recipient_user_id", "biz_opaque_callback_data", "pricing", "category", "wa_id"),
        *("user_id", "profile", "name", "interactive", "button_reply", "system", "edit", "revoke"),
        *("message", "original_message_id", "reaction", "image", "location", "latitude"),
        *("event", "message_template_id", "other_info", "restriction_info", "expiration"),
        *("ban_info", "waba_ban_state", "max_daily_conversations_per_business", "current_limit"),
        *("display_phone_number", "direction", "alert_info", "alert_type", "recipient_type"),
    ]
)
_NODES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=25,
)
_ITEMS = st.lists(st.dictionaries(_KEYS, _NODES, max_size=10) | _NODES, max_size=3) | _NODES
_LISTS = ("messages", "statuses", "contacts", "errors", "user_preferences", "calls")
_MORE = ("message_echoes", "event", "restriction_info", "ban_info", "other_info")
_MOST = ("max_daily_conversations_per_business", "message_template_language")
_VALUES = st.fixed_dictionaries(
    {"metadata": st.fixed_dictionaries({"phone_number_id": _SCALARS}) | _NODES},
    optional=dict.fromkeys((*_LISTS, *_MORE, *_MOST), _ITEMS),
)
_CHANGES = st.fixed_dictionaries({"field": _WORDS | _SCALARS, "value": _VALUES | _NODES})
_ENTRIES = st.fixed_dictionaries(
    {"id": _SCALARS, "changes": st.lists(_CHANGES | _NODES, max_size=3)},
    optional={"time": _SCALARS},
)
# One row a parser: some providers share theirs.
PARSERS = list({row.adapter.parse.__qualname__: row for row in ROWS}.values())
_META = st.fixed_dictionaries({"entry": st.lists(_ENTRIES | _NODES, max_size=3)}) | _NODES

_IDS = st.sampled_from(
    [
        *("5531999990001@s.whatsapp.net", "5531999990001:12@s.whatsapp.net", "1000@lid", ""),
        *("120363000000000001@g.us", "status@broadcast", "5531999990001", "@lid"),
    ]
)
_EVOLUTIONS_MESSAGES = [
    *("conversation", "extendedTextMessage", "imageMessage", "audioMessage", "documentMessage"),
    *("reactionMessage", "protocolMessage", "editedMessage", "ephemeralMessage", "message"),
    *("templateButtonReplyMessage", "listResponseMessage", "locationMessage", "contactMessage"),
]
_EVOLUTIONS_KEYS = st.sampled_from(
    [
        *_EVOLUTIONS_MESSAGES,
        *("text", "caption", "key", "id", "type", "selectedId", "selectedDisplayText", "title"),
        *("singleSelectReply", "selectedRowId", "mimetype", "fileName", "ptt", "url", "base64"),
        *("degreesLatitude", "degreesLongitude", "contextInfo", "stanzaId", "pairingCode", "code"),
    ]
)


def _of(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        _SCALARS | _IDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=25,
    )


def _some(keys: tuple[str, ...], nodes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, nodes)) | nodes


_ANY = _of(_EVOLUTIONS_KEYS)
_DATA = st.fixed_dictionaries(
    {},
    optional={
        "key": _some(("remoteJid", "remoteJidAlt", "fromMe", "id"), _ANY),
        "message": _some(tuple(_EVOLUTIONS_MESSAGES), _ANY),
        "qrcode": _some(("base64", "code", "pairingCode"), _ANY),
        **dict.fromkeys(("keyId", "remoteJid", "fromMe", "status", "state", "wuid"), _ANY),
        **dict.fromkeys(("messageType", "messageTimestamp", "pushName", "contextInfo"), _ANY),
        **dict.fromkeys(("statusReason", "disconnectionReasonCode", "editedMessage"), _ANY),
    },
)
_EVOLUTIONS_EVENTS = st.sampled_from(
    [
        *("messages.upsert", "messages.update", "messages.delete", "messages.edited"),
        *("send.message", "connection.update", "status.instance", "qrcode.updated", "contacts.x"),
    ]
)
_EVOLUTION = (
    st.fixed_dictionaries(
        {"event": _EVOLUTIONS_EVENTS | _SCALARS, "data": _DATA | st.lists(_DATA, max_size=2)},
        optional={"instance": _SCALARS, "sender": _IDS | _SCALARS},
    )
    | _ANY
)
_UAZAPIS_KINDS = st.sampled_from(
    [
        *("Conversation", "ExtendedTextMessage", "ImageMessage", "AudioMessage", "StickerMessage"),
        *("ReactionMessage", "ProtocolMessage", "ButtonsResponseMessage", "ListResponseMessage"),
        *("LocationMessage", "ContactMessage", "TemplateButtonReplyMessage", "true", "False"),
    ]
)
_UAZAPI = (
    st.fixed_dictionaries(
        {
            "EventType": st.sampled_from(["messages", "messages_update", "connection", "chats"]),
            "message": _some(
                (
                    *("chatid", "chatlid", "sender", "sender_pn", "sender_lid", "fromMe", "text"),
                    *("messageType", "content", "messageTimestamp", "isGroup", "wasSentByApi"),
                    *("quoted", "reaction", "edited", "buttonOrListid", "vote", "track_id", "id"),
                    *("messageid", "status", "mediaType", "senderName"),
                ),
                _UAZAPIS_KINDS | _ANY,
            ),
            "event": _some(
                (
                    *("MessageIDs", "Chat", "Sender", "sender_pn", "IsFromMe", "IsGroup"),
                    *("Timestamp", "Type"),
                ),
                _ANY,
            ),
            "instance": _some(
                ("status", "lastDisconnectReason", "qrcode", "paircode", "owner"), _ANY
            ),
        },
        optional={"instanceName": _SCALARS, "owner": _IDS | _SCALARS, "state": _SCALARS},
    )
    | _ANY
)
SHAPES = {"meta": _META, "evolution": _EVOLUTION, "uazapi": _UAZAPI}


def swallow(row: Row, body: bytes) -> None:
    """Have a callback read in every way; only one kind of error may come of it."""
    adapter = row.adapter
    for number in (*adapter.external_ids(body), "1"):
        try:
            share = adapter.only(body, number, "1")
        except ValueError:
            continue
        assert adapter.external_ids(share) <= {number}
    adapter.account_ids(body)
    assert not adapter.verify(SECRETS, {}, body)
    try:
        events = adapter.parse(body, arrived=ARRIVED)
    except ValueError:
        return
    for event in events:
        assert isinstance(event, CallbackEvent)
        assert event.at.tzinfo is not None


@pytest.mark.timeout(SECONDS + 180)
@pytest.mark.parametrize("row", PARSERS, ids=lambda row: row.name)
def test_no_callback_breaks_a_parser(row: Row) -> None:
    until = time.monotonic() + SECONDS / len(PARSERS)

    @settings(
        max_examples=EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(SHAPES[row.played_as], st.binary(max_size=12), st.integers(0, 400))
    def feed(document: object, noise: bytes, at: int) -> None:
        body = msgspec.json.encode(document)
        swallow(row, body)
        swallow(row, body[:at] + noise + body[at + len(noise) :])

    feed()
    while time.monotonic() < until:  # each round draws anew
        feed()


@pytest.mark.timeout(SECONDS + 180)
@pytest.mark.skipif(not VECTORS.is_dir(), reason="the examples are not part of Recado")
@pytest.mark.parametrize("row", PARSERS, ids=lambda row: row.name)
def test_no_example_bent_out_of_shape_breaks_a_parser(row: Row) -> None:
    until = time.monotonic() + SECONDS / len(PARSERS)
    folders = [VECTORS / name for name in FOLDERS[row.played_as]]
    paths = sorted(path for folder in folders for path in folder.glob("*.json"))
    documents = [json.loads(path.read_text()) for path in paths]
    chance, done = random.Random(1), 0
    while done < BENT or time.monotonic() < until:
        swallow(row, mutated(chance.choice(documents), chance))
        done += 1
