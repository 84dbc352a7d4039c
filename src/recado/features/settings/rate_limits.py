"""Limits of a whole workspace, as rows."""

from collections.abc import Mapping

from recado.domain.limits import Scope
from recado.platform.postgres import Transaction


async def of_workspace(tx: Transaction) -> dict[str, int]:
    """Name → most; what is not limited is not there."""
    rows = await tx.all(
        "SELECT name, value FROM rate_limit"
        " WHERE workspace_id = %(workspace_id)s AND scope = %(scope)s AND subject_id = 0",
        workspace_id=tx.workspace_id,
        scope=Scope.WORKSPACE.value,
    )
    return {row["name"]: int(row["value"]) for row in rows}


async def save(tx: Transaction, given: Mapping[str, int | None]) -> None:
    """Set some of them; None takes one away."""
    for name, value in given.items():
        if value is None:
            await tx.run(
                "DELETE FROM rate_limit WHERE workspace_id = %(workspace_id)s"
                " AND scope = %(scope)s AND subject_id = 0 AND name = %(name)s",
                workspace_id=tx.workspace_id,
                scope=Scope.WORKSPACE.value,
                name=name,
            )
            continue
        await tx.run(
            "INSERT INTO rate_limit (workspace_id, scope, subject_id, name, value)"
            " VALUES (%(workspace_id)s, %(scope)s, 0, %(name)s, %(value)s)"
            " ON CONFLICT (workspace_id, scope, subject_id, name)"
            " DO UPDATE SET value = excluded.value, updated_at = now()",
            workspace_id=tx.workspace_id,
            scope=Scope.WORKSPACE.value,
            name=name,
            value=value,
        )
