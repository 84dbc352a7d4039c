"""Files, templates and what is known of a number are asked of the channel's provider."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api
from tests.support.processes import Installation

from recado.bootstrap import open_runtime

JPEG = b"\xff\xd8\xff" + bytes(2_000_000)


@pytest.fixture
async def channel(installation: Installation) -> AsyncIterator[tuple[Api, str]]:
    """A simulated number in a workspace of the running installation."""
    runtime = open_runtime()
    workspace = await factories.workspace(runtime)
    async with aiohttp.ClientSession(installation.url) as http:
        api = Api(http, await factories.api_key(runtime, workspace))
        made = await api("POST", "channels", {"name": "c", "provider": "simulator"}, status=201)
        yield api, f"channels/{made['id']}"
    await runtime.close()


async def upload(
    api: Api, channel: str, content: bytes = JPEG, status: int = 201, **fields: str
) -> Any:
    form = aiohttp.FormData({"media_type": "image", **fields})
    form.add_field("file", content, filename="foto.jpg")
    async with api.http.post(
        f"/api/v1/{channel}/media", data=form, headers={"Authorization": f"Bearer {api.key}"}
    ) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def test_a_file_is_handed_over_once_and_sent_by_its_id(channel: tuple[Api, str]) -> None:
    api, path = channel
    first = await upload(api, path)
    assert first["id"].isdigit()
    again = await upload(api, path)
    assert again == {**first, "reused": True}
    other = await upload(api, path, JPEG + b"x")
    assert (other["id"] != first["id"], other["reused"]) == (True, False)


@pytest.mark.parametrize(
    ("content", "fields", "code"),
    [
        (b"no picture", {}, "media_not_what_it_says"),
        (JPEG, {"media_type": "poem"}, "invalid_input"),
        (JPEG, {"mime_type": "image/gif"}, "media_type_refused"),
        (JPEG + bytes(4_000_000), {}, "media_too_big"),
    ],
)
async def test_a_file_that_would_fail_later_is_refused_at_once(
    channel: tuple[Api, str], content: bytes, fields: dict[str, str], code: str
) -> None:
    api, path = channel
    assert (await upload(api, path, content, 422, **fields))["error"]["code"] == code


async def test_an_upload_is_of_one_number_alone(channel: tuple[Api, str]) -> None:
    api, path = channel
    second = await api("POST", "channels", {"name": "d", "provider": "simulator"}, status=201)
    contact = await api("POST", "contacts", {"phone": "31 98888-0001"}, status=201)
    given = {
        "name": "Foto",
        "channel_ids": [int(path.rsplit("/", 1)[1]), second["id"]],
        "audience": {"contact_ids": [contact["id"]]},
        "content": {"type": "media", "media_type": "image", "media_id": "1"},
    }
    error = (await api("POST", "campaigns", given, status=422))["error"]
    assert error["code"] == "upload_of_one_number"
    await api("POST", "campaigns", {**given, "channel_ids": [second["id"]]}, status=201)


async def test_templates_are_listed_with_what_they_take(channel: tuple[Api, str]) -> None:
    api, path = channel
    found = {one["name"]: one for one in (await api("GET", f"{path}/templates"))["items"]}
    promo = found["recado_promocao"]
    assert (promo["header"], promo["named"], promo["variables"]) == (
        "image",
        True,
        ["nome", "data"],
    )
    assert promo["buttons"] == [{"index": 0, "type": "url"}]
    assert found["recado_pausado"]["status"] == "PAUSED"


async def test_a_number_tells_its_quality_and_tier(channel: tuple[Api, str]) -> None:
    api, path = channel
    number = await api("GET", f"{path}/number")
    assert (number["quality"], number["tier"], number["people"]) == (
        "GREEN",
        "TIER_UNLIMITED",
        None,
    )


async def test_a_provider_that_is_away_is_said_to_be(channel: tuple[Api, str]) -> None:
    api, _ = channel
    config = {
        "phone_number_id": "500000000000001",
        "waba_id": "300000000000001",
        "access_token": "a",
        "app_secret": "b",
        "verify_token": "c",
        "base_url": "http://127.0.0.1:1",
    }
    new = {"name": "m", "provider": "meta", "config": config}
    made = await api("POST", "channels", new, status=201)
    error = (await api("GET", f"channels/{made['id']}/templates", status=503))["error"]
    assert error["code"] == "provider_call_failed"
