"""Background jobs on procrastinate, in PostgreSQL, in a schema and a role of their own.

A job is deferred in the transaction that makes it necessary, so both are durable or neither.
Arguments are ids, keyword-only. Each feature's ``jobs.py`` builds a blueprint of its tasks from
the process's runtime.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.blueprints import Blueprint
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status

from recado.platform import logging, outages
from recado.platform.postgres import Transaction

log = logging.get(__name__)

# queue → jobs at once in one worker process
QUEUES: Mapping[str, int] = {
    "answers": 8,
    "message-retry": 3,
    "campaign-scheduler": 2,
    "campaign-notifications": 3,
    "imports": 2,
    "inbound": 2,
    "ai": 2,
}
POLL_SECONDS = 5.0  # for jobs whose time has come; new ones are told by NOTIFY
SOONER: Mapping[str, float] = {"answers": 1.0}  # whose turn comes when a limit lets them
HEARTBEAT_SECONDS = 5.0
STALLED_AFTER_SECONDS = 20.0
MOST_TAKEOVERS = 3
_WAITS = "SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = %(once)s AND status = 'todo'"
LONGEST_PAUSE_SECONDS = 5.0


async def _take_role(connection: "psycopg.AsyncConnection[Any]") -> None:
    await connection.execute("SET ROLE recado_jobs")
    await connection.execute("SET search_path TO procrastinate")
    await connection.commit()


class JobQueue:
    """Defers jobs inside business transactions, and runs them in worker processes."""

    def __init__(self, direct_url: str) -> None:
        """The URL must reach PostgreSQL itself, as LISTEN does not work behind PgBouncer."""
        connector = PsycopgConnector(
            conninfo=direct_url,
            configure=_take_role,
            min_size=1,
            max_size=9,
            timeout=10,
            kwargs={"application_name": "recado-jobs"},
        )
        self.app = App(connector=connector)

    def add(self, namespace: str, blueprint: Blueprint) -> None:
        """Make a feature's tasks known as ``namespace:name``."""
        self.app.add_tasks_from(blueprint, namespace=namespace)

    async def defer(
        self,
        tx: Transaction,
        task: str,
        *,
        at: datetime | None = None,
        once: str | None = None,
        lock: str | None = None,
        **arguments: int | str,
    ) -> None:
        """Put a job on its queue, in the caller's transaction.

        Args:
            tx: The transaction that makes the job necessary.
            task: ``namespace:name`` of the task.
            at: Not before this time.
            once: While a job with this name waits, another is not added.
            lock: Jobs of the same name run one after the other.
            arguments: What the task is called with.
        """
        connection = tx.connection
        job = self.app.configure_task(
            task,
            allow_unknown=False,
            schedule_at=at,
            queueing_lock=once,
            lock=lock,
            connection=connection,
        )
        async with tx.taking("recado_jobs", schema="procrastinate"):
            if once is not None and await tx.value(_WAITS, once=once):
                return  # asked first, as most often it does, and an error would be in the log
            try:
                # A savepoint, because a job that waits already must not abort the transaction.
                async with connection.transaction():
                    await job.defer_async(**arguments)
            except AlreadyEnqueued:
                log.debug("job waits already", task=task, once=once)

    async def run(self, queues: Mapping[str, int], *, stop: asyncio.Event) -> None:
        """Work on the given queues until told to stop; comes back after PostgreSQL does."""
        pause = 0.2
        while not stop.is_set():
            try:
                async with self.app.open_async():
                    pause = 0.2
                    await self._run_workers(queues, stop)
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker must come back
                outages.POSTGRES.away(error)
                await _wait(stop, pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _run_workers(self, queues: Mapping[str, int], stop: asyncio.Event) -> None:
        """One worker object a queue; ends when asked to stop or when any of them ends."""
        workers = [
            asyncio.create_task(
                self.app.run_worker_async(
                    queues=[queue],
                    name=queue,
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    fetch_job_polling_interval=SOONER.get(queue, POLL_SECONDS),
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_AFTER_SECONDS,
                    shutdown_graceful_timeout=10,
                ),
                name=f"queue {queue}",
            )
            for queue, concurrency in queues.items()
        ]
        watch = asyncio.create_task(self._retry_stalled(), name="stalled jobs")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait(
                [*workers, watch, stopping], return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                task.result()
        finally:
            for task in (*workers, watch, stopping):
                task.cancel()
            await asyncio.gather(*workers, watch, stopping, return_exceptions=True)

    async def _retry_stalled(self) -> None:
        """Give the jobs of dead workers back, but not for ever."""
        while True:
            stalled = await self.app.job_manager.get_stalled_jobs(
                seconds_since_heartbeat=STALLED_AFTER_SECONDS
            )
            outages.POSTGRES.back()
            for job in stalled:
                try:
                    await self._take_over(job)
                except ConnectorException as error:
                    # Another worker may have been faster; one job must not keep the others down.
                    log.warning("job not taken over", job=job.id, error=str(error))
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _take_over(self, job: Job) -> None:
        """Have a dead worker's job done again, unless it is hopeless or waits again already."""
        jobs, job_id = self.app.job_manager, job.id or 0
        if job.attempts >= MOST_TAKEOVERS:
            log.error("job given up after takeovers", job=job_id, task=job.task_name)
            await jobs.finish_job_by_id_async(job_id=job_id, status=Status.FAILED, delete_job=False)
            return
        log.warning("job taken over", job=job_id, task=job.task_name)
        try:
            await jobs.retry_job(job)
        except UniqueViolation:
            # The same work waits under the same name: that job will do it.
            await jobs.finish_job_by_id_async(job_id=job_id, status=Status.FAILED, delete_job=True)

    async def workers_alive(self, tx: Transaction) -> int:
        """How many queue workers gave a sign of life lately."""
        async with tx.taking("recado_jobs", schema="procrastinate"):
            count = await tx.value(
                "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - %(age)s",
                age=timedelta(seconds=STALLED_AFTER_SECONDS),
            )
        return int(count)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
