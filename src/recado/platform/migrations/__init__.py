"""The schema and its history: Alembic revisions and the plain SQL that they run.

What may live here: revisions, SQL files, and the call that brings a database up to date. What may
not: data that a release does not need.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from recado.platform.postgres import sqlalchemy_url

HERE = Path(__file__).parent


def upgrade(database_url: str) -> None:
    """Bring the database to the newest revision; does nothing when it is there already.

    Safe to call from several processes at once: the revisions run under an advisory lock.
    """
    command.upgrade(_config(database_url), "head")


def pending(database_url: str) -> bool:
    """Whether the database is behind the newest revision."""
    head = ScriptDirectory.from_config(_config(database_url)).get_current_head()
    engine = create_engine(sqlalchemy_url(database_url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() != head
    finally:
        engine.dispose()


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["url"] = sqlalchemy_url(database_url)
    return config
