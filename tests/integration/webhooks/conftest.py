import pytest
from tests.integration.api.product import (
    Api,
    address,
    api,
    finish_jobs,
    http,
    other_api,
    other_workspace,
    own_database_url,
    own_redis_url,
    owner,
    runtime,
)
from tests.integration.webhooks.calling import Number, connect

from recado.domain.ids import WorkspaceId

__all__ = [
    "address",
    "api",
    "finish_jobs",
    "http",
    "other_api",
    "other_workspace",
    "own_database_url",
    "own_redis_url",
    "owner",
    "runtime",
]


@pytest.fixture
async def number(api: Api, workspace: WorkspaceId) -> Number:
    return await connect(api, workspace)


@pytest.fixture
async def other_number(other_api: Api, other_workspace: WorkspaceId) -> Number:
    """A number of another workspace, with a secret of its own."""
    return await connect(other_api, other_workspace, app_secret="outro segredo")
