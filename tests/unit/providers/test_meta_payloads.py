"""What Meta's answers say: taken, refused, or nobody knows."""

from typing import Any

import msgspec
import pytest

from recado.domain.retry import ErrorClass
from recado.providers.base import Accepted, HttpAnswer, Message, Outcome, Refused, Text, Unsure
from recado.providers.meta.errors import fault, retry_after
from recado.providers.meta.payloads import outcome, request_body

TAKEN = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": "5531999990001", "wa_id": "553199990001"}],
    "messages": [{"id": "wamid.HBgM"}],
}

HELD = "held_for_quality_assessment"


def answer(document: object, status: int = 200, **headers: str) -> HttpAnswer:
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return HttpAnswer(status, {name.replace("_", "-"): v for name, v in headers.items()}, body)


def error(code: object, **more: Any) -> dict[str, Any]:
    return {"error": {"message": f"(#{code})", "code": code, **more}}


def class_of(result: Outcome) -> ErrorClass:
    assert isinstance(result, Refused | Unsure)
    return result.fault.error_class


def test_a_request_carries_our_reference_and_nothing_that_meta_does_not_know() -> None:
    body = msgspec.json.decode(request_body(Message("5531999990001", "1.1.1", Text("Olá 👋"))))
    assert body == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "5531999990001",
        "type": "text",
        "text": {"body": "Olá 👋", "preview_url": False},
        "biz_opaque_callback_data": "1.1.1",
    }


def test_an_answer_with_an_id_is_an_acceptance() -> None:
    assert outcome(answer(TAKEN)) == Accepted("wamid.HBgM", "553199990001")


@pytest.mark.parametrize("contacts", [None, [], [{}], [{"wa_id": None}], [{"wa_id": 5}], "x", [[]]])
def test_an_acceptance_needs_no_contact(contacts: object) -> None:
    assert outcome(answer({**TAKEN, "contacts": contacts})) == Accepted("wamid.HBgM", None)


@pytest.mark.parametrize(("word", "held"), [("accepted", False), (HELD, True), (7, False)])
def test_a_message_held_back_for_its_template_is_accepted(word: object, held: bool) -> None:
    message = {"id": "wamid.HBgM", "message_status": word}
    found = outcome(answer({**TAKEN, "messages": [message]}))
    assert found == Accepted("wamid.HBgM", "553199990001", held=held)


def test_a_message_of_a_paused_template_is_refused_though_it_has_an_id() -> None:
    message = {"id": "wamid.HBgM", "message_status": "paused"}
    found = outcome(answer({**TAKEN, "messages": [message]}))
    assert isinstance(found, Refused)
    assert (found.fault.code, class_of(found)) == ("132015", ErrorClass.TEMPLATE)


def test_a_person_without_a_number_is_known_by_metas_id() -> None:
    contact = {"input": "BR.1", "user_id": "BR.1"}
    found = outcome(answer({**TAKEN, "contacts": [contact]}))
    assert found == Accepted("wamid.HBgM", None, "BR.1")


@pytest.mark.parametrize("nothing", [None, {}, "", [], 0, False])
def test_an_error_that_says_nothing_takes_nothing_back(nothing: object) -> None:
    assert isinstance(outcome(answer({**TAKEN, "error": nothing})), Accepted)


def test_an_error_counts_under_status_200_too() -> None:
    result = outcome(answer({**TAKEN, **error(131026)}))
    assert isinstance(result, Refused)
    assert class_of(result) is ErrorClass.CONTACT_DEAD


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500, 503])
def test_a_code_is_classed_alike_under_every_status(status: int) -> None:
    result = outcome(answer(error(131056), status))
    assert isinstance(result, Refused)
    assert class_of(result) is ErrorClass.THROTTLE_PAIR


@pytest.mark.parametrize("code", ["190", " 190", 190.0])
def test_a_code_may_be_written_in_any_way(code: object) -> None:
    assert class_of(outcome(answer(error(code), 401))) is ErrorClass.AUTH


@pytest.mark.parametrize("code", [1, 2, 131000, 131016, 133004])
def test_with_some_codes_nobody_knows_whether_it_left(code: int) -> None:
    assert isinstance(outcome(answer(error(code), 500)), Unsure)


def test_a_code_that_is_not_known_is_a_refusal() -> None:
    result = outcome(answer(error(999_999, error_data={"details": "new"}), 400))
    assert isinstance(result, Refused)
    assert (result.fault.code, result.fault.detail) == ("999999", "new")
    assert class_of(result) is ErrorClass.UNKNOWN_CODE


def test_a_number_that_is_not_there_is_the_accounts_trouble() -> None:
    assert class_of(outcome(answer(error(100, error_subcode=33), 400))) is ErrorClass.ACCOUNT
    assert class_of(outcome(answer(error(100, error_subcode=1), 400))) is ErrorClass.REQUEST


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b"\xff\xfe",
        b"{",
        b"null",
        b"[1]",
        b'"text"',
        b"[" * 100_000,
        b"{}",
        b'{"messages": []}',
        b'{"messages": [{}]}',
        b'{"messages": [{"id": ""}]}',
        b'{"messages": [{"id": 5}]}',
        b'{"messages": {"id": "x"}}',
        b"x" * (1 << 20),
    ],
)
@pytest.mark.parametrize("status", [200, 302, 404, 500, 502])
def test_with_an_answer_that_cannot_be_read_nobody_knows(body: bytes, status: int) -> None:
    result = outcome(answer(body, status))
    assert isinstance(result, Unsure)
    assert result.fault.code == f"http_{status}"


@pytest.mark.parametrize("words", ["Internal Server Error", {"reason": "upstream"}, ["x"], 7])
def test_a_server_on_the_way_that_fails_tells_nothing(words: object) -> None:
    assert isinstance(outcome(answer({"status": 500, "error": words}, 500)), Unsure)


@pytest.mark.parametrize("words", ["Bad Request", {"reason": "no"}, {"code": "x"}, ["x"], 7, True])
def test_a_refusal_in_other_words_is_a_refusal(words: object) -> None:
    result = outcome(answer({"error": words}, 400))
    assert isinstance(result, Refused)
    assert class_of(result) is ErrorClass.UNKNOWN_CODE


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "slow down"}'])
def test_too_many_requests_is_a_throttle_whoever_says_it(body: bytes) -> None:
    result = outcome(answer(body, 429, retry_after="7"))
    assert isinstance(result, Refused)
    assert (result.fault.code, result.fault.retry_after) == ("http_429", 7.0)
    assert class_of(result) is ErrorClass.THROTTLE_CHANNEL


def test_a_throttle_says_how_long() -> None:
    found = outcome(answer(error(130429), 429, retry_after="12"))
    assert isinstance(found, Refused)
    assert found.fault.retry_after == 12.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "9" * 5000}, 86_400.0),
        ({"retry-after": "999999999"}, 86_400.0),
        ({"retry-after": "Fri, 21 Oct 9999 07:28:00 GMT"}, 86_400.0),
        (
            {"x-business-use-case-usage": '{"1": [{"estimated_time_to_regain_access": 1e308}]}'},
            86_400.0,
        ),
        ({"x-business-use-case-usage": '{"1": [{"estimated_time_to_regain_access": "5"}]}'}, 300.0),
        ({"x-business-use-case-usage": '{"1": [{"estimated_time_to_regain_access": true}]}'}, None),
        (
            {
                "x-business-use-case-usage": '{"1": [{"estimated_time_to_regain_access": 5},'
                ' {"estimated_time_to_regain_access": 2}], "2": "x", "3": [{}, 4]}'
            },
            300.0,
        ),
        ({"x-business-use-case-usage": '{"1": [{"estimated_time_to_regain_access": 0}]}'}, None),
        ({"x-business-use-case-usage": "rubbish"}, None),
        ({"x-business-use-case-usage": '{"1": [{"estimated_time_to_regain_access": 1}]}'}, 60.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 7 "}, 7.0),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
    ],
)
def test_how_long_to_wait_is_read_from_either_header(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("data", ["a plain string", {"details": "a plain string"}])
def test_details_may_be_an_object_or_a_string(data: object) -> None:
    assert fault(error(131026, error_data=data)["error"]).detail == "a plain string"


def test_what_is_kept_of_an_answer_fits_into_the_database() -> None:
    long = fault(error(131026, error_data="\0" * 3 + "x" * 9000)["error"])
    assert long.detail == "x" * 497 or len(long.detail) == 500
    assert "\0" not in long.detail
    accepted = outcome(answer(b'{"messages": [{"id": "wamid.\\u0000' + b"y" * 9000 + b'"}]}'))
    assert isinstance(accepted, Accepted)
    assert "\0" not in accepted.provider_id
    assert len(accepted.provider_id) <= 512


@pytest.mark.parametrize("value", [None, "x", 5, [], {"code": 10**400}, {"code": "9" * 5000}])
def test_no_error_however_odd_breaks_the_reader(value: object) -> None:
    assert fault(value).error_class is ErrorClass.UNKNOWN_CODE
