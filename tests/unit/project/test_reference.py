"""The reference says what the code says, and all of it."""

import inspect
import re
import subprocess
import sys
from typing import get_args
from urllib.parse import urlsplit

import msgspec
from fastapi.routing import APIRoute
from scripts import reference_texts
from tests.unit.project.markdown import ROOT, Document, commands, document, documents

from recado.app import RESOURCES
from recado.domain import campaign_settings, pacing
from recado.domain.phones import PhoneProblem
from recado.features.contacts.reading.rows import SENTENCES
from recado.features.users.roles import Role
from recado.platform import settings
from recado.simulator import faults
from recado.simulator.control import Control
from recado.simulator.settings import Settings
from recado.simulator.wire import Request
from recado.simulator.world import World

HTTP_API = "docs/reference/http-api.md"
SIMULATOR = "docs/reference/simulator.md"
GROUPS = (settings.Servers, settings.Home, settings.Web, settings.Sending, settings.Logs)
ELSEWHERE = {
    "GET /api/v1/live",  # a WebSocket
    "GET /webhooks/{provider}/{channel_key}",  # in front of the framework
    "POST /webhooks/{provider}/{channel_key}",
    "GET /docs",
    "GET /openapi.json",
    "GET /metrics",
}
PLAYED = ("/meta/", "/evolution/", "/uazapi/")  # calls of providers, below the simulator's address
OUR_HOSTS = frozenset({"127.0.0.1", "recado.example.org"})
CALL = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s?`'\"]*)")


def rows(name: str, *head: str) -> list[list[str]]:
    """The rows of the one table of a page that has this head."""
    return next(table[1:] for table in document(name).tables() if table[0] == list(head))


def first(name: str, *head: str) -> list[str]:
    """The first cells of that table, without their markup."""
    return [row[0].strip("`") for row in rows(name, *head)]


def routes() -> dict[str, APIRoute]:
    """Every call of the API: "GET /api/v1/contacts" → its route."""
    return {
        f"{method} {route.path}": route
        for resource in RESOURCES
        for route in resource.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def role_of(route: APIRoute) -> str:
    """The role that a call asks for; empty where it asks for none."""
    for dependency in route.dependant.dependencies:
        if dependency.call is not None:
            role = inspect.getclosurevars(dependency.call).nonlocals.get("role")
            if isinstance(role, Role):
                return role.value
    return ""


def simulator_calls() -> set[str]:
    control = Control(World(Settings()), {})
    answer = control.handle(Request(method="GET", parts=["_sim", ""]))
    return set(msgspec.json.decode(answer.body, type=list[str]))


def test_the_written_pages_are_up_to_date() -> None:
    script = ROOT / "scripts" / "generate_reference.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_is_explained_and_nothing_else_is() -> None:
    explained = set(first("docs/reference/configuration.md", "variable", "default", "meaning"))
    names = set()
    for table in document("docs/reference/configuration.md").tables():
        for name, _, meaning in table[1:]:
            assert meaning, f"{name} has no meaning"
            names.add(name.strip("`"))
    fields = {
        str(field.validation_alias or f"RECADO_{name}".upper())
        for group in (
            settings.Servers,
            settings.Home,
            settings.Web,
            settings.Sending,
            settings.Logs,
        )
        for name, field in group.model_fields.items()
    }
    assert explained <= names == fields
    assert set(reference_texts.SETTINGS) <= fields


def test_every_pacing_key_is_explained() -> None:
    assert list(reference_texts.PACING_KEYS) == list(pacing.KEYS)


def test_every_call_of_the_api_is_listed_with_its_role() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(HTTP_API, "call", "role", "does")}
    present = routes()
    assert set(listed) - ELSEWHERE == set(present) - ELSEWHERE
    for call, route in present.items():
        assert listed[call] == role_of(route), call


def test_every_call_named_anywhere_exists() -> None:
    known = {*routes(), *ELSEWHERE, *simulator_calls(), "GET /_sim"}
    patterns = [re.compile(re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(call))) for call in known]
    for page in documents():
        for call in calls_in(page):
            assert any(pattern.fullmatch(call) for pattern in patterns), f"{page.name}: {call}"


def calls_in(page: Document) -> list[str]:
    """Calls as sentences, examples and curl name them."""
    pieces = [*page.code(), *page.fences("text", "console", "json")]
    named = [found for piece in pieces for found in CALL.findall(piece)]
    for words in curls(page):
        url = urlsplit(next(word for word in words if word.startswith("http")))
        if url.hostname in OUR_HOSTS:
            method = words[words.index("-X") + 1] if "-X" in words else "GET"
            named.append((method, url.path))
    return [f"{method} {path}" for method, path in named if not path.startswith(PLAYED)]


def curls(page: Document) -> list[list[str]]:
    """The words of every request that a reader is told to make by curl."""
    return [
        words
        for block in page.fences("console")
        for words in commands(block)
        if words and words[0] == "curl"
    ]


def test_every_body_in_an_example_is_json() -> None:
    for page in documents():
        bodies = [words[words.index("-d") + 1] for words in curls(page) if "-d" in words]
        for body in (*bodies, *page.fences("json")):
            msgspec.json.decode(body)


def test_every_endpoint_of_the_simulator_is_listed() -> None:
    assert set(first(SIMULATOR, "call", "does")) == simulator_calls()


def test_every_setting_of_the_simulator_is_listed_with_its_default() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(SIMULATOR, "setting", "default", "")}
    defaults = {
        name: str(value).lower() for name, value in msgspec.structs.asdict(Settings()).items()
    }
    assert listed == defaults


def test_every_fault_of_the_simulator_is_listed() -> None:
    assert set(first(SIMULATOR, "kind of fault", "what happens")) == set(get_args(faults.Kind))
    assert set(first(SIMULATOR, "key of a rule", "")) == set(faults.Rule.__struct_fields__)
    text = (ROOT / SIMULATOR).read_text(encoding="utf-8")
    for name in (*faults.Match.__struct_fields__, *faults.Fault.__struct_fields__):
        assert f"`{name}`" in text, name


def test_every_reason_for_a_rejected_line_is_explained() -> None:
    page = "docs/howto/import-contacts.md"
    explained = {
        *first(page, "reason", "what to do"),
        *first(page, "reason", "what was done"),
    }
    assert explained == {*(f"phone_{problem}" for problem in PhoneProblem), *SENTENCES}


def test_every_setting_of_a_workspace_is_explained() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(HTTP_API, "key", "default", "meaning")}
    assert listed.keys() == campaign_settings.SETTINGS.keys()
    for key, shown in listed.items():
        assert msgspec.json.decode(shown.strip("`")) == campaign_settings.SETTINGS[key].default
