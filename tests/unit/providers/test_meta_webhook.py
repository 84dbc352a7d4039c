"""Callbacks of Meta: whose they are, whether they are genuine, and what they tell."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from recado.providers import events
from recado.providers.events import (
    CallbackEvent,
    CallEvent,
    EchoEvent,
    EditEvent,
    ErrorEvent,
    InboundEvent,
    OtherEvent,
    PersonChangedEvent,
    ReactionEvent,
    RevokeEvent,
    StatusEvent,
)
from recado.providers.meta import webhook

SECRET = "um segredo de teste"


def callback(*statuses: object, number: str = "111111", **value: object) -> bytes:
    change = {
        "field": "messages",
        "value": {
            "metadata": {"phone_number_id": number},
            "statuses": list(statuses),
            **value,
        },
    }
    return msgspec.json.encode({"object": "x", "entry": [{"id": "1", "changes": [change]}]})


def status(**more: Any) -> dict[str, Any]:
    return {"id": "wamid.A", "status": "sent", "timestamp": "1760000000", **more}


def test_a_genuine_callback_is_known_by_its_signature_over_the_raw_bytes() -> None:
    body = callback(status())
    headers = {"x-hub-signature-256": webhook.sign(SECRET, body)}
    assert webhook.verify(SECRET, headers, body)
    assert not webhook.verify(SECRET, headers, body + b" ")
    assert not webhook.verify("another", headers, body)


@pytest.mark.parametrize("given", ["", "sha256=", "sha256=é" * 9, "sha1=00", "x" * 100_000])
def test_a_forged_signature_is_refused_without_a_stumble(given: str) -> None:
    assert not webhook.verify(SECRET, {"x-hub-signature-256": given}, b"{}")
    assert not webhook.verify(SECRET, {}, b"{}")


def test_without_a_secret_nothing_is_genuine() -> None:
    headers = {"x-hub-signature-256": webhook.sign("", b"{}")}
    assert not webhook.verify("", headers, b"{}")


def test_a_status_is_read_with_our_reference() -> None:
    body = callback(
        status(biz_opaque_callback_data="7.1.2", recipient_id="553199", status="delivered")
    )
    assert webhook.parse(body) == [
        StatusEvent(
            external_id="111111",
            account_id="1",
            provider_id="wamid.A",
            status="delivered",
            at=datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC),
            reference="7.1.2",
            recipient="553199",
        )
    ]


def test_a_failure_carries_its_code() -> None:
    (event,) = webhook.parse(callback(status(status="failed", errors=[{"code": "131026"}])))
    assert isinstance(event, StatusEvent)
    assert event.fault is not None
    assert event.fault.code == "131026"


@pytest.mark.parametrize("timestamp", [None, "", "x", "1e400", "nan", -1e300, [], {}, True])
def test_a_time_that_cannot_be_read_is_long_ago(timestamp: object) -> None:
    (event,) = webhook.parse(callback(status(timestamp=timestamp)))
    assert isinstance(event, StatusEvent)
    assert event.at.year == 1970


@pytest.mark.parametrize("timestamp", ["1760000000", 1760000000, "1760000000000", 1760000000000])
def test_a_time_may_be_in_seconds_or_milliseconds(timestamp: object) -> None:
    (event,) = webhook.parse(callback(status(timestamp=timestamp)))
    assert isinstance(event, StatusEvent)
    assert event.at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "errors",
    [None, {}, "x", [None], [7], [[]], [{"code": 1e300}], [{"code": None, "error_data": []}]],
)
def test_an_odd_error_does_not_hide_the_status(errors: object) -> None:
    (event,) = webhook.parse(callback(status(status="failed", errors=errors)))
    assert isinstance(event, StatusEvent)
    assert event.status == "failed"


@pytest.mark.parametrize("item", [None, 7, "x", [], {}])
def test_odd_items_are_passed_over(item: object) -> None:
    events = webhook.parse(callback(item, status()))
    assert [e.status for e in events if isinstance(e, StatusEvent)][-1] == "sent"


def test_what_postgresql_does_not_take_is_left_out() -> None:
    (event,) = webhook.parse(
        callback(
            status(
                id="wamid.\0" + "x" * 9000,
                status="fai\0led",
                errors=[{"code": 1, "error_data": {"details": "\0bad"}}],
            )
        )
    )
    assert isinstance(event, StatusEvent)
    assert event.fault is not None
    assert (event.status, event.fault.detail) == ("failed", "bad")
    assert event.provider_id == ("wamid." + "x" * 9000)[:512]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000, b"null"])
def test_what_is_not_a_callback_is_told_apart_by_one_kind_of_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        webhook.parse(body)
    assert webhook.external_ids(body) == set()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"entry": None},
        {"entry": [None, {}, {"changes": 5}, {"changes": [{"value": None}, {"value": []}]}]},
        {"entry": [{"changes": [{"field": "messages", "value": {"metadata": []}}]}]},
    ],
)
def test_an_envelope_without_content_tells_nothing(document: object) -> None:
    assert webhook.parse(msgspec.json.encode(document)) == []


def test_messages_and_errors_are_kept_beside_the_statuses() -> None:
    message = {"id": "a", "from": "553199", "timestamp": "1760000000"}
    body = callback(status(), messages=[message], errors=[{"code": 130429}])
    _, inbound, other = webhook.parse(body)
    at = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert inbound == InboundEvent(
        external_id="111111",
        account_id="1",
        at=at,
        sender="553199",
        message_id="a",
        payload=message,
    )
    assert isinstance(other, ErrorEvent)
    assert other.fault.code == "130429"


def test_a_workspace_sees_its_own_numbers_share_alone() -> None:
    one, other = (
        msgspec.json.decode(callback(status(id=f"wamid.{n}"), number=n)) for n in ("111", "222")
    )
    both = msgspec.json.encode({"object": "x", "entry": one["entry"] + other["entry"]})
    assert webhook.external_ids(both) == {"111", "222"}
    (event,) = webhook.parse(webhook.only(both, "222"))
    assert isinstance(event, StatusEvent)
    assert event.provider_id == "wamid.222"
    assert b"wamid.111" not in webhook.only(both, "222")


@pytest.mark.parametrize(
    ("token", "query", "answer"),
    [
        ("t", {"hub.mode": "subscribe", "hub.verify_token": "t", "hub.challenge": "42"}, "42"),
        ("t", {"hub.mode": "subscribe", "hub.verify_token": "t"}, ""),
        ("t", {"hub.mode": "subscribe", "hub.verify_token": "x", "hub.challenge": "42"}, None),
        ("t", {"hub.mode": "unsubscribe", "hub.verify_token": "t"}, None),
        ("", {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "42"}, None),
        ("t", {}, None),
        ("té", {"hub.mode": "subscribe", "hub.verify_token": "té", "hub.challenge": "4"}, "4"),
    ],
)
def test_an_address_is_verified_by_our_token(
    token: str, query: dict[str, str], answer: str | None
) -> None:
    assert webhook.handshake(token, query) == answer


ANA = {"profile": {"name": "Ana"}, "wa_id": "553199990001", "user_id": "BR.1"}


def written(contact: object = ANA, **message: Any) -> CallbackEvent:
    said = {"from": "553199990001", "id": "wamid.M", "timestamp": "1760000000", **message}
    (event,) = webhook.parse(callback(messages=[said], contacts=[contact]))
    return event


def account(field: str, value: dict[str, Any], **entry: Any) -> list[CallbackEvent]:
    changes = [{"field": field, "value": value}]
    return webhook.parse(
        msgspec.json.encode({"entry": [{"id": "77", "changes": changes, **entry}]})
    )


@pytest.mark.parametrize(
    ("message", "text", "choice"),
    [
        ({"type": "text", "text": {"body": "Oi"}}, "Oi", None),
        ({"type": "video", "video": {"id": "1", "caption": "Veja"}}, "Veja", None),
        ({"type": "button", "button": {"payload": "p", "text": "Parar"}}, "Parar", "p"),
        ({"type": "button", "button": {"payload": "p"}}, "p", "p"),
        (
            {
                "type": "interactive",
                "interactive": {
                    "type": "list_reply",
                    "list_reply": {"id": "r", "title": "Linha", "description": "x"},
                },
            },
            "Linha",
            "r",
        ),
        (
            {
                "type": "interactive",
                "interactive": {
                    "type": "nfm_reply",
                    "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"},
                },
            },
            "Sent",
            None,
        ),
        ({"type": "order", "order": {"text": "dois", "product_items": []}}, "dois", None),
        ({"type": "location", "location": {"latitude": 1, "longitude": "x"}}, "", None),
        ({"type": "brand_new", "brand_new": {}}, "", None),
    ],
)
def test_what_a_person_would_read_is_found_in_each_kind(
    message: dict[str, Any], text: str, choice: str | None
) -> None:
    event = written(**message)
    assert isinstance(event, InboundEvent)
    assert (event.text, event.choice, event.kind) == (text, choice, message["type"])
    assert (event.name, event.user_id) == ("Ana", "BR.1")


def test_a_file_is_told_with_what_is_known_of_it() -> None:
    event = written(
        type="audio",
        audio={"id": "9", "mime_type": "audio/ogg; codecs=opus", "voice": True, "url": "https://l"},
    )
    assert isinstance(event, InboundEvent)
    assert event.media == events.ReceivedMedia(
        "9", "audio/ogg; codecs=opus", voice=True, url="https://l"
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"from": None, "from_user_id": "BR.2"}, ("", "BR.2")),
        ({"from": "BR.2"}, ("", "BR.2")),
        ({"from": None}, ("553199990001", "BR.1")),
        ({"from": "+55 31 9999"}, ("553199990001", "BR.1")),
    ],
)
def test_a_person_may_come_without_a_number(
    message: dict[str, Any], expected: tuple[str, str]
) -> None:
    contact = {"user_id": "BR.2"} if "BR.2" in str(message) else ANA
    event = written(contact, type="text", text={"body": "Oi"}, **message)
    assert isinstance(event, InboundEvent)
    assert event.sender == expected[0]
    assert event.user_id is not None


@pytest.mark.parametrize(
    "message",
    [
        {"type": "request_welcome"},
        {"type": "ephemeral"},
        {"type": "text", "text": {"body": "Oi"}, "group_id": "g1"},
    ],
)
def test_what_nobody_wrote_to_us_is_told_apart(message: dict[str, Any]) -> None:
    assert isinstance(written(**message), OtherEvent)


def test_a_message_of_nobody_is_told_apart() -> None:
    assert isinstance(written({}, type="text", **{"from": None}), OtherEvent)


def test_what_is_about_another_message_names_it() -> None:
    reaction = written(type="reaction", reaction={"message_id": "wamid.A"})
    assert isinstance(reaction, ReactionEvent)
    assert (reaction.of, reaction.emoji) == ("wamid.A", "")
    text = {"type": "text", "text": {"body": "Novo"}}
    edit = written(type="edit", edit={"original_message_id": "wamid.A", "message": text})
    assert isinstance(edit, EditEvent)
    assert (edit.of, edit.text) == ("wamid.A", "Novo")
    revoke = written(type="revoke", revoke={"original_message_id": "wamid.A"})
    assert isinstance(revoke, RevokeEvent)
    assert revoke.of == "wamid.A"


@pytest.mark.parametrize("key", ["wa_id", "new_wa_id"])
def test_a_new_number_is_told(key: str) -> None:
    system = {"type": "user_changed_number", "body": "x", key: "5511999990009"}
    event = written({}, type="system", system=system)
    assert isinstance(event, PersonChangedEvent)
    assert (event.sender, event.new_sender) == ("553199990001", "5511999990009")


def test_a_message_typed_on_the_phone_is_an_echo() -> None:
    message = {"to": "553199990001", "id": "wamid.E", "type": "text", "text": {"body": "Oi"}}
    (event,) = account(
        "smb_message_echoes",
        {"metadata": {"phone_number_id": "111"}, "message_echoes": [message]},
    )
    assert isinstance(event, EchoEvent)
    assert (event.by, event.recipient, event.text) == ("phone", "553199990001", "Oi")
    assert event.external_id == "111"


def test_a_call_is_told_with_who_called() -> None:
    calls = [
        {"id": "c1", "from": "553199990001", "event": "connect", "direction": "USER_INITIATED"},
        {"id": "c2", "to": "553199990001", "event": "x", "direction": "BUSINESS_INITIATED"},
    ]
    found = account("calls", {"metadata": {"phone_number_id": "111"}, "calls": calls})
    assert [(e.incoming, e.sender) for e in found if isinstance(e, CallEvent)] == [
        (True, "553199990001"),
        (False, "553199990001"),
    ]


def test_statuses_of_groups_are_not_ours() -> None:
    (event,) = webhook.parse(callback(status(recipient_type="group", recipient_id="g1")))
    assert isinstance(event, OtherEvent)


def test_a_ban_and_a_restriction_stop_an_account() -> None:
    ban = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": ["DISABLE"]}}
    (event,) = account("account_update", ban, time=1760000000)
    assert isinstance(event, events.AccountEvent)
    assert (event.stops_sending, event.account_id) == (True, "77")
    assert event.at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    (event,) = account("account_update", {"event": "PARTNER_ADDED"})
    assert isinstance(event, events.AccountEvent)
    assert not event.stops_sending


@pytest.mark.parametrize(
    ("limit", "people"),
    [(2000, 2000), ("2000", 2000), ("TIER_2K", 2000), (-1, None), ("TIER_UNLIMITED", None)],
)
def test_how_many_people_an_account_may_reach_is_told(limit: object, people: int | None) -> None:
    value = {"max_daily_conversations_per_business": limit}
    (event,) = account("business_capability_update", value)
    assert isinstance(event, events.CapabilityEvent)
    assert event.people == people


@pytest.mark.parametrize("limit", [None, [], {}, True, "TIER_NEW", "x", 10**15])
def test_a_limit_that_cannot_be_read_lifts_none(limit: object) -> None:
    value = {"max_daily_conversations_per_business": limit}
    assert isinstance(account("business_capability_update", value)[0], OtherEvent)


def test_a_denied_limit_is_told() -> None:
    alert = {"alert_type": "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED"}
    for value in (alert, {"alert_info": alert}):
        (event,) = account("account_alerts", value)
        assert isinstance(event, events.AccountEvent)
        assert event.event == "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED"


def test_a_pause_in_small_letters_is_a_pause() -> None:
    value = {"event": "paused", "message_template_language": "pt-BR", "reason": "NONE"}
    (event,) = account("message_template_status_update", value)
    assert isinstance(event, events.TemplateStatusEvent)
    assert (event.status, event.language, event.reason) == ("PAUSED", "pt_BR", "")


def test_what_concerns_an_account_goes_to_those_who_have_it() -> None:
    first = {"id": "77", "changes": [{"field": "account_update", "value": {"event": "X"}}]}
    second = msgspec.json.decode(callback(status(), number="222"))["entry"][0]
    body = msgspec.json.encode({"entry": [first, second]})
    assert webhook.account_ids(body) == {"77"}
    assert [type(e) for e in webhook.parse(webhook.only(body, "222"))] == [StatusEvent]
    assert len(webhook.parse(webhook.only(body, "222", "77"))) == 2
    assert len(webhook.parse(webhook.only(body, "333", "77"))) == 1
    assert webhook.parse(webhook.only(body, "333", "78")) == []


def test_what_has_no_time_has_that_of_its_arrival() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    (event,) = webhook.parse(callback(status(timestamp=None)), now)
    assert event.at == now
