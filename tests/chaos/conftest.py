"""An installation to be maltreated."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.chaos.forms import Form
from tests.integration.dispatch.stack import Stack, running


@pytest.fixture
async def stack(environment: dict[str, str], folder: Path, form: Form) -> AsyncIterator[Stack]:
    """Servers, web and simulator of this test alone, with the form's times."""
    home = Path(tempfile.mkdtemp(prefix="chaos-", dir=folder))
    async with running(
        home / "stack",
        environment["RECADO_SECRET_KEY"],
        lease_seconds=form.lease_seconds,
        request_timeout=form.request_timeout,
    ) as opened:
        yield opened
