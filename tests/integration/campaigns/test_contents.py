"""Campaigns that say something else than plain text."""

from typing import Any

import pytest
from tests.integration.api.product import Api
from tests.integration.campaigns.asking import wish

from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime

IMAGE = {"type": "media", "media_type": "image", "link": "https://example.com/a.jpg"}
TEMPLATE = {"type": "template", "name": "aviso", "language": "pt-BR", "parameters": ["{nome}"]}


@pytest.fixture
async def given(runtime: Runtime, workspace: WorkspaceId) -> dict[str, Any]:
    return await wish(runtime, workspace)


async def test_a_template_and_a_file_are_kept_as_they_will_be_sent(
    api: Api, given: dict[str, Any]
) -> None:
    made = await api("POST", "campaigns", {**given, "content": TEMPLATE}, status=201)
    values = {"body": [{"type": "text", "text": "{nome}"}]}
    assert made["content"] == {**TEMPLATE, "language": "pt_BR", "parameters": values}
    change = {"content": {**IMAGE, "caption": "Olá {nome}"}}
    changed = await api("PATCH", f"campaigns/{made['id']}", change)
    empty = {"media_id": None, "filename": ""}
    assert changed["content"] == {**IMAGE, **empty, "caption": "Olá {nome}"}


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ({**IMAGE, "caption": "{sobrenome}"}, "unknown_variable", None),
        ({**IMAGE, "caption": "{nome"}, "template_unbalanced", None),
        ({**IMAGE, "link": "http://10.0.0.8/a.jpg"}, "invalid_link", "content.link"),
        ({**IMAGE, "link": "file:///etc/passwd"}, "invalid_link", "content.link"),
        ({**IMAGE, "media_id": "1"}, "invalid_input", "content"),
        ({**IMAGE, "link": None}, "invalid_input", "content"),
        ({**IMAGE, "media_type": "audio", "caption": "a"}, "invalid_input", "content"),
        ({**IMAGE, "filename": "a.jpg"}, "invalid_input", "content"),
        ({**IMAGE, "media_type": "sound"}, "invalid_input", "content.media_type"),
        ({**IMAGE, "caption": "a" * 1025}, "invalid_input", "content.caption"),
        ({**TEMPLATE, "parameters": ["{sobrenome}"]}, "unknown_variable", None),
        ({**TEMPLATE, "parameters": [7]}, "invalid_input", "content.parameters"),
        ({**TEMPLATE, "name": "Não é nome"}, "invalid_input", "content.name"),
        ({**TEMPLATE, "max_split_parts": 2}, "invalid_input", "content.max_split_parts"),
        (
            {**TEMPLATE, "parameters": {"header": {"type": "image", "link": "http://localhost/a"}}},
            "invalid_link",
            "content.parameters.header.link",
        ),
        ({"type": "poem"}, "invalid_input", "content"),
        ("text", "invalid_input", "content"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_its_place(
    api: Api, given: dict[str, Any], content: object, code: str, field: str | None
) -> None:
    error = (await api("POST", "campaigns", {**given, "content": content}, status=422))["error"]
    assert error["code"] == code
    assert list(error.get("fields", {})) == ([field] if field else [])
    assert (await api("GET", "campaigns"))["items"] == []
