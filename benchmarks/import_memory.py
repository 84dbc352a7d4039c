"""How fast contacts are imported, and how much the importing process grows meanwhile.

    DATABASE_URL=postgresql://… python benchmarks/import_memory.py 1000000

The database must be migrated; the figures stand in a workspace of their own, which is removed.
Growth is the peak over what the process held after it had imported a file of 50 rows.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from recado.domain.ids import ImportId, WorkspaceId
from recado.features.contacts import jobs
from recado.features.contacts.importing import service, work
from recado.features.workspaces import service as workspaces
from recado.platform import crypto, redis
from recado.platform.postgres import Database
from recado.platform.queue import JobQueue
from recado.platform.runtime import Runtime

WARM_UP_ROWS = 50
MEGABYTE = 1024 * 1024


class Peak:
    """The most memory that this process holds while it is being watched."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.before = self.most = self._process.memory_info().rss
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.most = max(self.most, self._process.memory_info().rss)

    def growth(self) -> float:
        """Stop watching; the growth in megabytes."""
        self._ended.set()
        self._thread.join()
        return (self.most - self.before) / MEGABYTE


def write_file(path: Path, rows: int) -> None:
    """People with a name, a phone, three fields and a custom one; one in 50 comes twice."""
    with path.open("w", encoding="utf-8") as file:
        file.write("Nome;Telefone;E-mail;Condomínio;Cargo;Apartamento\n")
        for number in range(rows):
            who = number - 25 if number % 50 == 49 else number
            phone = (who * 7_919) % 40_000_000 + 60_000_000
            file.write(
                f"João Conceição {who};(31) 9{phone // 10_000:04d}-{phone % 10_000:04d};"
                f"pessoa{who}@example.com;Residencial {who % 300};Morador;{who % 120}\n"
            )


async def import_rows(runtime: Runtime, workspace: WorkspaceId, rows: int, name: str) -> None:
    """Store and import a file, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "contacts.csv")
        write_file(path, rows)
        watch = Peak()
        began = time.perf_counter()
        async with runtime.db.workspace(workspace) as tx:
            import_id = await service.store(
                tx,
                runtime.queue,
                path,
                filename=path.name,
                list_name="Benchmark",
                most_megabytes=10_000,
            )
        stored = time.perf_counter()
        await work.run(runtime.db, workspace, import_id)
        done = time.perf_counter()
        growth = watch.growth()
    figures = await outcome(runtime, workspace, import_id)
    print(
        f"{name}: {rows:,} rows ({figures}), stored in {stored - began:.1f} s,"
        f" imported in {done - stored:.1f} s = {rows / (done - stored):,.0f} rows/s,"
        f" memory +{growth:.1f} MB over {watch.before / MEGABYTE:.0f} MB"
    )


async def outcome(runtime: Runtime, workspace: WorkspaceId, import_id: ImportId) -> str:
    """The import's own figures."""
    async with runtime.db.workspace(workspace) as tx:
        done = await service.get(tx, import_id)
    return (
        f"{done.status}: {done.created:,} created, {done.updated:,} updated,"
        f" {done.skipped:,} skipped, {done.rejected:,} rejected"
    )


async def main(rows: int) -> None:
    """Warm up, import, and import the same again."""
    url = os.environ["DATABASE_URL"]
    queue = JobQueue(url)
    runtime = Runtime(
        db=Database(url),
        redis=redis.connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")),
        queue=queue,
        sealer=crypto.Sealer(crypto.new_key()),
        public_url="http://127.0.0.1:8000",
    )
    queue.add("contacts", jobs.blueprint(runtime))
    async with runtime.db.system() as tx:
        made = [
            WorkspaceId((await workspaces.create(tx, name=name)).id)
            for name in ("warm-up", "benchmark")
        ]
    await import_rows(runtime, made[0], WARM_UP_ROWS, "warm-up")
    await import_rows(runtime, made[1], rows, "first")
    await import_rows(runtime, made[1], rows, "repeat")
    async with runtime.db.system() as tx:
        await tx.run("DELETE FROM workspace WHERE id = ANY(%(ids)s)", ids=made)
    await runtime.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
