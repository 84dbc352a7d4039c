"""Contact files to import, and what became of them."""

from collections.abc import Awaitable, Callable
from typing import Any

from recado.domain.ids import ImportId, WorkspaceId
from recado.features.contacts.importing import service
from recado.features.contacts.importing.models import ContactImport
from recado.platform.runtime import Runtime

Import = Callable[..., Awaitable[ContactImport]]
Store = Callable[..., Awaitable[ImportId]]


def rows(count: int, *, first: int = 0, name: str = "Pessoa") -> str:
    """Lines of a file with a header, phones in an order unlike that of the lines."""
    lines = [
        f"{name} {number},319{(number * 7919) % 10_000_000 + 80_000_000:08d}"
        for number in range(first, first + count)
    ]
    return "\n".join(["nome,telefone", *lines])


async def state(runtime: Runtime, workspace: WorkspaceId, import_id: ImportId) -> ContactImport:
    async with runtime.db.workspace(workspace) as tx:
        return await service.get(tx, import_id)


async def everyone(runtime: Runtime, workspace: WorkspaceId) -> list[dict[str, Any]]:
    async with runtime.db.workspace(workspace) as tx:
        return await tx.all("SELECT * FROM contact ORDER BY id")


def figures(done: ContactImport) -> tuple[int, int, int, int, int]:
    return done.total, done.created, done.updated, done.skipped, done.rejected
