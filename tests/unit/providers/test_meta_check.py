"""What the states that Meta tells of a number mean for it."""

from typing import Any

import msgspec
import pytest

from recado.providers.base import HttpAnswer, HttpRequest
from recado.providers.meta.adapter import MetaAdapter

CONFIG = {
    "phone_number_id": "111111",
    "waba_id": "222222",
    "access_token": "a",
    "base_url": "https://graph.facebook.com",
    "api_version": "v25.0",
}


class Answers:
    """A transport that answers each address from a table, and keeps what it was asked."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self._documents = list(documents)
        self.asked: list[str] = []

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        self.asked.append(request.url)
        return HttpAnswer(200, {}, msgspec.json.encode(self._documents.pop(0)))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("CONNECTED", "connected"),
        ("LINKED", "connected"),
        ("SOMETHING_NEW", "connected"),
        (None, "connected"),
        ("PENDING", "connecting"),
        ("UNVERIFIED", "connecting"),
        ("FLAGGED", "blocked"),
        ("RESTRICTED", "blocked"),
        ("DISCONNECTED", "disconnected"),
        ("DELETED", "disconnected"),
    ],
)
async def test_only_what_is_known_to_stop_a_number_stops_it(word: str | None, status: str) -> None:
    limit = {"whatsapp_business_manager_messaging_limit": "TIER_2K"}
    found = await MetaAdapter().check(Answers({"status": word, **limit}, {"id": "222222"}), CONFIG)
    assert (found.status, found.detail) == (status, word or "")
    assert (found.portfolio, found.tier) == ("222222", 2000)


async def test_an_account_that_cannot_be_seen_is_said_and_stops_nothing() -> None:
    error = {"error": {"code": 100, "error_subcode": 33, "message": "Unsupported get request."}}
    found = await MetaAdapter().check(Answers({"status": "CONNECTED"}, error), CONFIG)
    assert found.status == "connected"
    assert found.detail == "CONNECTED; waba_id: 100: Unsupported get request."


async def test_pages_of_templates_are_asked_of_our_own_server_in_our_own_version() -> None:
    def page(name: str, after: str | None) -> dict[str, Any]:
        paging = {"next": "http://10.0.0.8/v99.0/steal", "cursors": {"after": after}}
        return {"data": [{"name": name, "language": "pt_BR"}], "paging": paging}

    server = Answers(page("a", "x"), page("b", "y"), page("c", "x"))
    found = await MetaAdapter().templates(server, CONFIG)
    assert [one.name for one in found] == ["a", "b", "c"]
    ours = "https://graph.facebook.com/v25.0/222222/message_templates?"
    assert [url.startswith(ours) for url in server.asked] == [True] * 3
    assert [url.partition("&after=")[2] for url in server.asked] == ["", "x", "y"]
