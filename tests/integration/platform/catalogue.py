"""What the database's own catalogue says about isolation, and rows for every table there is."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]

SYSTEM_TABLES = {"alembic_version", "app_user", "channel_route", "workspace"}
POLICIES = {
    ("tenant", ("recado_app",), "(workspace_id = current_workspace_id())"),
    ("system", ("recado_system",), "true"),
}
# Functions that run with their owner's rights; None stands for the login that migrated.
DEFINERS = {
    "search_contact_ids": "recado_system",
    "refresh_contact_statistics": None,
    "refresh_delivery_statistics": None,
}

_TABLES = """
SELECT c.relname, c.relkind, c.relrowsecurity AND c.relforcerowsecurity AS forced,
       a.attnotnull AND a.atttypid = 'bigint'::regtype AS column_ok
FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname
"""
_POLICIES = """
SELECT tablename, policyname, roles::text[], qual, with_check, permissive, cmd
FROM pg_policies WHERE schemaname = 'public'
"""
_UNIQUE = """
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, i.indisprimary, a.attname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indisunique
"""
_REFERENCES = """
SELECT k.conrelid::regclass::text, k.conname, k.confrelid::regclass::text,
    array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (n, i)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
    array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (n, i)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i)
FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
"""
_GRANTS = """
SELECT c.relname, r.role, p.privilege
FROM pg_class c
CROSS JOIN (VALUES ('recado_app'), ('recado_jobs')) r (role)
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'),
    ('TRIGGER')) p (privilege)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND has_table_privilege(r.role, c.oid, p.privilege)
"""
_DEFINERS = """
SELECT p.proname, p.proowner::regrole::text, p.proconfig::text,
       has_function_privilege('public', p.oid, 'EXECUTE')
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
"""


def tenant_tables(connection: Connection) -> list[str]:
    """The tables that have a workspace_id."""
    return [name for name, _, _, column in connection.execute(_TABLES) if column is not None]


def faults(connection: Connection) -> list[str]:
    """What of the schema would let one workspace see or touch another's rows."""
    found: list[str] = []
    tables = connection.execute(_TABLES).fetchall()
    tenants = {name for name, _, _, column in tables if column is not None}
    for name, kind, forced, column in tables:
        if kind not in {"r", "p"}:
            found.append(f"{name}: a view or a foreign table passes row-level security by")
        elif name in tenants and not column:
            found.append(f"{name}: workspace_id is no bigint NOT NULL")
        elif name not in tenants | SYSTEM_TABLES:
            found.append(f"{name}: no workspace_id, and no known system table")
        if name in tenants and not forced:
            found.append(f"{name}: row-level security is not enabled and forced")
    found += _policy_faults(connection, tenants)
    found += _key_faults(connection, tenants)
    found += _grant_faults(connection, tenants)
    for name, owner, config, public in connection.execute(_DEFINERS):
        known = name in DEFINERS and DEFINERS[name] in {owner, None}
        if not known or "search_path=" not in (config or "") or public:
            found.append(f"{name}(): runs with its owner's rights")
    return found


def _policy_faults(connection: Connection, tenants: set[str]) -> list[str]:
    found = []
    policies: dict[str, set[tuple[str, tuple[str, ...], str]]] = defaultdict(set)
    for table, name, roles, using, check, permissive, command in connection.execute(_POLICIES):
        policies[table].add((name, tuple(roles), using))
        if using != check or permissive != "PERMISSIVE" or command != "ALL":
            found.append(f"{table}: the policy {name} differs for reading and writing")
    found += [f"{table}: other policies" for table in tenants if policies[table] != POLICIES]
    return found


def _key_faults(connection: Connection, tenants: set[str]) -> list[str]:
    found = []
    keyed = set()
    for table, index, primary, first in connection.execute(_UNIQUE):
        keyed |= {table} if primary else set()
        if table in tenants and first != "workspace_id":
            found.append(f"{table}: {index} does not begin with workspace_id")
    found += [f"{table}: no primary key" for table in tenants - keyed]
    for table, name, target, own, theirs in connection.execute(_REFERENCES):
        begins = own[0] == theirs[0] == "workspace_id"
        if target in tenants and not begins:
            found.append(f"{table}: {name} does not begin with workspace_id on both sides")
        if table in tenants and target not in tenants | {"workspace", "app_user"}:
            found.append(f"{table}: {name} leaves the workspace")
    return found


def _grant_faults(connection: Connection, tenants: set[str]) -> list[str]:
    wanted = {
        ("recado_app", name, privilege)
        for name in tenants
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")
    } | {("recado_app", "workspace", "SELECT"), ("recado_app", "workspace", "UPDATE")}
    given = {(role, name, privilege) for name, role, privilege in connection.execute(_GRANTS)}
    return [f"{name}: {role} {privilege}" for role, name, privilege in sorted(wanted ^ given)]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as a row for it must know it; ``target`` is the table and column it refers to."""

    name: str
    type: str
    needed: bool
    target: tuple[str, str] | None
    choices: Sequence[str]


_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL),
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS needed,
    (SELECT k.confrelid::regclass::text || '.' || f.attname
     FROM pg_constraint k
     CROSS JOIN unnest(k.conkey, k.confkey) AS pair (own, theirs)
     JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = pair.theirs
     WHERE k.contype = 'f' AND k.conrelid = c.oid AND pair.own = a.attnum
       AND a.attname <> 'workspace_id' LIMIT 1) AS target,
    (SELECT array(SELECT m[1] FROM regexp_matches(pg_get_constraintdef(k.oid), '''(\\w+)''', 'g') m)
     FROM pg_constraint k
     WHERE k.contype = 'c' AND k.conrelid = c.oid AND k.conkey = ARRAY[a.attnum] LIMIT 1) AS choices
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
ORDER BY c.relname, a.attnum
"""
_VALUES: Mapping[str, Any] = {
    "text": "x",
    "bigint": 1,
    "integer": 1,
    "smallint": 1,
    "real": 0,
    "numeric": 1,
    "boolean": True,
    "bytea": b"x",
    "jsonb": "{}",
    "timestamp with time zone": "2026-01-01T00:00:00Z",
}


def in_order(connection: Connection) -> dict[str, list[Column]]:
    """The tables with their columns, those that others refer to first."""
    tables: dict[str, list[Column]] = defaultdict(list)
    for table, name, kind, needed, target, choices in connection.execute(_COLUMNS):
        table_and_column = cast("tuple[str, str]", tuple(target.split("."))) if target else None
        tables[table].append(Column(name, kind, needed, table_and_column, choices or ()))
    ordered = {"workspace": tables["workspace"]}
    while len(ordered) < len(tables):
        for table in sorted(tables.keys() - ordered.keys()):
            needs = {column.target[0] for column in tables[table] if column.target} - {table}
            if needs <= ordered.keys():
                ordered[table] = tables[table]
    return ordered


def fill(connection: Connection, mark: str) -> int:
    """Make a workspace with one row in every tenant table, and say which it is."""
    made: dict[str, dict[str, Any]] = {}
    for table, columns in in_order(connection).items():
        names = {column.name for column in columns}
        values: dict[str, Any] = {}
        for column in columns:
            if column.target:
                values[column.name] = made[column.target[0]][column.target[1]]
            elif column.needed:
                values[column.name] = column.choices[0] if column.choices else _VALUES[column.type]
        if "workspace_id" in names:
            values["workspace_id"] = made["workspace"]["id"]
        if table in {"app_user", "channel_route"}:  # unique across workspaces
            values |= dict.fromkeys(names & {"email", "channel_key", "external_id"}, mark)
        made[table] = _insert(connection, table, values)
    return int(made["workspace"]["id"])


def _insert(connection: Connection, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    cursor = connection.execute(statement, dict(values))
    row = cursor.fetchone()
    assert row is not None
    assert cursor.description is not None
    return dict(zip([column.name for column in cursor.description], row, strict=True))
