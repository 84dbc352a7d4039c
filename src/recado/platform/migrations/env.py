"""What Alembic runs: the revisions, one transaction, under an advisory lock."""

from alembic import context
from sqlalchemy import create_engine, text

MIGRATION_LOCK = 7_235_201_866  # any constant of ours: two releases must not migrate at once


def run() -> None:
    engine = create_engine(context.config.attributes["url"])
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.configure(connection=connection, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
