"""What a dead worker's requests have used is on record, even where their callbacks came first."""

import pytest
from tests.integration.dispatch.driving import Number
from tests.integration.dispatch.outcomes import claimed

from recado.domain.ids import Reference, RunId
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.ledger import Ledger
from recado.features.limits.asks import Asking
from recado.platform.redis import key


async def let_pass(ledger: Ledger, run_id: RunId, claims: list[Claim]) -> None:
    asking = [Asking(claim.reference, run_id, claim.contact_id) for claim in claims]
    paths = {run_id: (await ledger.plan()).path(run_id)}
    grant = await ledger.reserve(asking, paths) or await ledger.reserve(asking, paths)
    assert grant is not None
    assert len(grant.granted) == len(claims)


@pytest.mark.parametrize("forgotten", [False, True])
async def test_requests_whose_callbacks_came_before_their_worker_died_are_settled(
    number: Number, *, forgotten: bool
) -> None:
    run_id, dead, claims = await claimed(number, 3)
    await let_pass(dead, run_id, claims[:2])
    await number.execute(
        "UPDATE delivery SET status = 'delivered' WHERE id = ANY(%(ids)s)",
        ids=[claim.reference.delivery_id for claim in claims[:2]],
    )
    if forgotten:
        await number.runtime.redis.delete(
            *[
                name
                async for name in number.runtime.redis.scan_iter(
                    match=key(number.workspace_id, "*")
                )
            ]
        )
    next_one = number.ledger()
    found = await next_one.take()
    references = [claim.reference for claim in claims]
    assert sorted(result.reference.delivery_id for result in found) == [
        reference.delivery_id for reference in (references if forgotten else references[:2])
    ]
    await next_one.write(found)
    assert await open_attempts(number) == []
    assert (await number.statuses(run_id))["delivered"] == 2
    (used,) = await number.rows("SELECT sum(requests)::int AS n FROM usage")
    assert used["n"] == len(found)
    # Settled once: whoever comes next finds nothing.
    assert await number.ledger().take() == []


async def open_attempts(number: Number) -> list[Reference]:
    rows = await number.rows("SELECT * FROM attempt WHERE status = 'claimed'")
    return [Reference(row["delivery_id"], row["part"], row["number"]) for row in rows]
