"""What ``recado doctor`` looks at: the servers, the schema, the workers, the pages' assets."""

from importlib.resources import files

import anyio
import psycopg
from redis import Redis
from redis.exceptions import RedisError

from recado import embedded
from recado.bootstrap import direct_url, open_runtime
from recado.cli import installation
from recado.cli.installation import NotRunning
from recado.embedded import Finding
from recado.platform import migrations, settings

OLDEST_POSTGRES = 15


def findings() -> list[Finding]:
    """All that was looked at, in the order in which things depend on each other."""
    found: list[Finding] = []
    servers = settings.servers()
    if not (servers.database_url and servers.redis_url):
        found += embedded.doctor(installation.home())
    found.append(_assets())
    try:
        installation.reach()
    except NotRunning:
        found.append(
            Finding("running", ok=True, detail="Recado is not running here; nothing more to see.")
        )
        return found
    found.append(_postgres())
    if found[-1].ok:
        found.append(_schema())
    found.append(_redis())
    if all(finding.ok for finding in found[-3:]):
        found += anyio.run(_inside)
    return found


def _assets() -> Finding:
    dist = files("recado.web").joinpath("static", "dist")
    if dist.is_dir():
        return Finding("pages", ok=True, detail="assets are built")
    return Finding("pages", ok=False, detail="assets are not built", remedy="Run 'make setup'.")


def _postgres() -> Finding:
    try:
        with psycopg.connect(direct_url(), connect_timeout=5) as connection:
            version = connection.info.server_version // 10_000
            rights = connection.execute(
                "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        return Finding(
            "PostgreSQL",
            ok=False,
            detail=str(error).strip(),
            remedy="Check DATABASE_URL and that the server runs.",
        )
    if version < OLDEST_POSTGRES:
        return Finding(
            "PostgreSQL",
            ok=False,
            detail=f"version {version}",
            remedy=f"Use version {OLDEST_POSTGRES} or newer.",
        )
    if not rights or not rights[0]:
        detail = f"version {version}; this login cannot make roles, so migrations need another"
        return Finding("PostgreSQL", ok=True, detail=detail)
    return Finding("PostgreSQL", ok=True, detail=f"version {version}")


def _schema() -> Finding:
    if migrations.pending(direct_url()):
        return Finding(
            "schema", ok=False, detail="behind this release", remedy="Run 'recado migrate'."
        )
    return Finding("schema", ok=True, detail="up to date")


def _redis() -> Finding:
    try:
        with Redis.from_url(settings.servers().redis_url or "", socket_timeout=5) as redis:
            policy = redis.config_get("maxmemory-policy").get("maxmemory-policy")
    except (RedisError, OSError, ValueError) as error:
        return Finding(
            "Redis",
            ok=False,
            detail=str(error),
            remedy="Check REDIS_URL and that the server runs.",
        )
    if policy != "noeviction":
        return Finding(
            "Redis",
            ok=False,
            detail=f"maxmemory-policy is {policy}",
            remedy="Set maxmemory-policy to noeviction, so that no limiter state is dropped.",
        )
    return Finding("Redis", ok=True, detail="answers, noeviction")


async def _inside() -> list[Finding]:
    """What only an open installation tells."""
    runtime = open_runtime()
    try:
        async with runtime.db.system() as tx:
            alive = await runtime.queue.workers_alive(tx)
            evolution = await tx.value(
                "SELECT count(*) FROM channel WHERE provider = 'evolution' AND deleted_at IS NULL"
            )
    finally:
        await runtime.close()
    return [_workers(alive), *_evolution(evolution)]


def _evolution(channels: int) -> list[Finding]:
    """Its licence asks that whoever administers a system that uses it is told so."""
    if not channels:
        return []
    detail = f"in use by {channels} channels; it is by Evolution Foundation and its contributors"
    return [Finding("Evolution API", ok=True, detail=detail)]


def _workers(alive: int) -> Finding:
    if alive:
        return Finding("workers", ok=True, detail=f"{alive} queue workers alive")
    return Finding(
        "workers", ok=False, detail="none alive", remedy="Start one with 'recado worker'."
    )
