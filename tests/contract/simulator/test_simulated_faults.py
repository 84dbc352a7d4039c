"""Every way in which the simulator can fail on demand."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from recado.providers.meta import errors
from recado.simulator.testing import Receiver, Simulator

TO = "5511999990001"
QUICK = {"sent_ms": 0, "delivered_ms": 20, "read_ms": 40, "batch_ms": 10, "read_share": 1.0}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        running.control("settings", QUICK)
        yield running


@pytest.fixture
def receiver(simulator: Simulator) -> Iterator[Receiver]:
    simulator.control("reset", {"channels": True})
    with Receiver() as listening:
        channel = {
            "provider": "meta",
            "phone_number_id": "100001",
            "access_token": "secret",
            "callback_url": listening.url,
        }
        simulator.control("channels", channel)
        yield listening
        simulator.control("reset", {"channels": True})


def befall(simulator: Simulator, kind: str, **rule: object) -> None:
    fault = {"kind": kind, **{k: rule.pop(k) for k in list(rule) if k not in RULE_FIELDS}}
    simulator.control("faults", {"rules": [{**rule, "fault": fault}]})


RULE_FIELDS = ("match", "rate", "count", "after")


def accepted(simulator: Simulator) -> int:
    count: int = simulator.control("stats")["accepted"]
    return count


def names(receiver: Receiver) -> list[str]:
    return [status["status"] for status in receiver.statuses()]


def test_a_code_refuses_the_message_at_once(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "error", code=131026)
    reply = simulator.text(TO)
    assert reply.status == 400
    error = reply.json()["error"]
    assert error["code"] == 131026
    assert error["message"].startswith("(#131026)")
    assert error["error_data"]["messaging_product"] == "whatsapp"
    assert accepted(simulator) == 0
    assert simulator.control("stats")["rejected"] == {"131026": 1}


def test_a_code_fails_the_message_later(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "async_error", code=131049)
    assert simulator.text(TO, reference="1.1.1").status == 200
    receiver.wait(receiver.statuses)
    simulator.settle()
    assert names(receiver) == ["failed"]
    status = receiver.statuses()[0]
    assert status["errors"][0]["code"] == 131049
    assert status["biz_opaque_callback_data"] == "1.1.1"


def test_a_message_may_fail_after_it_was_sent(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "async_error", code=131026, after_sent=True)
    simulator.text(TO)
    receiver.wait(lambda: len(receiver.statuses()) == 2)
    assert sorted(names(receiver)) == ["failed", "sent"]  # on two connections, in any order


def test_throttling_says_when_to_come_back(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "rate_limited", retry_after=7)
    reply = simulator.text(TO)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "7"
    assert reply.json()["error"]["code"] == 130429
    assert accepted(simulator) == 0


def test_throttling_may_name_a_date_or_use_meta_s_own_header(
    simulator: Simulator, receiver: Receiver
) -> None:
    befall(simulator, "rate_limited", retry_after=90, retry_date=True, code=4)
    reply = simulator.text(TO)
    assert reply.json()["error"]["code"] == 4
    assert 85 < (errors.retry_after(reply.headers) or 0) <= 90
    assert not reply.headers["retry-after"].isdecimal()
    befall(simulator, "rate_limited", regain_minutes=3)
    reply = simulator.text(TO)
    assert "retry-after" not in reply.headers
    assert errors.retry_after(reply.headers) == 180


def test_an_answer_may_have_no_body(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "empty", http=200)
    reply = simulator.text(TO)
    assert (reply.status, reply.body) == (200, b"")
    assert accepted(simulator) == 0


def test_an_error_may_hide_in_a_200(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "error_in_200", code=131000)
    reply = simulator.text(TO)
    assert reply.status == 200
    assert reply.json()["error"]["code"] == 131000
    assert accepted(simulator) == 0


def test_the_edge_may_answer_with_a_page(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "html", http=503)
    reply = simulator.text(TO)
    assert reply.status == 503
    assert reply.headers["content-type"].startswith("text/html")
    assert accepted(simulator) == 0


def test_the_connection_may_drop_before_the_message_is_taken(
    simulator: Simulator, receiver: Receiver
) -> None:
    befall(simulator, "drop")
    with pytest.raises(ConnectionError):
        simulator.text(TO)
    assert accepted(simulator) == 0


def test_the_connection_may_drop_after_the_message_was_taken(
    simulator: Simulator, receiver: Receiver
) -> None:
    befall(simulator, "accept_then_drop")
    with pytest.raises(ConnectionError):
        simulator.text(TO, reference="1.1.1")
    assert accepted(simulator) == 1
    receiver.wait(lambda: len(receiver.statuses()) == 3)
    assert receiver.statuses()[0]["biz_opaque_callback_data"] == "1.1.1"


def test_a_500_may_follow_an_accepted_message(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "server_error_after_accept")
    reply = simulator.text(TO)
    assert reply.status == 500
    assert reply.json()["error"]["code"] == 131000
    assert accepted(simulator) == 1
    receiver.wait(lambda: len(receiver.statuses()) == 3)


def test_a_request_may_hang_and_come_to_nothing(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "hang")
    with pytest.raises(TimeoutError):
        simulator.send({"to": TO, "text": {"body": "Olá"}}, timeout=0.2)
    befall(simulator, "hang", ms=10)
    with pytest.raises(ConnectionError):
        simulator.text(TO)
    assert accepted(simulator) == 0


def test_a_request_may_hang_and_yet_be_taken(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "accept_then_hang")
    with pytest.raises(TimeoutError):
        simulator.send({"to": TO, "text": {"body": "Olá"}}, timeout=0.2)
    assert accepted(simulator) == 1
    befall(simulator, "accept_then_hang", ms=10)
    assert simulator.text(TO).status == 200
    assert accepted(simulator) == 2


def test_callbacks_may_overtake_a_slow_answer(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "latency", ms=30_000)
    with pytest.raises(TimeoutError):
        simulator.send({"to": TO, "text": {"body": "Olá"}}, timeout=0.2)
    receiver.wait(lambda: len(receiver.statuses()) == 3)
    assert accepted(simulator) == 1


def test_callbacks_may_be_lost(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "callback_lost", statuses=["delivered"])
    simulator.text(TO)
    receiver.wait(lambda: len(receiver.statuses()) == 2)
    simulator.settle()
    assert names(receiver) == ["sent", "read"]


def test_callbacks_may_come_twice(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "callback_doubled")
    simulator.text(TO)
    receiver.wait(lambda: len(receiver.statuses()) == 6)
    assert sorted(names(receiver)) == ["delivered"] * 2 + ["read"] * 2 + ["sent"] * 2


def test_callbacks_may_come_in_the_wrong_order(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "callback_reordered")
    simulator.text(TO)
    receiver.wait(lambda: len(receiver.statuses()) == 3)
    assert names(receiver) == ["read", "delivered", "sent"]
    times = [int(status["timestamp"]) for status in receiver.statuses()]
    assert times == sorted(times, reverse=True)


def test_callbacks_may_come_late(simulator: Simulator, receiver: Receiver) -> None:
    befall(simulator, "callback_late", ms=200, statuses=["sent"])
    simulator.text(TO)
    receiver.wait(lambda: len(receiver.statuses()) == 3)
    assert names(receiver) == ["delivered", "read", "sent"]


def test_a_template_may_be_held_for_quality_and_then_fail(
    simulator: Simulator, receiver: Receiver
) -> None:
    rules = [
        {"fault": {"kind": "held", "ms": 10}},
        {"fault": {"kind": "async_error", "code": 132015}},
    ]
    simulator.control("faults", {"rules": rules})
    template = {"name": "hello_world", "language": {"code": "en_US"}}
    reply = simulator.send({"to": TO, "type": "template", "template": template})
    assert reply.json()["messages"][0]["message_status"] == "held_for_quality_assessment"
    receiver.wait(receiver.statuses)
    # Meta's page shows the code of such a failure as a text.
    assert receiver.statuses()[0]["errors"][0]["code"] == "132015"


def test_a_disconnected_number_refuses_until_it_is_registered_again(
    simulator: Simulator, receiver: Receiver
) -> None:
    befall(simulator, "disconnect", count=1)
    headers = {"Authorization": "Bearer secret"}
    assert simulator.text(TO).json()["error"]["code"] == 133010
    assert simulator.text(TO).json()["error"]["code"] == 133010
    described = simulator.call("GET", "/meta/v23.0/100001?fields=status", headers=headers)
    assert described.json()["status"] == "DISCONNECTED"
    simulator.call("POST", "/meta/v23.0/100001/register", {"pin": "123456"}, headers=headers)
    assert simulator.text(TO).status == 200


def test_a_rule_hits_whom_it_names_as_often_as_it_says(
    simulator: Simulator, receiver: Receiver
) -> None:
    befall(simulator, "error", code=131026, match={"to_suffix": "0001"}, after=1, count=2)
    outcomes = [simulator.text(TO).status for _ in range(5)]
    assert outcomes == [200, 400, 400, 200, 200]
    assert simulator.text("5511999990002").status == 200
    rule = simulator.control("faults")["rules"][0]
    assert (rule["matched"], rule["hits"]) == (5, 2)


def test_a_rate_hits_the_same_messages_under_the_same_seed(
    simulator: Simulator, receiver: Receiver
) -> None:
    hit = []
    for seed in (1, 1, 2):
        simulator.control("reset", {})
        simulator.control("settings", {"seed": seed})
        befall(simulator, "error", code=1, rate=0.3)
        hit.append([n for n in range(60) if simulator.text(f"55119999900{n:02}").status != 200])
    assert hit[0] == hit[1]
    assert hit[0] != hit[2]
    assert 6 < len(hit[0]) < 30


def test_rules_can_be_added_and_are_gone_after_a_reset(
    simulator: Simulator, receiver: Receiver
) -> None:
    befall(simulator, "latency", ms=1)
    added = {"append": True, "rules": [{"fault": {"kind": "error", "code": 2}}]}
    assert len(simulator.control("faults", added)["rules"]) == 2
    assert simulator.text(TO).json()["error"]["code"] == 2
    simulator.control("reset", {})
    assert simulator.control("faults")["rules"] == []
    assert simulator.text(TO).status == 200


def test_rules_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"rules": [{"fault": {"kind": "error", "code": 131056}}]}))
    with Simulator(faults=file) as running:
        assert running.text(TO).json()["error"]["code"] == 131056
