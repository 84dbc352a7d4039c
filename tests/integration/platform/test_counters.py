"""Run counters equal a recount, whoever changes deliveries, and however many do so at once."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import factories
from tests.integration.platform.catalogue import Connection

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime

STATES = [state.value for state in DeliveryState]
RUNS = 2
_numbers = itertools.count(1)

_STATES = ", ".join(f"r.{state}" for state in STATES)
_COUNTED = ", ".join(f"count(*) FILTER (WHERE d.status = '{state}')" for state in STATES)
_WRONG = f"""
SELECT r.id FROM run r LEFT JOIN delivery d ON d.workspace_id = r.workspace_id AND d.run_id = r.id
WHERE r.workspace_id = %(workspace)s
GROUP BY r.workspace_id, r.id HAVING (r.total, {_STATES}, r.held)
    <> (count(d.id), {_COUNTED}, count(*) FILTER (WHERE d.held))
"""
_ADD = """
INSERT INTO delivery (workspace_id, run_id, phone, phone_key, status)
SELECT %(workspace)s, %(run)s, key, key, states[1 + abs(hashtext(key)) %% cardinality(states)]
FROM unnest(%(keys)s::text[]) AS key CROSS JOIN (SELECT %(states)s::text[] AS states) s
ON CONFLICT DO NOTHING
"""
_CHANGE = """
WITH locked AS (
    SELECT id FROM delivery
    WHERE workspace_id = %(workspace)s AND phone_key = ANY(%(keys)s) AND status = ANY(%(states)s)
    ORDER BY id FOR UPDATE
)
UPDATE delivery d SET status = %(to)s, held = %(to)s = 'sent' AND NOT d.held FROM locked
WHERE d.workspace_id = %(workspace)s AND d.id = locked.id
"""


@dataclass(frozen=True, slots=True)
class Runs:
    """A workspace with two runs and no deliveries yet."""

    workspace: int
    ids: list[int]


@pytest.fixture(scope="module")
def login(own_database_url: str) -> Iterator[Connection]:
    with psycopg.connect(own_database_url, autocommit=True) as connection:
        yield connection


def new_runs(login: Connection) -> Runs:
    [(workspace,)] = login.execute(
        "INSERT INTO workspace (name) VALUES ('x') RETURNING id"
    ).fetchall()
    rows = login.execute(
        "WITH campaign AS (INSERT INTO campaign (workspace_id, name, content, audience)"
        " SELECT %(workspace)s, 'x', '{}', '{}' FROM generate_series(1, %(runs)s) RETURNING id)"
        " INSERT INTO run (workspace_id, campaign_id, number, status)"
        " SELECT %(workspace)s, id, 1, 'running' FROM campaign RETURNING id",
        {"workspace": workspace, "runs": RUNS},
    )
    return Runs(workspace, [run for (run,) in rows])


keys = st.lists(st.integers(0, 15).map(str), min_size=1, max_size=16)
states = st.lists(st.sampled_from(STATES), min_size=1, max_size=len(STATES))
steps = st.one_of(
    st.tuples(st.just("add"), st.integers(0, RUNS - 1), keys, states),
    st.tuples(st.just("change"), st.sampled_from(STATES), keys, states),
)


@given(
    transactions=st.lists(
        st.tuples(st.booleans(), st.lists(steps, min_size=1, max_size=4)), max_size=8
    )
)
@settings(max_examples=40, derandomize=True)
def test_counters_equal_a_recount_after_any_transactions(
    login: Connection,
    transactions: list[tuple[bool, list[tuple[str, int | str, list[str], list[str]]]]],
) -> None:
    runs = new_runs(login)
    for commits, work in transactions:
        with login.transaction(force_rollback=not commits):
            for kind, which, some, of in work:
                given_values = {"workspace": runs.workspace, "keys": some, "states": of}
                if kind == "add":
                    login.execute(_ADD, {**given_values, "run": runs.ids[int(which)]})
                else:
                    login.execute(_CHANGE, {**given_values, "to": which})
                wrong = login.execute(_WRONG, {"workspace": runs.workspace}).fetchall()
                assert wrong == []
        assert login.execute(_WRONG, {"workspace": runs.workspace}).fetchall() == []


async def test_concurrent_changes_neither_deadlock_nor_miscount(
    runtime: Runtime, login: Connection
) -> None:
    runs = new_runs(login)
    chance = random.Random(7)
    everyone = [str(number) for number in range(60)]
    for run in runs.ids:
        login.execute(
            _ADD, {"workspace": runs.workspace, "run": run, "keys": everyone, "states": STATES[:1]}
        )

    async def change(plan: list[tuple[list[str], str]]) -> int:
        changed = 0
        for some, to in plan:
            async with runtime.db.workspace(WorkspaceId(runs.workspace)) as tx:
                changed += await tx.run(
                    _CHANGE, workspace=runs.workspace, keys=some, states=STATES, to=to
                )
        return changed

    plans = [
        [(chance.sample(everyone, 25), chance.choice(STATES)) for _ in range(15)] for _ in range(8)
    ]
    assert sum(await asyncio.gather(*map(change, plans))) == 8 * 15 * 25 * RUNS
    assert login.execute(_WRONG, {"workspace": runs.workspace}).fetchall() == []


async def test_a_contact_s_removal_keeps_its_deliveries_and_their_count(
    runtime: Runtime, login: Connection
) -> None:
    runs = new_runs(login)
    workspace = WorkspaceId(runs.workspace)
    [contact] = await factories.contacts(runtime, workspace, 1)
    login.execute(
        "INSERT INTO delivery (workspace_id, run_id, contact_id, phone, phone_key, status)"
        " VALUES (%s, %s, %s, 'x', 'x', 'pending')",
        (workspace, runs.ids[0], contact),
    )
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("DELETE FROM contact WHERE id = %(contact)s", contact=contact)
        assert await tx.value("SELECT total FROM run WHERE id = %(run)s", run=runs.ids[0]) == 1
    assert login.execute(_WRONG, {"workspace": runs.workspace}).fetchall() == []
