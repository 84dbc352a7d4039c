"""The product under test, and numbers that are called back for."""

import pytest
from tests.integration.api.product import *  # noqa: F403 - fixtures, by their names
from tests.integration.api.product import Api
from tests.integration.webhooks.calling import Number, connect

from recado.domain.ids import WorkspaceId


@pytest.fixture
async def number(api: Api, workspace: WorkspaceId) -> Number:
    return await connect(api, workspace)


@pytest.fixture
async def other_number(other_api: Api, other_workspace: WorkspaceId) -> Number:
    """A number of another workspace, with a secret of its own."""
    return await connect(other_api, other_workspace, app_secret="outro segredo")
