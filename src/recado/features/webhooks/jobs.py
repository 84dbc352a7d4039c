"""Background work on callbacks."""

from procrastinate import RetryStrategy
from procrastinate.blueprints import Blueprint

from recado.domain.ids import WorkspaceId
from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``webhooks:…``."""
    tasks = Blueprint()

    @tasks.task(
        name="apply", queue="inbound", retry=RetryStrategy(max_attempts=3, exponential_wait=2)
    )
    async def apply(*, workspace_id: int) -> None:
        await apply_waiting(runtime, WorkspaceId(workspace_id))

    return tasks
