"""The product under test, and numbers on the simulator that nobody else drives."""

import pytest
from tests.integration.api.product import *  # noqa: F403 - fixtures, by their names
from tests.integration.api.product import Api
from tests.integration.dispatch.conftest import new_number, simulator
from tests.integration.webhooks.calling import Number, connect

from recado.domain.ids import WorkspaceId

__all__ = ["new_number", "simulator"]


@pytest.fixture
async def number(api: Api, workspace: WorkspaceId) -> Number:
    return await connect(api, workspace)
