"""Whatever comes in, the answer is an error in one shape that says what to do, never a 500."""

import itertools
import json
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api

from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime

BAD_VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 2**63, -(2**63) - 1, 2**200, float("nan"), float("inf"),
    "", " ", "x", "\x00", "a\x00b", "\ud800", "é" * 6000, "{", "{desconhecida}",
    [], [[]], ["\x00"], ["\ud800"], [2**63], [0], [None], {}, {"\ud800": 1}, {"\x00": "\x00"},
]  # fmt: skip
PORTUGUESE = "Não existe campanha com esse id nesta empresa. Confira o id."
ENGLISH = "There is no such campaign in this workspace. Check the id."
CREATING = ["campaigns", "channels", "api-keys", "lists", "contacts"]


@pytest.fixture
async def alone(http: aiohttp.ClientSession, owner: str) -> Any:
    """The owner on connections that end with each answer, as those of errors do."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(http._base_url, connector=connector) as session:
        yield Api(session, owner)


@pytest.fixture
async def campaign(runtime: Runtime, workspace: WorkspaceId) -> dict[str, Any]:
    """A campaign as one may ask for it."""
    return {
        "name": "Assembleia",
        "channel_ids": [await factories.bare_channel(runtime, workspace)],
        "audience": {"contact_ids": await factories.contacts(runtime, workspace, 2)},
        "content": {"type": "text", "text": "Olá {nome}"},
    }


_numbers = itertools.count(100_000_000_000_001)


def channel(**changes: Any) -> dict[str, Any]:
    """A channel as one may ask for it, of a number that nobody has."""
    number = str(next(_numbers))
    config = {
        "phone_number_id": number,
        "waba_id": "100000000000002",
        "access_token": "token",
        "app_secret": "secret",
        "verify_token": "verify",
        "base_url": "http://127.0.0.1:1",
        "api_version": "v25.0",
    }
    return {"name": number, "provider": "meta", "config": {**config, **changes}}


START = "2031-03-03T09:00:00-03:00"
WINDOW = {"weekdays": [1], "from": "09:00", "to": "18:00", "timezone": "contact"}


async def refused_or_made(api: Api, method: str, path: str, body: object) -> None:
    async with api.request(method, path, body) as answer:
        text = await answer.text()
    assert answer.status in {200, 201, 409, 422}, (method, path, body, answer.status, text)
    assert answer.headers["Content-Type"] == "application/json"
    if answer.status == 422:
        assert json.loads(text)["error"]["message"]


@pytest.mark.parametrize("bad", BAD_VALUES, ids=lambda value: ascii(value)[:20])
async def test_a_bad_value_anywhere_is_refused_and_breaks_nothing(
    alone: Api, campaign: dict[str, Any], bad: Any
) -> None:
    campaign_id = (await alone("POST", "campaigns", campaign, status=201))["id"]
    bodies: list[tuple[str, str, object]] = [
        *(
            ("POST", "campaigns", {**campaign, key: bad})
            for key in [*campaign, "schedule", "pacing"]
        ),
        *(
            ("POST", "campaigns", {**campaign, "audience": {key: bad}})
            for key in ("list_ids", "tags", "contact_ids", "\ud800")
        ),
        *(
            ("POST", "campaigns", {**campaign, "content": {"type": "text", "text": "a", key: bad}})
            for key in ("type", "text", "\ud800")
        ),
        *(
            ("POST", "campaigns", {**campaign, "schedule": {"start_at": START, key: bad}})
            for key in ("start_at", "end_at", "window", "repeat", "\ud800")
        ),
        *(
            ("POST", "campaigns", {**campaign, "schedule": {"window": {**WINDOW, key: bad}}})
            for key in [*WINDOW, "skip_holidays"]
        ),
        *(
            ("POST", "campaigns", {**campaign, "schedule": {"start_at": START, "repeat": repeat}})
            for repeat in ({"every": bad}, {"every": "day", "interval": bad})
        ),
        *(
            ("POST", "campaigns", {**campaign, "pacing": {key: bad}})
            for key in ("preset", "perSecond", "messageInterval", "\ud800")
        ),
        *(
            ("POST", "channels", {**channel(), key: bad})
            for key in ("name", "provider", "config", "pacing", "\ud800")
        ),
        *(
            ("POST", "channels", channel(**{key: bad}))
            for key in [*channel()["config"], "\ud800"]
        ),
        *(
            ("PATCH", f"campaigns/{campaign_id}", {key: bad})
            for key in [*campaign, "schedule", "pacing", "\ud800"]
        ),
        *(
            ("PATCH", f"channels/{campaign['channel_ids'][0]}", {key: bad})
            for key in ("name", "pacing")
        ),
        *(("POST", "api-keys", {"name": "chave", key: bad}) for key in ("name", "role")),
        ("POST", "lists", {"name": bad}),
        *(
            ("POST", f"dead-letters/{action}", {key: bad})
            for action in ("retry", "discard")
            for key in ("ids", "campaign", "code", "\ud800")
        ),
        *(
            ("PUT", "settings/campaigns", {key: bad})
            for key in [*await alone("GET", "settings/campaigns"), "\ud800"]
        ),
    ]  # fmt: skip
    for method, path, body in bodies:
        await refused_or_made(alone, method, path, body)
    assert await alone("GET", "campaigns")


@pytest.mark.parametrize("path", CREATING)
@pytest.mark.parametrize(
    "body", [b"", b"{", b'"', b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"1" * 6000, b"-"]
)
async def test_what_is_no_json_is_refused_with_400(api: Api, path: str, body: bytes) -> None:
    refusal = await api("POST", path, body, status=400 if body else 422)
    assert refusal["error"]["code"] == ("bad_request" if body else "invalid_input")


@pytest.mark.parametrize("path", CREATING)
@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"text"'])
async def test_json_of_another_shape_is_refused_with_422(api: Api, path: str, body: bytes) -> None:
    refusal = await api("POST", path, body, status=422)
    assert refusal["error"]["code"] == "invalid_input"


async def test_wrong_types_are_named_by_their_path(api: Api) -> None:
    wrong = {
        "name": 1,
        "audience": {"contact_ids": ["x"]},
        "content": {"type": "text", "text": "a", "more": 1},
    }
    refusal = await api("POST", "campaigns", wrong, status=422)
    assert set(refusal["error"]["fields"]) == {
        "name", "audience.contact_ids.0", "content.more",
    }  # fmt: skip


@pytest.mark.parametrize("path", CREATING)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "large"}])
async def test_a_body_over_a_megabyte_is_refused_with_413(
    alone: Api, path: str, headers: dict[str, str]
) -> None:
    body = b'{"name": "' + b"x" * 1_100_000 + b'"}'
    refusal = await alone("POST", path, body, status=413, headers=headers)
    assert refusal["error"]["code"] == "too_large"
    assert "1 MB" in refusal["error"]["message"]


async def test_a_body_of_unannounced_size_is_refused_with_413(
    http: aiohttp.ClientSession, owner: str
) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    headers = {"Authorization": f"Bearer {owner}", "Content-Type": "application/json"}
    async with http.post("/api/v1/lists", data=pieces(), headers=headers) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "too_large"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("POST", "/api/v2/campaigns", 404, "not_found"),
        ("GET", "/api/v1/campaigns/1/nothing", 404, "not_found"),
        ("PUT", "/api/v1/campaigns", 405, "http_405"),
        ("DELETE", "/api/v1/campaigns/1/start", 405, "http_405"),
        ("GET", "/api/v1/campaigns/abc", 422, "invalid_input"),
        ("GET", "/api/v1/campaigns/0", 422, "invalid_input"),
        ("GET", f"/api/v1/campaigns/{2**63}", 422, "invalid_input"),
        ("GET", "/api/v1/campaigns/%00", 422, "invalid_input"),
    ],
)
async def test_a_wrong_address_is_answered_as_json(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    refusal = await api(method, path, status=status)
    assert refusal["error"]["code"] == code


@pytest.mark.parametrize("text", ["\x00", "\x80", "x", "9" * 400, "-1", "MQ==", "%", "LTE"])
@pytest.mark.parametrize(
    "path",
    ["campaigns", "channels", "contacts", "lists", "tags", "imports", "dead-letters"],
)
async def test_a_strange_query_is_answered_or_refused(alone: Api, path: str, text: str) -> None:
    for name in ("cursor", "limit", "status", "search", "tag", "list", "campaign", "code"):
        query: dict[str, Any] = {name: text}
        async with alone.request("GET", path, **query) as answer:
            assert answer.status in {200, 404, 422}, (path, name, text)
            assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("language", "message"),
    [
        (None, PORTUGUESE),
        ("pt-BR,pt;q=0.9", PORTUGUESE),
        ("en", ENGLISH),
        ("fr, en;q=0.5", ENGLISH),
        ("de;q=x, ;;=, \x80", PORTUGUESE),
    ],
)
async def test_messages_are_in_the_caller_s_language(
    api: Api, language: str | None, message: str
) -> None:
    headers = {"Accept-Language": language} if language else {}
    refusal = await api("GET", "campaigns/999", status=404, headers=headers)
    assert refusal == {"error": {"code": "not_found", "message": message}}


async def test_wrong_fields_are_explained_in_the_caller_s_language(
    api: Api, campaign: dict[str, Any]
) -> None:
    given = {**campaign, "channel_ids": []}
    for language, why in (("pt-BR", "ao menos um"), ("en", "one at least")):
        refusal = await api(
            "POST", "campaigns", given, status=422, headers={"Accept-Language": language}
        )
        assert refusal["error"]["fields"] == {"channel_ids": why}
