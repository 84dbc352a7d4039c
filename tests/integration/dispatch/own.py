"""A database and a Redis database of a test's own, where no worker process looks for work."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from recado.bootstrap import open_runtime
from recado.features.campaigns import jobs as campaigns
from recado.features.dispatch import jobs as dispatch
from recado.features.templates import jobs as templates
from recado.platform import migrations
from recado.platform.postgres import Database
from recado.platform.queue import JobQueue
from recado.platform.redis import connect
from recado.platform.runtime import Runtime


@contextmanager
def own_database(database_url: str, name: str) -> Iterator[str]:
    """A fresh, migrated database on the same server; its address."""
    with psycopg.connect(make_conninfo(database_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        url = make_url(database_url).set(database=name).render_as_string(hide_password=False)
        migrations.upgrade(url)
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def own_runtime(
    database_url: str, redis_url: str, *, redis_db: int
) -> AsyncIterator[Runtime]:
    """A runtime on these servers, apart from everybody else's."""
    opened = replace(
        open_runtime(),
        db=Database(database_url),
        redis=connect(redis_url.rpartition("/")[0] + f"/{redis_db}"),
        queue=JobQueue(database_url),
    )
    opened.queue.add("campaigns", campaigns.blueprint(opened))
    opened.queue.add("dispatch", dispatch.blueprint(opened))
    opened.queue.add("templates", templates.blueprint(opened))
    yield opened
    await opened.close()
