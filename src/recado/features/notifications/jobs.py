"""Background work on notifications."""

from datetime import timedelta

from procrastinate.blueprints import Blueprint

from recado.features.notifications.service import SQL
from recado.features.notifications.webhook import tell_all
from recado.platform.runtime import Runtime

QUEUE = "campaign-notifications"
KEPT = timedelta(days=90)


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``notifications:…``."""
    tasks = Blueprint()

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="tell", queue=QUEUE, queueing_lock="tell", lock="tell")
    async def tell(timestamp: int) -> None:
        """One at a time, so that none is told twice by two."""
        del timestamp
        await tell_all(runtime)

    @tasks.periodic(cron="53 * * * *")
    @tasks.task(name="forget", queue=QUEUE, queueing_lock="forget notifications")
    async def forget(timestamp: int) -> None:
        """What happened long ago is no news."""
        del timestamp
        async with runtime.db.system() as tx:
            await tx.run(SQL["forget"], age=KEPT)

    return tasks
