"""No workspace reads or writes another's rows, even where the code forgets its filter."""

import psycopg
import pytest
from psycopg import errors
from tests.integration.platform import catalogue
from tests.integration.platform.conftest import Tenants

from recado.platform.postgres import Transaction

BACKWARDS = """
ALTER TABLE tag ADD CONSTRAINT own_fkey FOREIGN KEY (id, workspace_id)
REFERENCES contact (id, workspace_id) NOT VALID
"""
BAD_TABLES: list[tuple[str, str]] = [
    ("CREATE TABLE bad (a int)", "no workspace_id"),
    ("CREATE TABLE bad (workspace_id bigint PRIMARY KEY)", "not enabled and forced"),
    ("ALTER TABLE contact DISABLE ROW LEVEL SECURITY", "not enabled and forced"),
    ("CREATE TABLE bad (workspace_id bigint PRIMARY KEY)", "other policies"),
    ("CREATE POLICY more ON contact USING (true)", "other policies"),
    ("ALTER POLICY tenant ON contact WITH CHECK (true)", "differs for reading and writing"),
    ("DROP POLICY tenant ON contact", "other policies"),
    ("ALTER POLICY tenant ON contact TO PUBLIC", "other policies"),
    ("ALTER TABLE contact NO FORCE ROW LEVEL SECURITY", "not enabled and forced"),
    ("CREATE TABLE bad (workspace_id bigint)", "no bigint NOT NULL"),
    ("CREATE TABLE bad (workspace_id int NOT NULL)", "no bigint NOT NULL"),
    ("CREATE TABLE bad (workspace_id bigint NOT NULL)", "no primary key"),
    ("CREATE TABLE bad (id int PRIMARY KEY, workspace_id bigint)", "bad_pkey does not begin"),
    ("CREATE UNIQUE INDEX bad ON contact (id)", "bad does not begin"),
    ("CREATE UNIQUE INDEX bad ON contact (lower(phone), workspace_id)", "bad does not begin"),
    ("ALTER TABLE callback ADD FOREIGN KEY (error) REFERENCES channel_route", "leaves the"),
    (BACKWARDS, "own_fkey does not begin with workspace_id on both sides"),
    ("CREATE VIEW bad AS SELECT * FROM contact", "passes row-level security by"),
    ("GRANT SELECT ON app_user TO recado_app", "app_user: recado_app SELECT"),
    ("GRANT SELECT ON contact TO recado_jobs", "contact: recado_jobs SELECT"),
    ("GRANT TRUNCATE ON contact TO PUBLIC", "contact: recado_app TRUNCATE"),
    ("REVOKE UPDATE ON contact FROM recado_app", "contact: recado_app UPDATE"),
    (
        "CREATE FUNCTION bad() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "runs with its owner's rights",
    ),
    ("ALTER FUNCTION search_contact_ids RESET search_path", "runs with its owner's rights"),
]


def test_the_schema_isolates_workspaces(tenants: Tenants) -> None:
    with psycopg.connect(tenants.url) as connection:
        assert catalogue.faults(connection) == []
        assert len(catalogue.tenant_tables(connection)) >= 20


@pytest.mark.parametrize(("statement", "fault"), BAD_TABLES)
def test_a_table_that_does_not_isolate_is_found(
    statement: str, fault: str, own_database_url: str
) -> None:
    with psycopg.connect(own_database_url) as connection:
        connection.execute("CREATE UNIQUE INDEX helper ON contact (id, workspace_id)")
        before = set(catalogue.faults(connection))
        connection.execute(statement)
        found = set(catalogue.faults(connection)) - before
        connection.rollback()
    assert any(fault in one for one in found), found


async def tables_of(tx: Transaction) -> list[str]:
    rows = await tx.all(
        "SELECT attrelid::regclass::text AS name FROM pg_attribute"
        " JOIN pg_class c ON c.oid = attrelid AND c.relkind = 'r'"
        " WHERE attname = 'workspace_id' AND c.relnamespace = 'public'::regnamespace"
    )
    return [row["name"] for row in rows]


async def test_every_transaction_of_a_workspace_is_bound_to_its_role(tenants: Tenants) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        assert await tx.value("SELECT current_user") == "recado_app"
        assert await tx.value("SELECT current_workspace_id()") == tenants.one
        assert await tx.value("SELECT row_security_active('contact')")


async def test_a_workspace_reads_only_its_own_rows_of_every_table(tenants: Tenants) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        for table in await tables_of(tx):
            rows = await tx.all(f"SELECT workspace_id FROM {table}")
            assert {row["workspace_id"] for row in rows} == {tenants.one}, table
            asked = await tx.all(
                f"SELECT 1 FROM {table} WHERE workspace_id = %(other)s", other=tenants.two
            )
            assert asked == [], table
        assert await tx.all("SELECT id FROM workspace") == [{"id": tenants.one}]


async def test_a_workspace_updates_only_its_own_rows_of_every_table(tenants: Tenants) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        for table in await tables_of(tx):
            own = await tx.value(f"SELECT count(*) FROM {table}")
            assert own == 1, table
            assert await tx.run(f"UPDATE {table} SET workspace_id = workspace_id") == own, table
            touched = await tx.run(
                f"UPDATE {table} SET workspace_id = %(one)s WHERE workspace_id = %(two)s",
                one=tenants.one,
                two=tenants.two,
            )
            assert touched == 0, table
        assert await tx.run("UPDATE workspace SET name = 'mine'") == 1
        await tx.session.rollback()


async def test_a_workspace_hands_no_row_of_any_table_to_another(tenants: Tenants) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        for table in await tables_of(tx):
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                async with tx.connection.transaction():
                    await tx.run(f"UPDATE {table} SET workspace_id = %(two)s", two=tenants.two)


async def test_a_workspace_inserts_into_no_other_in_any_table(tenants: Tenants) -> None:
    async with tenants.db.system() as tx:
        tables = await tables_of(tx)
        for table in tables:
            await tx.run(
                f"CREATE TEMP TABLE copy_of_{table} ON COMMIT DROP AS"
                f" SELECT * FROM {table} WHERE workspace_id = %(two)s",
                two=tenants.two,
            )
            await tx.run(f"GRANT SELECT ON copy_of_{table} TO recado_app")
        await tx.run(
            "SELECT set_config('role', 'recado_app', true),"
            " set_config('app.workspace_id', %(one)s, true)",
            one=str(tenants.one),
        )
        for table in tables:
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                async with tx.connection.transaction():
                    await tx.run(
                        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM copy_of_{table}"
                    )
        await tx.session.rollback()


async def test_a_workspace_deletes_only_its_own_rows_of_every_table(tenants: Tenants) -> None:
    with psycopg.connect(tenants.url) as connection:
        ordered = [
            table
            for table, columns in reversed(catalogue.in_order(connection).items())
            if any(column.name == "workspace_id" for column in columns)
        ]
    async with tenants.db.workspace(tenants.one) as tx:
        for table in ordered:
            await tx.run(f"DELETE FROM {table}")
            assert await tx.value(f"SELECT count(*) FROM {table}") == 0
        async with tx.taking("recado_system"):
            for table in ordered:
                left = await tx.all(f"SELECT DISTINCT workspace_id FROM {table}")
                workspaces = {row["workspace_id"] for row in left}
                assert tenants.two in workspaces, table
                assert tenants.one not in workspaces, table
        await tx.session.rollback()


async def test_a_workspace_empties_and_copies_into_no_table(tenants: Tenants) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        for table in [*await tables_of(tx), "workspace"]:
            with pytest.raises(errors.InsufficientPrivilege):
                async with tx.connection.transaction():
                    await tx.run(f"TRUNCATE {table} CASCADE")
        with pytest.raises(errors.FeatureNotSupported):
            async with tx.connection.transaction():
                await tx.copy("COPY tag (workspace_id, name) FROM STDIN", [], [])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM app_user",
        "SELECT email FROM app_user",
        "SELECT * FROM channel_route",
        "UPDATE app_user SET name = 'x'",
        "DELETE FROM channel_route",
        "INSERT INTO workspace (name) VALUES ('mine')",
        "DELETE FROM workspace",
        "SELECT * FROM alembic_version",
        "SELECT * FROM procrastinate.procrastinate_jobs",
        "ALTER TABLE contact DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (a int)",
        "CREATE POLICY mine ON contact USING (true)",
    ],
)
async def test_a_workspace_has_no_rights_on_what_belongs_to_all(
    statement: str, tenants: Tenants
) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        with pytest.raises(errors.InsufficientPrivilege):
            await tx.run(statement)
        await tx.session.rollback()


async def test_no_workspace_means_no_rows(tenants: Tenants) -> None:
    async with tenants.db.system() as tx:
        await tx.run("SELECT set_config('role', 'recado_app', true)")
        for table in [*await tables_of(tx), "workspace"]:
            assert await tx.all(f"SELECT 1 FROM {table}") == [], table
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            await tx.run(
                "INSERT INTO tag (workspace_id, name) VALUES (%(one)s, 'x')", one=tenants.one
            )
        await tx.session.rollback()


async def test_the_role_and_the_workspace_end_with_their_transaction(tenants: Tenants) -> None:
    async with tenants.db._engine.connect() as login:
        raw = (await login.get_raw_connection()).driver_connection
        assert isinstance(raw, psycopg.AsyncConnection)
        who = await (await raw.execute("SELECT current_user")).fetchone()
        pid = raw.info.backend_pid
    for entered in (tenants.db.workspace(tenants.one), tenants.db.system()):
        async with entered as tx:
            assert tx.connection.info.backend_pid == pid
            assert await tx.value("SELECT current_user") in {"recado_app", "recado_system"}
        async with tenants.db._engine.connect() as login:
            raw = (await login.get_raw_connection()).driver_connection
            assert isinstance(raw, psycopg.AsyncConnection)
            assert raw.info.backend_pid == pid
            now = await (await raw.execute("SELECT current_user")).fetchone()
            bound = await (await raw.execute("SELECT current_workspace_id()")).fetchone()
            assert (now, bound) == (who, (None,))


async def test_a_failed_transaction_leaves_neither_role_nor_workspace(tenants: Tenants) -> None:
    with pytest.raises(errors.DivisionByZero):
        async with tenants.db.workspace(tenants.one) as tx:
            await tx.value("SELECT 1 / 0")
    async with tenants.db.system() as tx:
        assert await tx.value("SELECT current_user") == "recado_system"
        assert await tx.value("SELECT current_workspace_id()") is None


async def test_one_step_as_another_role_ends_in_ones_own(tenants: Tenants) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        async with tx.taking("recado_system"):
            assert await tx.value("SELECT count(DISTINCT workspace_id) FROM contact") >= 2
        assert await tx.value("SELECT current_user") == "recado_app"
        assert await tx.value("SELECT count(DISTINCT workspace_id) FROM contact") == 1
        with pytest.raises(LookupError):
            async with tenants.db.system() as system:
                assert system.workspace_id


def test_an_ordinary_login_that_forgets_its_role_sees_nothing(ordinary_url: str) -> None:
    with psycopg.connect(ordinary_url) as connection:
        for table in catalogue.tenant_tables(connection):
            assert connection.execute(f"SELECT 1 FROM {table}").fetchall() == [], table


async def test_a_search_finds_only_ones_own_contacts(tenants: Tenants) -> None:
    async with tenants.db.workspace(tenants.one) as tx:
        found = await tx.all(
            "SELECT search_contact_ids('%%', '%%', NULL, NULL, NULL, NULL, 100) AS id"
        )
        own = await tx.all("SELECT id FROM contact")
        assert found == own
