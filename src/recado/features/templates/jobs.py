"""Background work on templates: asking for the lists that are due."""

from procrastinate.blueprints import Blueprint

from recado.domain.ids import WorkspaceId
from recado.features.templates import service, store
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport

QUEUE = "message-retry"  # seldom and short; a file of contacts must not keep it waiting


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``templates:…``."""
    tasks = Blueprint()

    @tasks.task(name="sync", queue=QUEUE)
    async def sync(*, workspace_id: int) -> None:
        async with AiohttpTransport() as transport:
            await service.sync_due(runtime, transport, WorkspaceId(workspace_id))

    @tasks.periodic(cron="*/5 * * * *")
    @tasks.task(name="sweep", queue=QUEUE, queueing_lock="sweep templates")
    async def sweep(timestamp: int) -> None:
        """Lists that are due again, and those whose job has failed or was lost."""
        del timestamp
        async with runtime.db.system() as tx:
            rows = await tx.all(store.SQL["workspaces_due"], now=clock.now())
        for row in rows:
            async with runtime.db.workspace(WorkspaceId(row["workspace_id"])) as tx:
                await store.defer_sync(tx, runtime)

    return tasks
