"""The tables agree with the code that reads them, and the plans with what was promised of them."""

import importlib
import itertools
import pkgutil

import psycopg
import pytest
from sqlalchemy.dialects import postgresql
from tests import factories
from tests.integration.platform.catalogue import Connection

import recado.features
from recado.domain.deliveries import RANK, REPORTS, DeliveryState, merge, whole
from recado.domain.ids import WorkspaceId
from recado.features.dispatch.leases import SQL
from recado.platform import clock
from recado.platform.orm import Base
from recado.platform.runtime import Runtime

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
_PRIMARY = """
SELECT array(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY u (n, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n ORDER BY u.place)
FROM pg_index i WHERE i.indrelid = %s::regclass AND i.indisprimary
"""
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy left it untyped


@pytest.fixture(scope="module")
def login(own_database_url: str) -> Connection:
    """The login's own connection, past row-level security."""
    return psycopg.connect(own_database_url, autocommit=True)


def _mapped() -> list[str]:
    for module in pkgutil.walk_packages(recado.features.__path__, "recado.features."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)
    return sorted(Base.metadata.tables)


def _family(kind: str) -> str:
    """Whole numbers and others travel alike, however many bytes a table gives them."""
    if kind in {"bigint", "integer", "smallint"}:
        return "whole number"
    return "number" if kind in {"real", "double precision", "float"} else kind


@pytest.mark.parametrize("name", _mapped())
def test_a_mapped_table_is_the_table_that_the_migrations_made(name: str, login: Connection) -> None:
    mapped = Base.metadata.tables[name]
    real = {column: rest for column, *rest in login.execute(_COLUMNS, (name,))}
    for column in mapped.columns:
        assert column.name in real, column
        kind, nullable, _ = real[column.name]
        assert _family(column.type.compile(DIALECT).lower()) == _family(kind), column
        assert column.nullable == nullable, column
    needed = {column for column, (_, _, given_by_hand) in real.items() if given_by_hand}
    assert needed <= set(mapped.columns.keys())
    [(primary,)] = login.execute(_PRIMARY, (name,)).fetchall()
    assert [column.name for column in mapped.primary_key] == primary


def test_most_tables_are_mapped() -> None:
    assert {"workspace", "app_user", "contact", "campaign", "run", "channel"} <= set(_mapped())


@pytest.mark.parametrize("state", DeliveryState)
def test_a_state_ranks_in_the_database_as_in_the_domain(
    state: DeliveryState, login: Connection
) -> None:
    assert login.execute("SELECT delivery_rank(%s)", (state.value,)).fetchone() == (RANK[state],)


def test_a_report_raises_in_the_database_as_in_the_domain(login: Connection) -> None:
    for state, reported in itertools.product(DeliveryState, REPORTS):
        [raised] = login.execute(
            "SELECT delivery_raised(%s, %s)", (state.value, reported.value)
        ).fetchone() or [None]
        assert raised == merge(state, reported), (state, reported)


def test_a_delivery_of_several_parts_shows_in_the_database_what_it_does_in_the_domain(
    login: Connection,
) -> None:
    of_parts = [*REPORTS, DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.UNKNOWN]
    for own, one, other, following in itertools.product(DeliveryState, of_parts, of_parts, (1, 2)):
        [shown] = login.execute(
            "SELECT delivery_whole(%s, %s, %s)", (own.value, [one.value, other.value], following)
        ).fetchone() or [None]
        assert shown == whole(own, [one, other], following), (own, one, other, following)


def test_every_state_of_the_domain_is_one_that_the_tables_take(login: Connection) -> None:
    [(check,)] = login.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'delivery'::regclass AND contype = 'c'"
    ).fetchall()
    assert {state for state in DeliveryState if f"'{state.value}'" in check} == set(DeliveryState)


async def _many(runtime: Runtime, login: Connection, count: int) -> tuple[WorkspaceId, int, int]:
    workspace = await factories.workspace(runtime)
    channel = await factories.bare_channel(runtime, workspace)
    login.execute(
        "INSERT INTO contact (workspace_id, name, phone, phone_key)"
        " SELECT %s, 'Pessoa ' || md5(n::text), '+55' || n, '55' || n"
        " FROM generate_series(31900000000, 31900000000 + %s) AS n",
        (workspace, count - 1),
    )
    [(run,)] = login.execute(
        "WITH campaign AS (INSERT INTO campaign (workspace_id, name, content, audience)"
        " VALUES (%s, 'x', '{}', '{}') RETURNING id)"
        " INSERT INTO run (workspace_id, campaign_id, number, status)"
        " SELECT %s, id, 1, 'running' FROM campaign RETURNING id",
        (workspace, workspace),
    ).fetchall()
    login.execute(
        "INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
        " SELECT workspace_id, %s, id, phone, phone_key,"
        " CASE WHEN id %% 20 = 0 THEN 'suppressed' ELSE 'pending' END"
        " FROM contact WHERE workspace_id = %s",
        (run, workspace),
    )
    login.execute("ANALYZE contact, delivery, run")
    return workspace, channel, run


async def test_the_claim_goes_along_its_index_and_a_search_along_its_own(
    runtime: Runtime, login: Connection
) -> None:
    workspace, channel, run = await _many(runtime, login, 22_000)
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.value("SELECT current_user") == "recado_app"
        rows = await tx.all(
            "EXPLAIN " + SQL["claim"],
            workspace_id=workspace,
            channel_id=channel,
            runs=[run],
            of_each=[50],
            most=50,
            first_lane=0,
            lease="x",
            now=clock.now(),
        )
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Index Scan using delivery_claim on delivery d" in plan, plan
    assert "Seq Scan on delivery" not in plan, plan

    told: list[str] = []
    login.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    login.execute(
        "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;"
        " SET auto_explain.log_nested_statements = on; SET client_min_messages = log"
    )
    with login.transaction():
        login.execute(
            "SELECT set_config('role', 'recado_app', true),"
            " set_config('app.workspace_id', %s, true)",
            (str(workspace),),
        )
        found = login.execute(
            "SELECT search_contact_ids('c4ca4238', 'none', NULL, NULL, NULL, NULL, 50)"
        )
        assert len(found.fetchall()) <= 1
    nested = "\n".join(told)
    assert "Bitmap Index Scan on contact_name_trgm" in nested, nested
