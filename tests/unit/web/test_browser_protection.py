"""What a browser may be made to send, and what it is told about our pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from recado.web.routes import browser_middleware

HOST = "recado.example"
COOKIE = {"Cookie": "recado_session=anything"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers


async def _answer(request: Request) -> PlainTextResponse:
    request.session["user_id"] = 1
    return PlainTextResponse("done")


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def application(*, secure: bool = False) -> Starlette:
    return Starlette(
        routes=[
            Route("/", _answer, methods=["GET", "POST", "DELETE"]),
            WebSocketRoute("/", _talk),
        ],
        middleware=browser_middleware(secret="a secret of the test", secure=secure),
    )


async def _messages(kind: str, headers: Mapping[str, str], **scope: Any) -> list[dict[str, Any]]:
    """What the application answers, message by message, without a server in between."""
    secure = scope.pop("secure", False)
    raw = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    arriving = [{"type": "http.request"}] if kind == "http" else [{"type": "websocket.connect"}]
    answered: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return arriving.pop(0)

    async def send(message: Any) -> None:
        answered.append(dict(message))

    full = {
        "type": kind,
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", HOST.encode()), *raw],
        **scope,
    }
    await application(secure=secure)(full, receive, send)
    return answered


async def ask(
    headers: Mapping[str, str] | None = None, *, method: str = "GET", secure: bool = False
) -> Answer:
    first, *_ = await _messages("http", headers or {}, method=method, secure=secure)
    return Answer(first["status"], Headers(raw=first["headers"]))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", **COOKIE},
        {"Sec-Fetch-Site": "none", **COOKIE},
        {"Origin": f"http://{HOST}", **COOKIE},
        {"Origin": "https://outside.example", "X-Forwarded-Host": "outside.example", **COOKIE},
        {"Authorization": "Bearer rk_1_1_x", "Origin": "https://elsewhere.example"},
        {},  # a program without a browser and without a session
    ],
)
async def test_our_own_pages_and_programs_may_change_things(headers: dict[str, str]) -> None:
    assert (await ask(headers, method="POST")).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", **COOKIE},
        {"Sec-Fetch-Site": "same-site", **COOKIE},
        {"Sec-Fetch-Site": "cross-site"},  # signing somebody in needs no cookie
        {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{HOST}", **COOKIE},
        {"Origin": "https://elsewhere.example", **COOKIE},
        {"Origin": f"http://{HOST}.elsewhere.example", **COOKIE},
        {"Origin": "null", **COOKIE},
        COOKIE,  # a session, and no word about where it comes from
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_another_site_may_not_change_things(headers: dict[str, str], method: str) -> None:
    assert (await ask(headers, method=method)).status == 403


async def test_another_site_may_link_to_us() -> None:
    assert (await ask({"Sec-Fetch-Site": "cross-site", **COOKIE})).status == 200


async def test_another_site_may_not_listen_to_live_progress() -> None:
    hostile = await _messages("websocket", {"Origin": "https://elsewhere.example", **COOKIE})
    ours = await _messages("websocket", {"Origin": f"http://{HOST}", **COOKIE})
    assert [message["type"] for message in hostile] == ["websocket.close"]
    assert ours[0]["type"] == "websocket.accept"


async def test_no_page_may_run_or_load_what_is_not_ours() -> None:
    policy = (await ask()).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy


async def test_the_session_is_out_of_reach_of_scripts_and_of_other_sites() -> None:
    cookie = (await ask()).headers["set-cookie"]
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_with_https_alone_the_session_never_travels_without_it() -> None:
    answer = await ask(secure=True)
    assert "secure" in answer.headers["set-cookie"]
    assert "max-age=" in answer.headers["strict-transport-security"]
