"""The command ``recado`` and how its errors are told: one sentence on standard error."""

import sys
from collections.abc import Sequence

import typer

from recado import __version__
from recado.cli import admin, campaigns, contacts, sending, servers
from recado.cli.language import language
from recado.domain.errors import RecadoError

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
        lines = [language().error(error)]
        lines += [f"  {field}: {problem}" for field, problem in error.fields.items()]
        sys.stderr.write("\n".join(lines) + "\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
