"""Commands as a person types them, run in this process."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from recado.cli.main import main


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Recado = Callable[..., Ended]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Recado:
    """Runs one command; what it reads from standard input is given."""

    def run(*arguments: object, typed: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["recado"])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capsys.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


def sentence(ended: Ended) -> str:
    """The one sentence that a failed command leaves on standard error."""
    assert ended.code == 1, ended
    first, *more = ended.err.splitlines()
    assert "Traceback" not in ended.err
    assert all(line.startswith("  ") for line in more), ended.err  # the fields that are wrong
    return first
