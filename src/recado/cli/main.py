"""The command ``recado`` and how its errors are told: one sentence on standard error."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import psycopg
import typer
from redis.exceptions import RedisError
from sqlalchemy import exc as sqlalchemy_errors

from recado import __version__
from recado.cli import admin, callbacks, campaigns, contacts, sending, servers
from recado.cli.language import language
from recado.domain.errors import InvalidInput, RecadoError, Unavailable

SERVER_AWAY = (
    psycopg.OperationalError,
    sqlalchemy_errors.OperationalError,
    sqlalchemy_errors.InterfaceError,
    sqlalchemy_errors.TimeoutError,
    RedisError,
    ConnectionError,
)


class ServerAway(Unavailable):
    code = "server_away"
    sentence = "A server does not answer: {why}. 'recado doctor' says which and how to mend it."


class FileUnusable(InvalidInput):
    code = "file_unusable"
    sentence = "The file {path} cannot be used: {why}. Choose another, or change its permissions."


app = typer.Typer(
    name="recado",
    help="WhatsApp campaigns at a pace that never breaks a limit, never twice, nothing lost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
servers.add_to(app)
sending.add_to(app)
app.add_typer(contacts.app, name="contacts")
app.add_typer(campaigns.app, name="campaign")
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(admin.workspace, name="workspace")
app.add_typer(admin.user, name="user")
app.add_typer(admin.apikey, name="apikey")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"recado {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """WhatsApp campaigns at a pace that never breaks a limit, never twice, nothing lost."""
    del version


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit code 0 done, 1 failed, 2 bad usage."""
    try:
        app(args=list(arguments) if arguments is not None else None, standalone_mode=True)
    except RecadoError as error:
        _fail(error)
    except SERVER_AWAY as error:
        _fail(ServerAway(why=_first_line(error)))
    except OSError as error:
        if error.filename is None:
            raise
        _fail(FileUnusable(path=error.filename, why=error.strerror))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: RecadoError) -> NoReturn:
    words = language()
    lines = [words.error(error)]
    lines += [f"  {field}: {words.gettext(why)}" for field, why in error.fields.items()]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.exit(1)


def _first_line(error: BaseException) -> str:
    """What the driver itself says; SQLAlchemy adds advice for programmers."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0].rstrip(".") if said else type(error).__name__
