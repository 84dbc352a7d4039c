"""The API answers as its own description says, whether a request fits that description or not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode as Mode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests import factories
from tests.support.processes import Installation

from recado.app import create_app
from recado.bootstrap import open_runtime
from recado.features.users import keys
from recado.features.users.roles import Role
from recado.platform import crypto, redis
from recado.platform.postgres import Database
from recado.platform.queue import JobQueue
from recado.platform.runtime import Runtime

EXAMPLES = 12
AS_DESCRIBED = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace of the installation with something of everything in it."""

    key: str
    ids: dict[str, int]


@pytest.fixture(scope="module")
async def tenant(installation: Installation) -> AsyncIterator[Tenant]:
    del installation
    runtime = open_runtime()
    workspace = await factories.workspace(runtime)
    contact, *_ = await factories.contacts(runtime, workspace, 5)
    channel = await factories.bare_channel(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        expendable, _ = await keys.create(tx, name="expendable", role=Role.VIEWER)
        ids: dict[str, int] = {
            name: await tx.value(
                f"INSERT INTO {table} VALUES (current_workspace_id(), {values}) RETURNING id"
            )
            for name, table, values in (
                ("list_id", "list (workspace_id, name)", "'Moradores'"),
                ("import_id", "contact_import (workspace_id, filename)", "'x.csv'"),
                (
                    "campaign_id",
                    "campaign (workspace_id, name, content, audience)",
                    "'x', '{}', '{}'",
                ),
            )
        }
    ids |= {"contact_id": contact, "channel_id": channel, "key_id": expendable.id}
    yield Tenant(await factories.api_key(runtime, workspace), ids)
    await runtime.close()


def _description() -> dict[str, Any]:
    """What the API says of itself; no server is needed to ask."""
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    runtime = Runtime(
        db=Database(nowhere),
        redis=redis.connect("redis://127.0.0.1:1/0"),
        queue=JobQueue(nowhere),
        sealer=crypto.Sealer(crypto.new_key()),
        public_url="http://127.0.0.1:1",
    )
    app: Any = create_app(runtime)
    while not isinstance(app, FastAPI):
        app = app._app
    return app.openapi()


SCHEMA = schemathesis.openapi.from_dict(_description())
OPERATIONS: list[Any] = [
    found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)
]


def _cases(operation: Any) -> st.SearchStrategy[Any]:
    """Requests that fit the description, and such that do not where anything can be wrong."""
    fitting: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=Mode.POSITIVE)
    if not (operation.body or operation.path_parameters or operation.query):
        return fitting
    wrong: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=Mode.NEGATIVE)
    return fitting | wrong


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_call_answers_as_it_is_described(
    operation: Any, tenant: Tenant, installation: Installation
) -> None:
    @given(case=_cases(operation), there=st.booleans())
    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def call(case: Any, there: bool) -> None:
        if there:
            known = {name: tenant.ids.get(name, 1) for name in case.path_parameters}
            case.path_parameters.update(known)
        answer = case.call(
            base_url=installation.url, headers={"Authorization": f"Bearer {tenant.key}"}
        )
        case.validate_response(answer, checks=AS_DESCRIBED)

    call()


def test_every_call_says_what_it_answers_and_how_to_show_a_key() -> None:
    assert len(OPERATIONS) >= 40
    for path, methods in _description()["paths"].items():
        for method, described in methods.items():
            answers = described["responses"]
            assert "4XX" in answers, (method, path)
            assert any(status.startswith("2") for status in answers), (method, path)
            if path.startswith("/api/"):
                assert described["security"], (method, path)
                assert described["summary"], (method, path)
