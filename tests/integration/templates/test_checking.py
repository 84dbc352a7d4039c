"""A campaign's template is looked at before anybody is written to."""

from typing import Any

import pytest
from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.integration.templates.playing import Account, template

from recado.platform.runtime import Runtime

IMAGE = {"type": "image", "link": "https://example.com/a.jpg"}
BUTTONS = {
    "type": "BUTTONS",
    "buttons": [
        {"type": "URL", "text": "Ver", "url": "https://example.com/{{1}}"},
        {"type": "QUICK_REPLY", "text": "Sair"},
    ],
}
OFFER = template(
    "oferta",
    "Olá {{nome}}, até {{data}}.",
    parameter_format="NAMED",
    extra=[{"type": "HEADER", "format": "IMAGE"}],
)
OFFER["components"].append(BUTTONS)
FITS = {
    "header": IMAGE,
    "body": {"nome": "{nome}", "data": {"type": "date_time", "fallback_value": "sexta"}},
    "buttons": [
        {"index": 0, "type": "url", "value": "x"},
        {"index": 1, "type": "quick_reply", "value": "sair"},
    ],
}


def content(name: str = "aviso", parameters: Any = ("a", "b"), language: str = "pt-BR") -> Any:
    given = list(parameters) if isinstance(parameters, tuple) else parameters
    return {"type": "template", "name": name, "language": language, "parameters": given}


@pytest.fixture
async def wish(account: Account, runtime: Runtime, finish_jobs: FinishJobs) -> dict[str, Any]:
    """A campaign through the account's number, whose list has three templates."""
    account.lists(
        template("aviso"),
        template("pausado", status="PAUSED"),
        template("recusado", status="REJECTED"),
        OFFER,
    )
    await finish_jobs()
    return {
        "name": "Aviso",
        "channel_ids": [account.channel],
        "audience": {"contact_ids": await factories.contacts(runtime, account.workspace, 2)},
    }


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        (content(), None, ""),
        (content("oferta", FITS), None, ""),
        (content("pausado"), None, ""),
        (content("outro"), "unknown_template", "content.name"),
        (content(language="en_US"), "unknown_template", "content.language"),
        (content("recusado"), "template_not_approved", "content.name"),
        (content(parameters=("a",)), "template_mismatch", "content.parameters.body"),
        (
            content(parameters={"nome": "a", "data": "b"}),
            "template_mismatch",
            "content.parameters.body",
        ),
        (
            content("oferta", {**FITS, "header": None}),
            "template_mismatch",
            "content.parameters.header",
        ),
        (
            content("oferta", {**FITS, "buttons": []}),
            "template_mismatch",
            "content.parameters.buttons",
        ),
    ],
)
async def test_what_would_be_refused_for_everybody_is_refused_at_once(
    wish: dict[str, Any], api: Api, wanted: Any, code: str | None, field: str
) -> None:
    if code is None:
        await api("POST", "campaigns", {**wish, "content": wanted}, status=201)
        return
    error = (await api("POST", "campaigns", {**wish, "content": wanted}, status=422))["error"]
    assert (error["code"], list(error["fields"])) == (code, [field])
    made = await api("POST", "campaigns", {**wish, "content": content()}, status=201)
    error = (await api("PATCH", f"campaigns/{made['id']}", {"content": wanted}, status=422))[
        "error"
    ]
    assert error["code"] == code


async def test_what_is_not_approved_yet_can_be_made_ready_and_not_started(
    wish: dict[str, Any], api: Api
) -> None:
    made = await api("POST", "campaigns", {**wish, "content": content("pausado")}, status=201)
    ahead = await api("POST", f"campaigns/{made['id']}/preflight")
    assert ahead["warnings"][0]["code"] == "template_stopped"
    error = (await api("POST", f"campaigns/{made['id']}/start", status=422))["error"]
    assert error["code"] == "template_not_approved"
    later = {"schedule": {"start_at": "2099-01-01T10:00:00Z"}}
    await api("PATCH", f"campaigns/{made['id']}", later)
    await api("POST", f"campaigns/{made['id']}/start", status=202)


async def test_a_template_that_changes_under_a_draft_is_found_before_its_start(
    wish: dict[str, Any], account: Account, api: Api
) -> None:
    made = await api("POST", "campaigns", {**wish, "content": content()}, status=201)
    account.lists(template("aviso", "Olá {{1}}."))
    await account.sync()
    ahead = await api("POST", f"campaigns/{made['id']}/preflight")
    assert ahead["warnings"][0]["code"] == "template_unfit"
    assert "takes 1 values, not 2" in ahead["warnings"][0]["message"]
    error = (await api("POST", f"campaigns/{made['id']}/start", status=422))["error"]
    assert list(error["fields"]) == ["content.parameters.body"]
    account.lists(template("outro"))
    await account.sync()
    ahead = await api("POST", f"campaigns/{made['id']}/preflight")
    assert ahead["warnings"][0]["code"] == "template_missing"


async def test_a_list_that_never_came_is_asked_for_when_it_is_needed(
    account: Account, api: Api, runtime: Runtime
) -> None:
    people = await factories.contacts(runtime, account.workspace, 1)
    given = {
        "name": "Aviso",
        "channel_ids": [account.channel],
        "audience": {"contact_ids": people},
        "content": content("outro"),
    }
    error = (await api("POST", "campaigns", given, status=422))["error"]
    assert error["code"] == "unknown_template"
    await api("POST", "campaigns", {**given, "content": content()}, status=201)


async def test_a_provider_that_is_away_holds_nobody_up(
    api: Api, runtime: Runtime, workspace: Any, finish_jobs: FinishJobs
) -> None:
    config = {
        "phone_number_id": "400000000000800",
        "waba_id": "400000000000801",
        "access_token": "token",
        "app_secret": "segredo",
        "verify_token": "confere",
        "base_url": "http://127.0.0.1:1",
    }
    new = {"name": "longe", "provider": "meta", "config": config}
    channel = await api("POST", "channels", new, status=201)
    given = {
        "name": "Aviso",
        "channel_ids": [channel["id"]],
        "audience": {"contact_ids": await factories.contacts(runtime, workspace, 1)},
        "content": content("qualquer"),
    }
    made = await api("POST", "campaigns", given, status=201)
    ahead = await api("POST", f"campaigns/{made['id']}/preflight")
    assert "template_unchecked" in [one["code"] for one in ahead["warnings"]]
    await api("POST", f"campaigns/{made['id']}/start", status=202)
    await finish_jobs()
