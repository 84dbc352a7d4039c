"""``recado contacts``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recado.cli import following, installation
from recado.cli.language import language
from recado.domain.errors import InvalidInput, RecadoError
from recado.domain.ids import ImportId, WorkspaceId
from recado.features.contacts.importing import service as imports
from recado.platform.runtime import Runtime

app = typer.Typer(help="Contacts.", no_args_is_help=True)
ERRORS_SHOWN = 20


@app.callback()
def root() -> None:
    """Contacts."""


@app.command("import")
def import_contacts(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX with a line of headers.")],
    list_name: Annotated[str | None, typer.Option("--list", help="Put them on this list.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="column=field, as often as needed.")
    ] = None,
    workspace: Annotated[str | None, typer.Option(help="Name of the workspace.")] = None,
) -> None:
    """Import a file; a repeat of the same file changes nothing."""
    pairs: dict[str, str] = {}
    for pair in mapping or []:
        column, separator, field = pair.partition("=")
        if not separator or not column.strip():
            raise typer.BadParameter(f"'{pair}' is not column=field", param_hint="--map")
        pairs[column.strip()] = field.strip()
    console = Console()

    async def work(runtime: Runtime, workspace_id: WorkspaceId) -> None:
        done = await following.import_file(
            runtime,
            workspace_id,
            file,
            list_name=list_name,
            mapping=pairs,
            console=console,
        )
        following.report_import(done, console)
        async with runtime.db.workspace(workspace_id) as tx:
            rows = await imports.errors(tx, ImportId(done.id), after=0, limit=ERRORS_SHOWN + 1)
        for row in rows[:ERRORS_SHOWN]:
            sentence = RecadoError(row["sentence"], **row["params"]).message(language().gettext)
            place = language().gettext(
                "line {line}, {column}", line=row["line"], column=row["column"]
            )
            console.print(f"  {place}: {sentence}", highlight=False, markup=False, soft_wrap=True)
        if len(rows) > ERRORS_SHOWN:
            path = f"/api/v1/imports/{done.id}/errors.csv"
            console.print("  " + language().gettext("All of them: GET {path}", path=path))
        if done.status == "failed":
            raise InvalidInput(done.error_sentence, **done.error_params)

    installation.in_workspace(workspace, work)
