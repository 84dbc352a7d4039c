"""Help, exit codes, and errors in one sentence: 0 done, 1 failed, 2 bad usage."""

import pytest
import typer.main
from tests.integration.cli.commands import Recado, sentence
from tests.support.processes import free_port

from recado import __version__
from recado.cli.main import app
from recado.platform import settings


def _paths() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def walk(command: object, path: tuple[str, ...]) -> None:
        found.append(path)
        for name, child in getattr(command, "commands", {}).items():
            walk(child, (*path, name))

    walk(typer.main.get_command(app), ())
    return found


@pytest.mark.parametrize("path", _paths(), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...], recado: Recado) -> None:
    ended = recado(*path, "--help")
    assert ended.code == 0
    assert "Usage: recado" in ended.out
    assert recado(*path, "-h").out == ended.out


def test_the_commands_that_others_rely_on_are_there() -> None:
    names = {" ".join(path) for path in _paths()}
    assert names >= {
        "up", "web", "worker", "migrate", "doctor", "simulator", "send", "contacts import",
        "workspace create", "user create", "apikey create", "campaign create", "campaign start",
        "campaign pause", "campaign resume", "campaign cancel", "campaign progress",
        "campaign report",
    }  # fmt: skip


def test_the_version_is_told(recado: Recado) -> None:
    assert recado("--version").out.strip() == f"recado {__version__}"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["campaign"],
        ["fly"],
        ["campaign", "fly"],
        ["campaign", "start"],
        ["campaign", "start", "one"],
        ["campaign", "start", "0"],
        ["campaign", "start", str(2**63)],
        ["campaign", "create", "--name", "x"],
        ["campaign", "progress", "1", "--fast"],
        ["workspace", "create"],
        ["user", "create", "a@example.org", "--role", "king"],
        ["contacts", "import"],
        ["contacts", "import", "x.csv", "--map", "telefone"],
        ["contacts", "import", "x.csv", "--map", "=telefone"],
        ["send", "x.csv"],
        ["up", "--port", "70000"],
        ["up", "--workers", "0"],
        ["simulator", "--latency-ms", "-1"],
    ],
    ids=" ".join,
)
def test_bad_usage_ends_with_2(arguments: list[str], recado: Recado) -> None:
    ended = recado(*arguments)
    assert ended.code == 2
    assert "Usage:" in ended.out + ended.err


def test_a_queue_that_there_is_not_is_refused_with_those_there_are(recado: Recado) -> None:
    ended = recado("worker", "--queues", "imports,letters")
    assert ended.code == 2
    assert "There is no queue 'letters'." in ended.err
    assert "campaign-messages" in ended.err


def test_without_an_installation_it_is_said_how_to_reach_one(
    recado: Recado, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name)
    settings.servers.cache_clear()
    for arguments in (["campaign", "progress", "1"], ["migrate"], ["web"], ["worker"]):
        assert sentence(recado(*arguments)).startswith("No Recado is running here.")


def test_an_error_is_told_in_the_terminal_s_language(
    recado: Recado, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "pt_BR.UTF-8")
    assert sentence(recado("workspace", "create", " ")).startswith("A empresa está sem nome.")


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_while_a_server_is_away_one_sentence_says_so(
    name: str, recado: Recado, company: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {
        "DATABASE_URL": f"postgresql://postgres:geheim@127.0.0.1:{free_port()}/recado",
        "REDIS_URL": f"redis://:geheim@127.0.0.1:{free_port()}/0",
    }
    monkeypatch.setenv(name, away[name])
    settings.servers.cache_clear()
    ended = recado("campaign", "progress", "999999", "--workspace", company)
    said = sentence(ended)
    assert "geheim" not in said
    if name == "DATABASE_URL":
        assert "does not answer" in said
    else:
        assert said.startswith("There is no such campaign")  # PostgreSQL alone is asked
