"""One pool of connections, and transactions that carry their role and their workspace.

Every transaction starts by taking a role with ``set_config(…, true)``: recado_app inside one
workspace, or recado_system. The setting ends with the transaction, so it holds behind PgBouncer,
and it binds a superuser's login as well.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, LiteralString

import psycopg
from psycopg.rows import dict_row, tuple_row
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from recado.domain.ids import WorkspaceId

Row = dict[str, Any]

# What is raised while PostgreSQL is away or restarts: wait, and do the same again.
DATABASE_AWAY = (psycopg.OperationalError, OperationalError, InterfaceError, PoolTimeout, OSError)
Parameters = Mapping[str, Any]

_TAKE_APP = (
    "SELECT set_config('role', 'recado_app', true), set_config('app.workspace_id', %s, true)"
)
_TAKE_SYSTEM = (
    "SELECT set_config('role', 'recado_system', true), set_config('app.workspace_id', '', true)"
)


def storable(text: str) -> bool:
    """Whether a text can be stored: neither a NUL nor half of a surrogate pair is in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def sqlalchemy_url(database_url: str) -> str:
    """The URL of the same database for SQLAlchemy, on our one driver."""
    url = make_url(database_url.replace("postgres://", "postgresql://", 1))
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


class Transaction:
    """One transaction: typed CRUD by ``session``, plain SQL by the methods, jobs by ``connection``.

    All three are the same connection, so they commit or roll back together.
    """

    def __init__(
        self,
        session: AsyncSession,
        connection: "psycopg.AsyncConnection[Any]",
        workspace_id: WorkspaceId | None,
    ) -> None:
        self.session = session
        self.connection = connection
        self._workspace_id = workspace_id
        self._after_commit: list[Callable[[], Awaitable[object]]] = []

    @property
    def workspace_id(self) -> WorkspaceId:
        """The workspace this transaction is bound to; a system transaction has none."""
        if self._workspace_id is None:
            raise LookupError("a system transaction belongs to no workspace")
        return self._workspace_id

    async def all(self, statement: LiteralString, **parameters: Any) -> list[Row]:
        """Run a statement and return its rows as dictionaries."""
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, parameters)
            return await cursor.fetchall()

    @asynccontextmanager
    async def streamed(
        self, statement: LiteralString, **parameters: Any
    ) -> AsyncIterator[AsyncIterator[Row]]:
        """The rows of a statement that may have very many, a few thousand at a time."""
        async with self.connection.cursor(name="streamed", row_factory=dict_row) as cursor:
            cursor.itersize = 2_000
            await cursor.execute(statement, parameters)
            yield cursor

    async def one(self, statement: LiteralString, **parameters: Any) -> Row | None:
        """The first row, or None."""
        async with self.connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, parameters)
            return await cursor.fetchone()

    async def value(self, statement: LiteralString, **parameters: Any) -> Any:
        """The first column of the first row, or None."""
        async with self.connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(statement, parameters)
            row = await cursor.fetchone()
            return row[0] if row else None

    async def run(self, statement: LiteralString, **parameters: Any) -> int:
        """Run a statement and return how many rows it touched."""
        async with self.connection.cursor() as cursor:
            await cursor.execute(statement, parameters)
            return cursor.rowcount

    async def copy(
        self, statement: LiteralString, rows: Sequence[Sequence[Any]], types: Sequence[str]
    ) -> None:
        """COPY rows into a table without row-level security, such as a temporary one."""
        async with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                await copy.write_row(row)

    @asynccontextmanager
    async def taking(
        self, role: Literal["recado_system", "recado_jobs"], *, schema: str = "public"
    ) -> AsyncIterator[None]:
        """Take another role for a few statements, then step back into one's own."""
        before = await self.one(
            "WITH before AS (SELECT current_setting('role') AS role)"
            " SELECT role, set_config('role', %(role)s, true),"
            " set_config('search_path', %(schema)s, true) FROM before",
            role=role,
            schema=schema,
        )
        yield
        # After an error the transaction is lost anyway, and its role with it.
        await self.run(
            "SELECT set_config('role', %(role)s, true), set_config('search_path', 'public', true)",
            role=before["role"] if before else "none",
        )

    def after_commit(self, action: Callable[[], Awaitable[object]]) -> None:
        """Have something done once this transaction is durable, and only then."""
        self._after_commit.append(action)

    async def run_after_commit(self) -> None:
        """Called by the database once the commit has succeeded."""
        for action in self._after_commit:
            await action()


class Database:
    """The pool of a process."""

    def __init__(self, url: str, *, pool_size: int = 20, prepared: bool = True) -> None:
        self.url = url
        self._engine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=max(1, pool_size // 2),
            max_overflow=pool_size - max(1, pool_size // 2),
            pool_pre_ping=True,
            pool_timeout=30,
            connect_args={
                "application_name": "recado",
                "connect_timeout": 10,
                "prepare_threshold": 5 if prepared else None,
            },
        )

    @asynccontextmanager
    async def workspace(self, workspace_id: WorkspaceId) -> AsyncIterator[Transaction]:
        """A transaction as recado_app inside one workspace."""
        async with self._transaction(_TAKE_APP, (str(int(workspace_id)),), workspace_id) as tx:
            yield tx

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Transaction]:
        """A transaction across workspaces: login, callback routing, due work, retention."""
        async with self._transaction(_TAKE_SYSTEM, (), None) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(
        self, take_role: LiteralString, values: Sequence[str], workspace_id: WorkspaceId | None
    ) -> AsyncIterator[Transaction]:
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            async with session.begin():
                pooled = await (await session.connection()).get_raw_connection()
                connection = pooled.driver_connection
                if not isinstance(connection, psycopg.AsyncConnection):
                    raise TypeError(f"expected psycopg's connection, got {type(connection)}")
                await connection.execute(take_role, values)
                transaction = Transaction(session, connection, workspace_id)
                yield transaction
            await transaction.run_after_commit()

    async def close(self) -> None:
        await self._engine.dispose()
