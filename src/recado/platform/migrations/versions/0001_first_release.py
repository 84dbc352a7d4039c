"""The first release: tables, counters, isolation, and procrastinate in a schema of its own."""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None

SQL = Path(__file__).parent.parent


def upgrade() -> None:
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101 - online migrations only, see env.py
    for name in ("schema", "conversations", "consent", "checks", "counters", "isolation"):
        connection.execute((SQL / f"{name}.sql").read_text())
    connection.execute("CREATE SCHEMA procrastinate AUTHORIZATION recado_jobs")
    connection.execute(
        "SELECT set_config('role', 'recado_jobs', true),"
        " set_config('search_path', 'procrastinate', true)"
    )
    connection.execute(SchemaManager.get_schema())
    connection.execute(
        "SELECT set_config('role', 'none', true), set_config('search_path', 'public', true)"
    )
