"""Counting what is asked of PostgreSQL, by its own book (pg_stat_statements)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

# What opens and closes a transaction, and gives it its role and its workspace.
_FRAME = r"^\s*(BEGIN|COMMIT|ROLLBACK|SELECT set_config\()"


@dataclass
class Statements:
    """How often which statement was run."""

    calls: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(self.calls.values())


@contextmanager
def counting(database_url: str) -> Iterator[Statements]:
    """Count every statement of a database within a block, whoever runs it.

    BEGIN, COMMIT and set_config are left out, and so is what triggers run. The figures are there
    after the block.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public")
        mine = connection.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        connection.execute("SELECT public.pg_stat_statements_reset(0, %s, 0)", mine)
        found = Statements()
        yield found
        rows = connection.execute(
            "SELECT query, sum(calls)::int FROM public.pg_stat_statements"
            " WHERE dbid = %s AND query !~* %s AND query NOT LIKE '%%pg_stat_statements%%'"
            " GROUP BY query",
            (*(mine or ()), _FRAME),
        )
        found.calls.update(dict(rows.fetchall()))
