"""Background work on checks of numbers: a job a step."""

from datetime import timedelta

from procrastinate.blueprints import Blueprint

from recado.domain.ids import CheckId, WorkspaceId
from recado.features.checks import service, work
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.transport import AiohttpTransport

QUEUE = "message-retry"  # short steps; a file of contacts must not keep them waiting
OVERDUE = timedelta(seconds=30)  # what has been due for so long, its job has forgotten


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``checks:…``."""
    tasks = Blueprint()

    @tasks.task(name="step", queue=QUEUE)
    async def step(*, workspace_id: int, check_id: int) -> None:
        async with AiohttpTransport() as transport:
            await work.step(runtime, transport, WorkspaceId(workspace_id), CheckId(check_id))

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="sweep", queue=QUEUE, queueing_lock="sweep checks of numbers")
    async def sweep(timestamp: int) -> None:
        """Steps whose job has failed or was lost get another."""
        del timestamp
        before = clock.now() - OVERDUE
        async with runtime.db.system() as tx:
            rows = await tx.all(service.SQL["forgotten"], before=before)
        for row in rows:
            async with runtime.db.workspace(WorkspaceId(row["workspace_id"])) as tx:
                await service.defer(tx, runtime, CheckId(row["id"]))

    return tasks
