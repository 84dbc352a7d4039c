"""Background work on callbacks."""

from datetime import timedelta

from procrastinate import RetryStrategy
from procrastinate.blueprints import Blueprint

from recado.domain.ids import WorkspaceId
from recado.features.webhooks.applying import apply_waiting
from recado.features.webhooks.routes import SQL
from recado.features.webhooks.store import defer_applying
from recado.platform.runtime import Runtime

KEPT = timedelta(days=7)  # as long as Meta repeats a callback that was not answered


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``webhooks:…``."""
    tasks = Blueprint()

    @tasks.task(
        name="apply", queue="inbound", retry=RetryStrategy(max_attempts=3, exponential_wait=2)
    )
    async def apply(*, workspace_id: int) -> None:
        await apply_waiting(runtime, WorkspaceId(workspace_id))

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="sweep", queue="inbound", queueing_lock="sweep callbacks")
    async def sweep(timestamp: int) -> None:
        """Callbacks whose job has failed for good, or was lost, get another."""
        del timestamp
        async with runtime.db.system() as tx:
            for row in await tx.all(SQL["workspaces_waiting"]):
                await defer_applying(runtime, tx, WorkspaceId(row["workspace_id"]))

    @tasks.periodic(cron="23 * * * *")
    @tasks.task(name="forget", queue="inbound", queueing_lock="forget callbacks")
    async def forget(timestamp: int) -> None:
        """Applied callbacks are kept for questions, but not for ever."""
        del timestamp
        async with runtime.db.system() as tx:
            await tx.run(SQL["forget"], age=KEPT)

    return tasks
