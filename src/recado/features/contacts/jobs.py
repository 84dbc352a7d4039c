"""Background jobs of contacts."""

import asyncio
from typing import Final

from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.blueprints import Blueprint
from procrastinate.jobs import Job

from recado.domain.ids import ImportId, WorkspaceId
from recado.features.contacts.importing import service, work
from recado.features.contacts.importing.errors import ImportInterrupted
from recado.platform import logging
from recado.platform.runtime import Runtime

log = logging.get(__name__)

MOST_ATTEMPTS: Final = 3


class _Again(BaseRetryStrategy):
    """Three attempts, some seconds apart. Being stopped with its worker is no fault of a job."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if _is_last(job):
            return None
        return RetryDecision(retry_in={"seconds": 2 ** (job.attempts + 1)})


def blueprint(runtime: Runtime) -> Blueprint:
    """The tasks ``import_contacts`` and ``abandon_imports``, on the queue imports."""
    tasks = Blueprint()

    @tasks.task(name="import_contacts", queue="imports", retry=_Again(), pass_context=True)
    async def import_contacts(context: JobContext, *, workspace_id: int, import_id: int) -> None:
        workspace, contact_import = WorkspaceId(workspace_id), ImportId(import_id)
        try:
            await work.run(runtime.db, workspace, contact_import)
        except Exception:
            if _is_last(context.job):
                await work.fail(runtime.db, workspace, contact_import, ImportInterrupted())
            raise

    @tasks.periodic(cron="*/5 * * * *")
    @tasks.task(name="abandon_imports", queue="imports", queueing_lock="abandon_imports")
    async def abandon_imports(timestamp: int) -> None:
        del timestamp
        async with runtime.db.system() as tx:
            abandoned = await service.abandon_unworked(tx)
        if abandoned:
            log.error("imports had lost their jobs", imports=abandoned)

    return tasks


def _is_last(job: Job) -> bool:
    return job.attempts + 1 >= MOST_ATTEMPTS
