"""Background work on what is kept for a while only."""

from datetime import timedelta

from procrastinate.blueprints import Blueprint

from recado.platform.runtime import Runtime

ANSWERS_KEPT = timedelta(days=1)


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks of this feature, named ``settings:…``."""
    tasks = Blueprint()

    @tasks.periodic(cron="41 * * * *")
    @tasks.task(name="forget_answers", queue="campaign-scheduler", queueing_lock="forget answers")
    async def forget_answers(timestamp: int) -> None:
        """A repeated request comes soon or not at all."""
        del timestamp
        async with runtime.db.system() as tx:
            await tx.run(
                "DELETE FROM idempotency_key WHERE created_at < now() - %(age)s", age=ANSWERS_KEPT
            )

    return tasks
