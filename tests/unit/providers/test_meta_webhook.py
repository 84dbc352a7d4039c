"""Callbacks of Meta: whose they are, whether they are genuine, and what they tell."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from recado.providers.events import ErrorEvent, InboundEvent, StatusEvent
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
