"""Background work on wishes."""

from procrastinate import RetryStrategy
from procrastinate.blueprints import Blueprint

from recado.domain.ids import WorkspaceId
from recado.features.wishes import confirming
from recado.platform.runtime import Runtime


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``wishes:…``."""
    tasks = Blueprint()

    @tasks.task(
        name="confirm", queue="inbound", retry=RetryStrategy(max_attempts=3, exponential_wait=2)
    )
    async def confirm(*, workspace_id: int, changes: str) -> None:
        """``changes``: ids with commas between them."""
        ids = map(int, changes.split(","))
        await confirming.confirm(runtime, WorkspaceId(workspace_id), ids)

    return tasks
