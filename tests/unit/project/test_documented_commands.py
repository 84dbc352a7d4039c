"""Every ``recado`` command in the documents is one that the command line takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.unit.project.markdown import Document, commands, documents

from recado.cli.main import app

# Typer's own copy of click, of which it says nothing in its types.
ROOT_COMMAND: Any = typer.main.get_command(app)
_PREFIXES = ("sudo", "exec")


def every_document() -> list[pytest.param]:  # type: ignore[valid-type]
    return [pytest.param(each, id=each.name) for each in documents()]


def typed(page: Document) -> Iterator[list[str]]:
    """The arguments of every ``recado`` that a reader is told to type."""
    for block in page.fences("console"):
        for words in commands(block):
            yield from _after_recado(words)


def _after_recado(words: list[str]) -> Iterator[list[str]]:
    for position, word in enumerate(words):
        if Path(word).name == "recado" and all(
            before in _PREFIXES or "=" in before for before in words[:position]
        ):
            yield words[position + 1 :]
            return


def find(arguments: list[str]) -> tuple[Any, list[str]]:
    """The command that these arguments reach, and what is left for it."""
    command, left = ROOT_COMMAND, list(arguments)
    while left and left[0] in getattr(command, "commands", {}):
        command = command.commands[left.pop(0)]
    return command, left


@pytest.mark.parametrize("page", every_document())
def test_every_command_of_a_console_block_is_taken(page: Document) -> None:
    for arguments in typed(page):
        command, left = find(arguments)
        assert not hasattr(command, "commands") or left == ["--version"], arguments
        if hasattr(command, "commands"):
            continue
        # Parses as on the command line, and runs nothing; raises for what it does not take.
        command.make_context("recado", left)


@pytest.mark.parametrize("page", every_document())
def test_every_command_named_in_a_sentence_exists(page: Document) -> None:
    for code in page.code():
        words = code.replace("…", "").split()
        if not words or words[0] != "recado" or "|" in code or "=" in words:
            continue
        command, left = find(words[1:])
        assert command is not ROOT_COMMAND or left in ([], ["--version"]), code
        known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        options = [word.partition("=")[0] for word in left if word.startswith("--")]
        assert set(options) <= {*known, "--help", "--version"}, code


def test_a_command_that_does_not_exist_would_be_found() -> None:
    command, left = find(["campaign", "explode", "1"])
    assert hasattr(command, "commands")
    assert left == ["explode", "1"]
    send, _ = find(["send"])
    assert not hasattr(send, "commands")
    with pytest.raises(Exception, match="--fast"):
        send.make_context("recado", ["f.csv", "--text", "x", "--fast"])


def test_the_documents_have_commands_to_check() -> None:
    found = {arguments[0] for page in documents() for arguments in typed(page)}
    assert {"up", "send", "contacts", "campaign", "doctor", "migrate", "user"} <= found
