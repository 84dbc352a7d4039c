"""What the simulator calls back with, and how it insists."""

import hashlib
import hmac
from collections.abc import Iterator

import pytest

from recado.simulator.testing import Receiver, Simulator

SECRET = "app-secret"
QUICK = {
    "sent_ms": 0,
    "delivered_ms": 20,
    "read_ms": 40,
    "batch_ms": 10,
    "read_share": 1.0,
    "retry_first_ms": 10,
    "retry_max_ms": 20,
    "retry_attempts": 4,
    "window": False,
    "delivered_share": 1.0,
    "batch_max": 100,
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7) as running:
        yield running


@pytest.fixture
def receiver(simulator: Simulator) -> Iterator[Receiver]:
    simulator.control("reset", {"channels": True})
    simulator.control("settings", QUICK)
    with Receiver() as listening:
        simulator.control("channels", registration(listening.url))
        yield listening
        simulator.control("reset", {"channels": True})


def registration(url: str, **changes: object) -> dict[str, object]:
    return {
        "provider": "meta",
        "phone_number_id": "100001",
        "waba_id": "200001",
        "display_phone_number": "+55 11 5555-0001",
        "access_token": "secret",
        "app_secret": SECRET,
        "callback_url": url,
        **changes,
    }


def names(receiver: Receiver) -> list[str]:
    return [status["status"] for status in receiver.statuses()]


def test_an_accepted_message_is_called_back_as_sent_delivered_and_read(
    simulator: Simulator, receiver: Receiver
) -> None:
    answer = simulator.text("5531999990001", reference="1.1.1").json()
    receiver.wait(lambda: len(receiver.statuses()) == 3)
    statuses = receiver.statuses()
    assert names(receiver) == ["sent", "delivered", "read"]
    for status in statuses:
        assert status["id"] == answer["messages"][0]["id"]
        assert status["recipient_id"] == "553199990001"
        assert status["biz_opaque_callback_data"] == "1.1.1"
        assert status["timestamp"].isdecimal()
    assert statuses[0]["pricing"]["pricing_model"] == "PMP"
    assert "pricing" not in statuses[2]
    value = receiver.callbacks[0].values()[0]
    assert value["metadata"] == {
        "display_phone_number": "551155550001",
        "phone_number_id": "100001",
    }


def test_callbacks_are_signed_over_their_exact_ascii_bytes(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control(
        "inbound", {"channel": "100001", "from": "5531999990001", "name": "Zé", "text": "Olá 👍"}
    )
    receiver.wait(receiver.messages)
    callback = receiver.callbacks[0]
    assert callback.body.isascii()
    assert b"Ol\\u00e1 \\ud83d\\udc4d" in callback.body
    expected = hmac.new(SECRET.encode(), callback.body, hashlib.sha256).hexdigest()
    assert callback.headers["x-hub-signature-256"] == f"sha256={expected}"
    assert receiver.messages()[0]["text"]["body"] == "Olá 👍"


def test_a_contact_writes_with_the_id_that_whatsapp_knows_it_by(
    simulator: Simulator, receiver: Receiver
) -> None:
    button = {"type": "button", "button": {"payload": "SAIR", "text": "Parar de receber"}}
    written = simulator.control(
        "inbound", {"channel": "100001", "from": "+5531999990001", "name": "Ana", "message": button}
    )
    receiver.wait(receiver.messages)
    value = receiver.callbacks[0].values()[0]
    assert value["messages"][0]["from"] == "553199990001"
    assert value["messages"][0]["id"] == written["id"]
    assert value["messages"][0]["button"]["payload"] == "SAIR"
    assert value["contacts"][0]["profile"]["name"] == "Ana"
    assert value["contacts"][0]["wa_id"] == "553199990001"


def test_updates_that_are_due_together_share_a_callback_up_to_the_limit(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control(
        "settings", {"batch_ms": 1000, "batch_max": 7, "read_share": 0, "delivered_share": 0}
    )
    for n in range(20):
        simulator.text(f"55119999900{n:02}")
    receiver.wait(lambda: len(receiver.statuses()) == 20)
    sizes = [len(callback.values()[0]["statuses"]) for callback in receiver.callbacks]
    assert max(sizes) == 7
    assert len(sizes) <= 2 + 20 // 7 + 1


def test_a_callback_is_repeated_until_it_is_taken(simulator: Simulator, receiver: Receiver) -> None:
    simulator.control("settings", {"read_share": 0, "delivered_share": 0})
    receiver.answers[:] = [500, 404, 202]
    simulator.text("5511999990001")
    receiver.wait(lambda: len(receiver.callbacks) == 4)
    assert len({callback.body for callback in receiver.callbacks}) == 1
    callbacks = simulator.settle()
    assert (callbacks["sent"], callbacks["failed"], callbacks["retries"]) == (1, 0, 3)


def test_a_callback_that_nobody_takes_is_given_up(simulator: Simulator, receiver: Receiver) -> None:
    simulator.control("settings", {"read_share": 0, "delivered_share": 0})
    receiver.answers[:] = [500] * 10
    simulator.text("5511999990001")
    callbacks = simulator.settle()
    assert (callbacks["sent"], callbacks["failed"], callbacks["posts"]) == (0, 1, 4)


def test_callbacks_wait_for_a_receiver_that_is_away(simulator: Simulator) -> None:
    with Receiver() as gone:
        url = gone.url
    simulator.control("settings", {**QUICK, "retry_attempts": 1000})
    simulator.control("channels", registration(url))
    simulator.text("5511999990001")
    assert simulator.control("stats")["callbacks"]["pending"] == 3
    simulator.control("reset", {"channels": True})
    assert simulator.control("stats")["callbacks"]["pending"] == 0


def test_a_number_that_nobody_registered_calls_nobody_back(
    simulator: Simulator, receiver: Receiver
) -> None:
    assert simulator.text("5511999990001", channel="999999").status == 200
    assert simulator.control("stats")["callbacks"]["pending"] == 0


def test_a_share_of_messages_is_read_and_the_seed_says_which(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("settings", {"read_share": 0.5, "read_ms": 0, "delivered_ms": 0})
    outcomes = []
    for _ in range(2):
        receiver.callbacks.clear()
        simulator.control("reset", {})
        for n in range(40):
            simulator.text(f"55119999900{n:02}", reference=f"{n}.1.1")
        simulator.settle()
        outcomes.append(
            {s["biz_opaque_callback_data"] for s in receiver.statuses() if s["status"] == "read"}
        )
    assert outcomes[0] == outcomes[1]
    assert 8 < len(outcomes[0]) < 32


def test_outside_the_window_a_free_message_fails_by_callback_and_a_template_does_not(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.control("settings", {"window": True})
    assert simulator.text("5511999990001").status == 200
    receiver.wait(receiver.statuses)
    assert receiver.statuses()[0]["errors"][0]["code"] == 131047
    receiver.callbacks.clear()
    template = {"name": "hello_world", "language": {"code": "en_US"}}
    simulator.send({"to": "5511999990001", "type": "template", "template": template})
    receiver.wait(lambda: len(receiver.statuses()) == 3)
    receiver.callbacks.clear()
    simulator.control("inbound", {"channel": "100001", "from": "5511999990001", "text": "oi"})
    simulator.text("5511999990001")
    receiver.wait(lambda: len(receiver.statuses()) == 3)
    assert receiver.statuses()[0]["pricing"]["type"] == "free_customer_service"


def test_two_apps_at_one_address_sign_with_their_own_secrets(
    simulator: Simulator, receiver: Receiver
) -> None:
    other = registration(
        receiver.url, phone_number_id="100002", waba_id="200002", app_secret="another"
    )
    simulator.control("channels", other)
    simulator.control("settings", {"read_share": 0, "delivered_share": 0})
    simulator.text("5511999990001")
    simulator.text("5511999990001", channel="100002")
    receiver.wait(lambda: len(receiver.statuses()) == 2)
    for callback in receiver.callbacks:
        number = callback.values()[0]["metadata"]["phone_number_id"]
        secret = {"100001": SECRET, "100002": "another"}[number]
        expected = hmac.new(secret.encode(), callback.body, hashlib.sha256).hexdigest()
        assert callback.headers["x-hub-signature-256"] == f"sha256={expected}"


def test_a_subscription_is_verified_before_callbacks_go_there(
    simulator: Simulator, receiver: Receiver
) -> None:
    headers = {"Authorization": "Bearer secret"}
    path = "/meta/v23.0/200001/subscribed_apps"
    with Receiver(verify_token="right") as other:
        wrong = {"override_callback_uri": other.url, "verify_token": "wrong"}
        reply = simulator.call("POST", path, wrong, headers=headers)
        assert reply.status == 400
        assert reply.json()["error"]["code"] == 2200
        right = {"override_callback_uri": other.url, "verify_token": "right"}
        assert simulator.call("POST", path, right, headers=headers).json() == {"success": True}
        simulator.text("5511999990001")
        other.wait(lambda: len(other.statuses()) == 3)
    assert receiver.callbacks == []
