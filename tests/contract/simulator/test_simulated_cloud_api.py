"""The simulated Cloud API as a sender sees it, and the journal that it leaves."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recado.simulator.testing import Simulator

VECTORS = Path(__file__).parents[4] / "shared" / "providers" / "vectors"
TO = "5531999990001"
REGISTERED = {
    "provider": "meta",
    "phone_number_id": "100001",
    "waba_id": "200001",
    "display_phone_number": "+55 11 5555-0001",
    "access_token": "secret",
}
BEARER = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.control("reset", {"channels": True})
    running.control(
        "settings", {"strict": False, "seed": 0, "messages_per_second": 0, "pair_rate": False}
    )
    return running


def test_an_accepted_message_is_answered_with_its_id_and_logged(simulator: Simulator) -> None:
    reply = simulator.text("+55 (31) 99999-0001", "Olá, Ana", reference="7.1.1")
    assert reply.status == 200
    answer = reply.json()
    assert answer["contacts"] == [{"input": "+55 (31) 99999-0001", "wa_id": "553199990001"}]
    (entry,) = simulator.control("log")
    assert entry.pop("at") > 1_700_000_000
    assert entry == {
        "provider": "meta",
        "channel": "100001",
        "to": TO,
        "text": "Olá, Ana",
        "reference": "7.1.1",
        "id": answer["messages"][0]["id"],
        "kind": "text",
    }


@pytest.mark.parametrize(
    "vector",
    sorted((VECTORS / "facebook-openapi" / "send_requests").glob("*.json")),
    ids=lambda path: path.stem,
)
def test_meta_s_own_examples_are_accepted(simulator: Simulator, vector: Path) -> None:
    text = vector.read_text()
    text = re.sub(r"\{\{Recipient[^}]*\}\}", TO, text)
    text = re.sub(r'"(<)?http\(s\)://[^"]*"', '"https://example.com/file"', text)
    # Placeholders are longer than what they stand for may be.
    text = re.sub(r'"<([A-Z0-9_-]{18,})>"', lambda match: f'"{match[1][:18]}"', text)
    reply = simulator.send(json.loads(text))
    assert reply.status == 200, reply.body


@pytest.mark.parametrize("token", ["expired", "invalid"])
def test_bad_tokens_are_refused(simulator: Simulator, token: str) -> None:
    reply = simulator.send({"to": TO, "text": {"body": "a"}}, token=token)
    assert reply.status == 401
    assert reply.json()["error"]["code"] == 190
    assert "error_data" not in reply.json()["error"]


def test_a_registered_number_takes_its_own_token_only(simulator: Simulator) -> None:
    simulator.control("channels", REGISTERED)
    assert simulator.send({"to": TO, "text": {"body": "a"}}).status == 200
    refused = simulator.send({"to": TO, "text": {"body": "a"}}, token="other")
    assert refused.json()["error"]["code"] == 190


def test_a_request_without_token_is_refused(simulator: Simulator) -> None:
    reply = simulator.call("POST", "/meta/v23.0/100001/messages", {"to": TO})
    assert reply.status == 401


def test_unknown_numbers_exist_unless_the_simulator_is_strict(simulator: Simulator) -> None:
    assert simulator.text(TO, channel="999999").status == 200
    simulator.control("settings", {"strict": True})
    reply = simulator.text(TO, channel="888888")
    assert reply.status == 400
    error = reply.json()["error"]
    assert (error["code"], error["error_subcode"]) == (100, 33)
    assert error["type"] == "GraphMethodException"


def test_a_strict_simulator_can_be_started() -> None:
    with Simulator(strict=True) as strict:
        assert strict.text(TO).json()["error"]["error_subcode"] == 33


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{", 100),
        (b"\xff", 100),
        (b"[]", 100),
        (b'{"to": "5531999990001", "text": {"body": "a"}}', 100),
        ({"text": {"body": "a"}}, 131008),
        ({"to": "abc", "text": {"body": "a"}}, 131009),
        ({"to": TO}, 131008),
        ({"to": TO, "text": "a"}, 100),
        ({"to": TO, "text": {"body": ""}}, 100),
        ({"to": TO, "text": {"body": "a" * 4097}}, 100),
        ({"to": TO, "type": "poem", "poem": {}}, 131051),
        ({"to": TO, "type": "image", "image": {}}, 131009),
        ({"to": TO, "type": "image", "image": {"link": "ftp://x"}}, 131009),
        ({"to": TO, "type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
        ({"to": TO, "text": {"body": "a"}, "biz_opaque_callback_data": "a" * 513}, 100),
        ({"to": TO, "type": "template", "template": {"name": "x"}}, 131008),
        ({"status": "seen", "message_id": "wamid.x"}, 131009),
    ],
)
def test_what_is_missing_or_wrong_is_refused_under_meta_s_codes(
    simulator: Simulator, message: dict[str, object] | bytes, code: int
) -> None:
    reply = simulator.send(message)
    assert reply.status == 400
    assert reply.json()["error"]["code"] == code


def test_a_number_cannot_write_to_itself(simulator: Simulator) -> None:
    simulator.control("channels", REGISTERED)
    assert simulator.text("551155550001").json()["error"]["code"] == 131021


def test_reading_and_typing_are_confirmed_and_count_as_no_message(simulator: Simulator) -> None:
    reply = simulator.send(
        {"status": "read", "message_id": "wamid.x", "typing_indicator": {"type": "text"}}
    )
    assert reply.json() == {"success": True}
    assert simulator.control("stats")["requests"] == 0


def test_the_same_part_of_a_delivery_counts_once_whatever_the_attempt(simulator: Simulator) -> None:
    for reference in ("1.1.1", "1.1.2", "1.2.1", "2.1.1"):
        simulator.text(TO, reference=reference)
    stats = simulator.control("stats")
    assert (stats["accepted"], stats["distinct"], stats["duplicates"]) == (4, 3, 1)
    assert stats["channels"]["100001"]["duplicates"] == 1


def test_without_a_reference_the_text_tells_messages_apart(simulator: Simulator) -> None:
    for text in ("um", "um", "dois"):
        simulator.text(TO, text)
    simulator.text(TO, "um", channel="100002")
    simulator.text("5511999990002", "um")
    assert simulator.control("stats")["duplicates"] == 1


def test_the_log_can_be_narrowed(simulator: Simulator) -> None:
    for n in range(3):
        simulator.text(TO, str(n))
        simulator.text(TO, str(n), channel="100002")
    whole = simulator.control("log")
    assert [entry["text"] for entry in whole] == ["0", "0", "1", "1", "2", "2"]
    assert [e["text"] for e in simulator.control("log?channel=100002&limit=2")] == ["0", "1"]
    since = simulator.control(f"log?since={whole[3]['at']!r}&channel=100001")
    assert [entry["text"] for entry in since] == ["2"]
    assert simulator.control("log?channel=nobody") == []
    assert simulator.control("log?limit=0") == []


def test_a_reset_forgets_the_messages_and_keeps_the_numbers(simulator: Simulator) -> None:
    simulator.control("channels", REGISTERED)
    simulator.text(TO)
    simulator.control("reset", {})
    assert simulator.control("log") == []
    assert simulator.control("stats")["accepted"] == 0
    assert simulator.control("channels")[0]["phone_number_id"] == "100001"
    simulator.control("reset", {"channels": True})
    assert simulator.control("channels") == []


def test_the_same_seed_gives_the_same_ids(simulator: Simulator) -> None:
    runs = []
    for seed in (5, 5, 6):
        simulator.control("reset", {})
        simulator.control("settings", {"seed": seed})
        for _ in range(3):
            simulator.text(TO)
        runs.append([entry["id"] for entry in simulator.control("log")])
    assert runs[0] == runs[1]
    assert len({*runs[0], *runs[2]}) == 6


def test_throughput_and_pair_limits_hold_where_they_are_switched_on(simulator: Simulator) -> None:
    simulator.control("settings", {"messages_per_second": 3})
    codes = [simulator.text(f"551199999000{n}").status for n in range(5)]
    assert codes[:3] == [200, 200, 200]
    assert 400 in codes
    simulator.control("settings", {"messages_per_second": 0, "pair_rate": True})
    outcomes = [simulator.text(TO) for _ in range(47)]
    assert [reply.status for reply in outcomes[:45]] == [200] * 45
    assert outcomes[-1].json()["error"]["code"] == 131056


def test_a_number_describes_itself(simulator: Simulator) -> None:
    simulator.control("channels", REGISTERED)

    def get(path: str) -> Any:
        return simulator.call("GET", f"/meta/v23.0/{path}", headers=BEARER).json()

    assert get("100001") == {
        "verified_name": "Recado",
        "display_phone_number": "+551155550001",
        "quality_rating": "GREEN",
        "id": "100001",
    }
    assert get("100001?fields=throughput,status") == {
        "throughput": {"level": "STANDARD"},
        "status": "CONNECTED",
        "id": "100001",
    }
    assert [number["id"] for number in get("200001/phone_numbers")["data"]] == ["100001"]
    assert get("100001?fields=nonsense")["error"]["code"] == 100
    assert get("200001/nonsense")["error"]["code"] == 2500


def test_templates_are_listed_in_pages_whose_next_names_another_version_and_host(
    simulator: Simulator,
) -> None:
    simulator.control("channels", REGISTERED)
    names: list[str] = []
    address = "/meta/v23.0/200001/message_templates?limit=2"
    after = ""
    while True:
        page = simulator.call("GET", f"{address}{after}", headers=BEARER).json()
        names += [template["name"] for template in page["data"]]
        if "next" not in page["paging"]:
            break
        assert page["paging"]["next"].startswith("https://graph.facebook.com/v99.0/200001/")
        after = f"&after={page['paging']['cursors']['after']}"
    assert names[0] == "hello_world"
    assert len(names) == len(set(names)) == 5


def test_of_templates_numbers_and_accounts_only_what_is_asked_for_is_shown(
    simulator: Simulator,
) -> None:
    simulator.control("channels", REGISTERED)

    def get(path: str) -> Any:
        return simulator.call("GET", f"/meta/v23.0/{path}", headers=BEARER).json()

    short = get("200001/message_templates")["data"][0]
    assert set(short) == {"id", "name", "language", "status", "category", "components"}
    fields = "name,parameter_format,quality_score,rejected_reason"
    full = get(f"200001/message_templates?fields={fields}")["data"][0]
    assert (full["parameter_format"], full["rejected_reason"]) == ("POSITIONAL", "NONE")
    assert full["quality_score"]["score"] == "UNKNOWN"
    assert "status" not in full
    account = get("200001?fields=id,currency,account_review_status")
    assert account == {"id": "200001", "currency": "BRL", "account_review_status": "APPROVED"}
    [number] = get("200001/phone_numbers?fields=name_status")["data"]
    assert number == {"name_status": "APPROVED", "id": "100001"}


def test_a_number_with_templates_of_its_own_knows_no_others(simulator: Simulator) -> None:
    own = {
        "name": "cobranca",
        "language": "pt_BR",
        "components": [{"type": "BODY", "text": "Olá {{1}}, vence em {{2}}."}],
    }
    simulator.control("channels", {**REGISTERED, "templates": [own]})

    def send(name: str, *words: str) -> Any:
        parameters = [{"type": "text", "text": word} for word in words]
        template = {
            "name": name,
            "language": {"code": "pt_BR"},
            "components": [{"type": "body", "parameters": parameters}],
        }
        return simulator.send({"to": TO, "type": "template", "template": template}).json()

    assert send("cobranca", "Ana", "1/8")["messages"][0]["message_status"] == "accepted"
    assert simulator.control("log")[0]["text"] == "Olá Ana, vence em 1/8."
    assert send("cobranca", "Ana")["error"]["code"] == 132000
    assert send("outra", "Ana")["error"]["code"] == 132001


def test_media_can_be_uploaded_described_downloaded_and_deleted(simulator: Simulator) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp\r\n'
        b'--b\r\nContent-Disposition: form-data; name="type"\r\n\r\nimage/png\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n"
    )
    headers = {**BEARER, "Content-Type": "multipart/form-data; boundary=b"}
    uploaded = simulator.call("POST", "/meta/v23.0/100001/media", form, headers=headers).json()
    assert uploaded["id"].isdecimal()
    path = f"/meta/v23.0/{uploaded['id']}"
    described = simulator.call("GET", path, headers=BEARER).json()
    assert (described["mime_type"], described["file_size"]) == ("image/png", 4)
    address = described["url"].removeprefix(simulator.url)
    assert simulator.call("GET", address, headers=BEARER).body == b"\x89PNG"
    assert simulator.call("DELETE", path, headers=BEARER).json() == {"success": True}
    assert simulator.call("GET", address, headers=BEARER).status == 404


def test_an_upload_is_sent_by_the_number_that_brought_it_alone(simulator: Simulator) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n"
    )
    headers = {**BEARER, "Content-Type": "multipart/form-data; boundary=b"}
    media_id = simulator.call("POST", "/meta/v23.0/100001/media", form, headers=headers).json()
    header = {"type": "header", "parameters": [{"type": "image", "image": media_id}]}
    template = {"name": "x", "language": {"code": "pt_BR"}, "components": [header]}
    for message in (
        {"to": TO, "type": "image", "image": media_id},
        {"to": TO, "type": "template", "template": template},
    ):
        assert simulator.send(message).status == 200
        refused = simulator.send(message, channel="100002").json()
        assert refused["error"]["code"] == 131009


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("channels", b"{"),
        ("channels", []),
        ("channels", {}),
        ("channels", {"provider": "telegram"}),
        ("channels", {"provider": 7}),
        ("channels", {**REGISTERED, "access_token": ""}),
        ("channels", {**REGISTERED, "phone_number_id": 100001}),
        ("channels", {**REGISTERED, "callback_url": "nowhere"}),
        ("channels", {**REGISTERED, "surprise": 1}),
        ("channels", {**REGISTERED, "templates": [{"name": "a", "language": "b"}]}),
        (
            "channels",
            {**REGISTERED, "templates": [{"name": "a", "language": "b", "components": [{}]}]},
        ),
        ("faults", {}),
        ("faults", b"\xff\xfe"),
        ("faults", {"rules": [{"fault": {"kind": "sulk"}}]}),
        ("faults", {"rules": [{"fault": {"kind": "error"}, "rate": 2}]}),
        ("faults", {"rules": [{"fault": {"kind": "error"}, "match": {"whom": "me"}}]}),
        ("settings", {"latency_ms": -1}),
        ("settings", {"unknown": 1}),
        ("settings", b""),
        ("inbound", {"channel": "100001", "from": "5511999990001", "text": "oi"}),
        ("reset", {"everything": True}),
        ("reset", {"channels": "yes"}),
        ("log?since=yesterday", None),
        ("log?limit=-1", None),
        ("log?limit=" + "9" * 5000, None),
    ],
)
def test_bad_input_to_the_controls_is_answered_with_a_sentence(
    simulator: Simulator, path: str, body: object
) -> None:
    reply = simulator.call("GET" if body is None else "POST", f"/_sim/{path}", body)
    assert reply.status == 422
    assert set(reply.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("body", [{"from": "x", "text": "oi"}, {"from": "551", "message": {}}])
def test_a_contact_writes_something_sensible_or_nothing(
    simulator: Simulator, body: dict[str, object]
) -> None:
    simulator.control("channels", REGISTERED)
    reply = simulator.call("POST", "/_sim/inbound", {"channel": "100001", **body})
    assert reply.status == 422


def test_the_simulator_says_that_it_is_well_and_what_it_can_do(simulator: Simulator) -> None:
    assert simulator.call("GET", "/healthz").body == b"ok"
    assert "POST /_sim/faults" in simulator.control("")
    assert simulator.call("GET", "/_sim/nothing").status == 404
    assert simulator.call("GET", "/nothing").status == 404


@pytest.mark.parametrize(
    "vector",
    sorted((VECTORS / "meta-docs" / "graph_errors").glob("*.json")),
    ids=lambda path: path.stem,
)
def test_errors_look_like_meta_s(simulator: Simulator, vector: Path) -> None:
    expected = json.loads(vector.read_text())
    wanted = expected["body"]["error"]
    if wanted.get("error_subcode") == 33:
        simulator.control("settings", {"strict": True})
        got = simulator.text(TO, channel="123")
    elif wanted["code"] == 190:
        token = "expired" if wanted.get("error_subcode") == 463 else "invalid"
        got = simulator.send({"to": TO}, token=token)
    else:
        fault = {"kind": "error", "code": wanted["code"]}
        simulator.control("faults", {"rules": [{"fault": fault}]})
        got = simulator.text(TO)
    error = got.json()["error"]
    assert got.status == expected["http_status"]
    for key in ("code", "type"):
        assert error[key] == wanted[key]
    assert ("error_data" in error) == ("error_data" in wanted)
    assert error["fbtrace_id"]
