"""Commands against the running installation, in a workspace of the test's own."""

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.integration.cli.commands import Recado, runner
from tests.support.processes import Installation

from recado.platform import settings

_numbers = itertools.count(1)


@pytest.fixture
def recado(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Recado]:
    """Runs a command on the environment's servers, from an empty home, in English."""
    before = dict(os.environ)
    monkeypatch.setenv("RECADO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")
    settings.home.cache_clear()
    yield runner(monkeypatch, capsys)
    os.environ.clear()
    os.environ.update(before)
    for group in (settings.servers, settings.web, settings.sending, settings.home, settings.logs):
        group.cache_clear()


@pytest.fixture
def company(recado: Recado) -> str:
    """The name of a new workspace."""
    name = f"Administradora {os.getpid()} {next(_numbers)}"
    assert recado("workspace", "create", name).code == 0
    return name


@dataclass(frozen=True, slots=True)
class Office:
    """A workspace with a channel on the simulator, and where its files lie."""

    name: str
    channel: str
    folder: Path

    @property
    def here(self) -> tuple[str, str]:
        """The option that names the workspace."""
        return ("--workspace", self.name)

    def file(self, content: str | bytes) -> Path:
        """A file of contacts."""
        path = self.folder / "contatos.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@pytest.fixture
def office(installation: Installation, recado: Recado, company: str, tmp_path: Path) -> Office:
    key = recado("apikey", "create", "teste", "--role", "admin", "--workspace", company).out.strip()
    request = Request(
        f"{installation.url}/api/v1/channels",
        json.dumps({"name": "simulador", "provider": "simulator"}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=20) as answer:
        return Office(company, json.load(answer)["name"], tmp_path)
