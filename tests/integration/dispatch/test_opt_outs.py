"""People who answer SAIR to a campaign on its way get nothing more of it."""

from typing import Any

import pytest
from tests.integration.dispatch.driving import until
from tests.integration.dispatch.stack import Product

pytestmark = pytest.mark.serial

ON_ITS_WAY = 0.5  # seconds from a wish on record to the last message before it, on a busy machine


async def write(product: Product, number: str, sender: str, text: str) -> None:
    """Have somebody write to the number."""
    simulator = product.stack.simulator
    told = {"provider": "meta", "channel": number, "from": sender, "text": text}
    async with simulator.session.post(f"{simulator.url}/_sim/inbound", json=told) as answer:
        assert (await answer.json())["called_back"]


async def heard(product: Product) -> dict[str, dict[str, Any]]:
    """The wishes on record, by the person's digits."""
    async with product.stack.runtime.db.workspace(product.workspace_id) as tx:
        rows = await tx.all(
            "SELECT person, contact_id, extract(epoch FROM recorded_at)::float AS at"
            " FROM consent_change WHERE status = 'out' ORDER BY id DESC"
        )
    return {row["person"]: row for row in rows}


async def test_who_writes_sair_while_a_campaign_runs_gets_nothing_after_that(
    product: Product,
) -> None:
    product.stack.workers(1)
    channel, number = await product.channel(perSecond=60)
    campaign = await product.started([channel], 150, text="Olá {nome}")
    await product.reached(campaign, 20)
    rows = (await product.call("GET", f"/campaigns/{campaign}/deliveries?limit=200"))["items"]
    phones = [row["phone"].lstrip("+") for row in rows]
    leaving, staying = phones[::8], phones[1::8]
    for gone, stays in zip(leaving, staying, strict=False):
        for _ in range(2):
            await write(product, number, gone, "Sair!")
        await write(product, number, stays, "não quero sair")

    async def all_heard() -> bool:
        return len(await heard(product)) == len(leaving)

    await until(all_heard, "opt-outs on record")
    shown = await product.ended(campaign)
    wishes = await heard(product)
    assert set(wishes) == set(leaving)

    async def answered() -> list[str]:
        log = await product.stack.simulator.log(number)
        return [row["to"] for row in log if not row["text"].startswith("Olá")]

    async def all_answered() -> bool:
        return len(await answered()) >= len(leaving)

    await until(all_answered, "confirmations")
    assert sorted(await answered()) == sorted(leaving)
    for row in await product.stack.simulator.log(number):
        if row["to"] in wishes and row["text"].startswith("Olá"):
            assert row["at"] < wishes[row["to"]]["at"] + ON_ITS_WAY
    assert shown["suppressed"] > 5
    assert shown["sent"] + shown["suppressed"] == 150
    await product.adds_up(campaign)
