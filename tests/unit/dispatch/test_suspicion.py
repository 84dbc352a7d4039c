"""Refusals in a row of one run, counted by all workers together."""

from dataclasses import replace

import pytest
from redis.asyncio import Redis

from recado.domain import retry
from recado.domain.deliveries import DeliveryState
from recado.domain.ids import DeliveryId, Reference, RunId, WorkspaceId
from recado.domain.retry import ErrorClass
from recado.features.dispatch.records import Result
from recado.features.dispatch.suspicion import Row, begin_anew, row_of, suspects
from recado.platform import clock

GOOD = Result(Reference(DeliveryId(1), 1, 1), None, RunId(1), "accepted", DeliveryState.SENT)


def refused(error_class: ErrorClass) -> Result:
    decision = retry.decide(error_class, attempts=1, now=clock.now(), jitter=0)
    return replace(GOOD, result="refused", status=decision.status, decision=decision)


def outcomes(text: str) -> list[Result]:
    """x: refused for what it is, d: nobody there, any other: accepted."""
    made = {"x": refused(ErrorClass.REQUEST), "d": refused(ErrorClass.CONTACT_DEAD)}
    return [made.get(letter, GOOD) for letter in text]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("", Row()),
        ("xx", Row(before=2, after=2)),
        ("xdx", Row(before=2, after=2)),
        ("xx.", Row(before=2, broken=True)),
        (".xxx.x", Row(within=3, after=1, broken=True)),
        ("x.xx", Row(before=1, within=2, after=2, broken=True)),
        ("..", Row(broken=True)),
    ],
)
def test_rows_are_told_apart_by_what_was_accepted(text: str, row: Row) -> None:
    assert row_of(outcomes(text)) == row


@pytest.mark.parametrize(
    ("batches", "caught"),
    [
        (["xxxxx"], True),
        (["xx", "dx", "xx"], True),
        (["xxxx.", "x"], False),
        (["xx", "xx", "..", "xxxx"], False),
        (["xx", "xxx."], True),
        ([".xxxxx."], True),
        (["..xxx", "xx."], True),
        (["ddddd", "ddddd"], False),
    ],
)
async def test_five_in_a_row_are_too_many_however_they_come(
    redis: "Redis", tenant: WorkspaceId, batches: list[str], caught: bool
) -> None:
    found: dict[RunId, Result] = {}
    for batch in batches:
        found |= await suspects(redis, tenant, outcomes(batch))
    assert bool(found) == caught


async def test_a_run_that_goes_on_starts_from_nothing(redis: "Redis", tenant: WorkspaceId) -> None:
    assert await suspects(redis, tenant, outcomes("xxxxx"))
    await begin_anew(redis, tenant, RunId(1))
    assert not await suspects(redis, tenant, outcomes("xxxx"))
