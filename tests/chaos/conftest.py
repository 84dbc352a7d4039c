"""An installation to be maltreated."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.dispatch.stack import Stack, running


@pytest.fixture
async def stack(environment: dict[str, str], folder: Path) -> AsyncIterator[Stack]:
    """Servers, web and simulator of this test alone."""
    home = Path(tempfile.mkdtemp(prefix="chaos-", dir=folder))
    async with running(home / "stack", environment["RECADO_SECRET_KEY"]) as opened:
        yield opened
