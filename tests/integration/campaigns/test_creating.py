"""What a campaign may be made of, and what is said where it may not."""

import re
from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api
from tests.integration.campaigns.asking import wish

from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
async def given(runtime: Runtime, workspace: WorkspaceId) -> dict[str, Any]:
    return await wish(runtime, workspace)


async def refusal(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    """Why a campaign is not made; and nothing of it is."""
    answer = await api("POST", "campaigns", given, status=422, headers=ENGLISH)
    assert (await api("GET", "campaigns"))["items"] == []
    error: dict[str, Any] = answer["error"]
    return error


async def test_a_new_campaign_is_a_draft_as_it_was_asked_for(
    api: Api, given: dict[str, Any]
) -> None:
    made = await api("POST", "campaigns", given, status=201)
    assert made == await api("GET", f"campaigns/{made['id']}")
    assert made["status"] == "draft"
    assert (made["name"], made["channel_ids"]) == (given["name"], given["channel_ids"])
    assert made["content"] == {**given["content"], "max_split_parts": 1}
    assert made["fail_over"] is True
    assert made["audience"]["contact_ids"] == given["audience"]["contact_ids"]
    progress = await api("GET", f"campaigns/{made['id']}/progress")
    assert (progress["status"], progress["total"], progress["eta"]) == ("draft", 0, None)
    assert (await api("GET", f"campaigns/{made['id']}/deliveries"))["items"] == []


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"text": "a", "max_split_parts": 0}, "content.max_split_parts"),
        ({"text": "a", "max_split_parts": 11}, "content.max_split_parts"),
        ({"text": "a" * 4097}, "content.text"),
        ({"text": "a" * 8193, "max_split_parts": 2}, "content.text"),
    ],
)
async def test_a_text_has_as_much_room_as_its_parts_have(
    api: Api, given: dict[str, Any], content: dict[str, Any], field: str
) -> None:
    error = (await api("POST", "campaigns", {**given, "content": content}, status=422))["error"]
    assert list(error["fields"]) == [field]
    fits = {"text": "a" * 8192, "max_split_parts": 2}
    made = await api("POST", "campaigns", {**given, "content": fits}, status=201)
    assert made["content"] == {"type": "text", **fits}


async def test_an_unknown_variable_is_refused_with_the_list_of_known_ones(
    api: Api, given: dict[str, Any]
) -> None:
    contact = {"phone": "31 98888-0001", "custom": {"Bloco": "A", "Apê": "101"}}
    await api("POST", "contacts", contact, status=201)
    text = "Olá {nome}, {sobrenome} do {bloco}, {Cidade|?}"
    error = await refusal(api, {**given, "content": {"type": "text", "text": text}})
    assert error["code"] == "unknown_variable"
    assert "{sobrenome}, {Cidade}" in error["message"]
    known = "{nome}, {condominio}, {endereco}, {cargo}, {email}, {telefone}"
    assert f"{known}, {{ape}}, {{bloco}}" in error["message"]


@pytest.mark.parametrize(
    "text",
    [
        "Olá {nome|amigo}",
        "{{nome}} não é variável",
        "Olá {NAME}, do {Condomínio}",
        "sem variáveis",
        "😀" * 4096,
        "{telefone} {email} {cargo} {endereco|}",
    ],
)
async def test_a_text_that_can_be_filled_in_is_taken_as_it_is(
    api: Api, given: dict[str, Any], text: str
) -> None:
    given["content"] = {"type": "text", "text": text}
    made = await api("POST", "campaigns", given, status=201)
    assert made["content"]["text"] == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Olá {nome", "template_unbalanced"),
        ("Olá nome}", "template_unbalanced"),
        ("Olá {}", "template_empty_name"),
        ("Olá {|amigo}", "template_empty_name"),
        ("", "invalid_input"),
        (" \n", "invalid_input"),
        ("x" * 4097, "invalid_input"),
    ],
)
async def test_a_text_that_cannot_be_filled_in_is_refused(
    api: Api, given: dict[str, Any], text: str, code: str
) -> None:
    error = await refusal(api, {**given, "content": {"type": "text", "text": text}})
    assert error["code"] == code


async def test_a_campaign_needs_a_channel(api: Api, given: dict[str, Any]) -> None:
    none_named = {key: value for key, value in given.items() if key != "channel_ids"}
    for wanted in (none_named, {**given, "channel_ids": []}):
        error = await refusal(api, wanted)
        assert error["code"] == "channel_needed"
        assert error["fields"] == {"channel_ids": "one at least"}


@pytest.mark.parametrize("audience", [{}, {"list_ids": []}, {"tags": [], "contact_ids": []}])
async def test_a_campaign_needs_an_audience(
    api: Api, given: dict[str, Any], audience: dict[str, Any]
) -> None:
    error = await refusal(api, {**given, "audience": audience})
    assert error["code"] == "invalid_input"
    assert "name a list, a tag or a contact" in error["fields"]["audience"]


async def test_what_a_campaign_names_must_be_there(api: Api, given: dict[str, Any]) -> None:
    contact = given["audience"]["contact_ids"][0]
    audience = {
        "list_ids": [901, 902],
        "tags": ["vip", "novo"],
        "contact_ids": [contact, 903],
    }
    error = await refusal(
        api, {**given, "audience": audience, "channel_ids": [904, *given["channel_ids"]]}
    )
    assert error["code"] == "unknown_audience"
    named = {path: set(re.findall(r"\w+", why)) for path, why in error["fields"].items()}
    assert named == {
        "channel_ids": {"unknown", "904"},
        "audience.list_ids": {"unknown", "901", "902"},
        "audience.contact_ids": {"unknown", "903"},
        "audience.tags": {"unknown", "vip", "novo"},
    }


async def test_what_another_workspace_has_is_not_there(
    api: Api,
    other_api: Api,
    given: dict[str, Any],
    runtime: Runtime,
    other_workspace: WorkspaceId,
) -> None:
    theirs = await wish(runtime, other_workspace)
    listed = await other_api("POST", "lists", {"name": "Deles"}, status=201)
    contact = theirs["audience"]["contact_ids"][0]
    await other_api("PATCH", f"contacts/{contact}", {"tags": ["deles"]})
    audience = {"list_ids": [listed["id"]], "tags": ["deles"], "contact_ids": [contact]}
    error = await refusal(
        api, {**given, "audience": audience, "channel_ids": theirs["channel_ids"]}
    )
    assert set(error["fields"]) == {
        "channel_ids", "audience.list_ids", "audience.contact_ids", "audience.tags",
    }  # fmt: skip


async def test_a_channel_that_was_removed_is_not_there(api: Api, given: dict[str, Any]) -> None:
    [channel] = given["channel_ids"]
    await api("DELETE", f"channels/{channel}", status=204)
    error = await refusal(api, given)
    assert error["fields"] == {"channel_ids": f"unknown: {channel}"}


async def test_channels_are_kept_once_and_in_their_order(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channels = [await factories.bare_channel(runtime, workspace) for _ in range(3)]
    wanted = [channels[2], channels[0], channels[2], channels[1]]
    given = await wish(runtime, workspace, channel_ids=wanted)
    made = await api("POST", "campaigns", given, status=201)
    assert made["channel_ids"] == [channels[2], channels[0], channels[1]]


@pytest.mark.parametrize(
    "changes",
    [
        {"pacing": {"perSecond": 0}},
        {"pacing": {"perSecond": 1.5}},
        {"pacing": {"speed": 10}},
        {"pacing": {"preset": "reckless"}},
        {"schedule": {"start_at": "2030-01-01T10:00:00"}},
        {"schedule": {"start_at": "tomorrow"}},
        {"schedule": {"begin": "2030-01-01T10:00:00Z"}},
        {"schedule": {"end_at": "2020-01-01T10:00:00Z"}},
        {"schedule": {"repeat": {"every": "day"}}},
        {"content": {"type": "video", "text": "x"}},
        {"name": ""},
        {"name": "x" * 201},
        {"status": "running"},
        {"channel_ids": list(range(1, 102))},
    ],
)
async def test_a_value_that_is_not_understood_is_refused_not_left_out(
    api: Api, given: dict[str, Any], changes: dict[str, Any]
) -> None:
    error = await refusal(api, {**given, **changes})
    assert error["fields"]


async def test_campaigns_are_listed_newest_first_and_by_status(
    api: Api, given: dict[str, Any]
) -> None:
    made = [(await api("POST", "campaigns", given, status=201))["id"] for _ in range(3)]
    await api("POST", f"campaigns/{made[1]}/start", status=202)
    listed = (await api("GET", "campaigns"))["items"]
    assert [each["id"] for each in listed] == made[::-1]
    for status, expected in (("draft", [made[2], made[0]]), ("preparing", [made[1]])):
        async with api.request("GET", f"campaigns?status={status}") as answer:
            assert [each["id"] for each in (await answer.json())["items"]] == expected
    async with api.request("GET", "campaigns?status=unheard") as answer:
        assert answer.status == 422


async def test_a_schedule_is_kept_as_it_was_given_and_shown(
    api: Api, given: dict[str, Any]
) -> None:
    schedule = {
        "start_at": "2031-03-03T09:00:00-03:00",
        "end_at": "2031-03-07T18:00:00-03:00",
        "window": {
            "weekdays": [1, 2, 3, 4, 5],
            "from": "09:00",
            "to": "18:00",
            "timezone": "contact",
            "skip_holidays": "BR",
        },
        "repeat": {"every": "week", "interval": 2},
    }
    made = await api("POST", "campaigns", {**given, "schedule": schedule}, status=201)
    assert made["schedule"] == schedule
    assert (await api("GET", f"campaigns/{made['id']}"))["schedule"] == schedule


async def test_each_wrong_value_of_a_schedule_is_named_by_its_path(
    api: Api, given: dict[str, Any]
) -> None:
    window = {"weekdays": [0], "from": "9h", "to": "18:00", "timezone": "Brasília"}
    error = await refusal(
        api, {**given, "schedule": {"window": window, "repeat": {"every": "hour"}}}
    )
    assert error["code"] == "invalid_schedule"
    assert set(error["fields"]) == {
        "schedule.window.weekdays",
        "schedule.window.from",
        "schedule.window.timezone",
        "schedule.repeat.every",
    }
