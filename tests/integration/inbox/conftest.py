"""The product under test."""

import pytest
from tests.integration.api.product import *  # noqa: F403 - fixtures, by their names
from tests.integration.api.product import Api
from tests.integration.webhooks.calling import Number, connect

from recado.domain.ids import WorkspaceId


@pytest.fixture
async def number(api: Api, workspace: WorkspaceId) -> Number:
    return await connect(api, workspace)
