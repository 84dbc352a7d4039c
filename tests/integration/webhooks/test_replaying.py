"""Stored callbacks are applied again: what was right stays as it is, what was missed is healed."""

import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.integration.api.product import Api, FinishJobs
from tests.integration.platform.catalogue import tenant_tables
from tests.integration.webhooks.calling import Number, body, change, send, states, status

from recado.domain.deliveries import DeliveryState
from recado.features.contacts import consent
from recado.features.webhooks import replaying
from recado.features.webhooks.applying import apply_waiting
from recado.features.webhooks.replaying import Chosen, NothingChosen
from recado.platform import clock
from recado.platform.runtime import Runtime


async def keep(runtime: Runtime, number: Number, data: bytes) -> int:
    async with runtime.db.workspace(number.workspace) as tx:
        made: int = await tx.value(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s) RETURNING id",
            channel=number.channel,
            body=data,
        )
    return made


async def again(runtime: Runtime, number: Number, chosen: Chosen) -> int:
    async with runtime.db.workspace(number.workspace) as tx:
        count = await replaying.again(tx, runtime, chosen)
    await apply_waiting(runtime, number.workspace)
    return count


def everything(database_url: str, number: Number) -> dict[str, list[str]]:
    """Every row of the workspace in every table, but for the callbacks and the jobs themselves."""
    with psycopg.connect(database_url) as connection:
        return {
            table: [
                row[0]
                for row in connection.execute(
                    sql.SQL("SELECT t::text FROM {} t WHERE workspace_id = %s ORDER BY 1").format(
                        sql.Identifier(table)
                    ),
                    (number.workspace,),
                )
            ]
            for table in tenant_tables(connection)
            if table != "callback"
        }


def said(phone: str, text: str, seconds_ago: int) -> dict[str, Any]:
    told = change(phone.partition("@")[2])
    told["value"]["messages"] = [
        {
            "from": phone.partition("@")[0],
            "id": f"wamid.{text}",
            "timestamp": str(int(time.time()) - seconds_ago),
            "type": "text",
            "text": {"body": text},
        }
    ]
    return told


async def test_applied_again_callbacks_change_nothing_that_was_applied_right(
    runtime: Runtime, number: Number, own_database_url: str
) -> None:
    read, failed, gone = [await send(runtime, number) for _ in range(3)]
    phones = {}
    async with runtime.db.workspace(number.workspace) as tx:
        for one in (read, failed, gone):
            phones[one] = await tx.value(
                "SELECT ltrim(phone, '+') FROM contact WHERE id = %(id)s", id=one.contact
            )
    undeliverable: dict[str, Any] = {"errors": [{"code": 131026, "title": "Message undeliverable"}]}
    whose = f"@{number.phone_number_id}"
    for told in (
        change(number, status("read", reference=read.reference(), provider_id="wamid.r")),
        change(number, status("delivered", reference=read.reference(), provider_id="wamid.r")),
        change(number, status("failed", reference=failed.reference(), **undeliverable)),
        said(phones[read] + whose, "Que horas?", 50),
        said(phones[gone] + whose, "SAIR", 40),
        said("5531988887777" + whose, "Quem fala?", 30),
    ):
        await keep(runtime, number, body(told))
    assert await apply_waiting(runtime, number.workspace) == 6
    async with runtime.db.workspace(number.workspace) as tx:  # by a person, and later
        await consent.opt_in(tx, gone.contact, source=consent.Source.USER, now=clock.now())
    before = everything(own_database_url, number)
    assert len([table for table, rows in before.items() if rows]) > 8
    for _ in range(2):
        count = await again(runtime, number, Chosen(channel_id=number.channel))
        assert count == 6
        after = everything(own_database_url, number)
        for table, rows in before.items():
            assert after[table] == rows, table


async def test_what_callbacks_have_missed_is_healed(runtime: Runtime, number: Number) -> None:
    sent = await send(runtime, number, DeliveryState.SENT)
    told = await keep(
        runtime, number, body(change(number, status("read", provider_id="wamid.late")))
    )
    broken = await keep(runtime, number, b"{")
    await apply_waiting(runtime, number.workspace)
    assert await states(runtime, number, [sent]) == ["sent"]  # nobody had that id
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE part SET provider_id = 'wamid.late'")
        assert [row["id"] for row in await replaying.page(tx, Chosen(), limit=9)] == [broken, told]
        [wrong] = await replaying.page(tx, Chosen(errors=True), limit=9)
    assert (wrong["id"], wrong["bytes"]) == (broken, 1)
    assert await again(runtime, number, Chosen(errors=True)) == 1
    assert await states(runtime, number, [sent]) == ["sent"]
    assert await again(runtime, number, Chosen(ids=[told])) == 1
    assert await states(runtime, number, [sent]) == ["read"]
    async with runtime.db.workspace(number.workspace) as tx:
        assert len(await replaying.page(tx, Chosen(errors=True), limit=9)) == 1


async def test_callbacks_are_chosen_by_channel_and_by_when_they_came(
    runtime: Runtime, number: Number, other_number: Number
) -> None:
    first = await keep(runtime, number, body(change(number)))
    second = await keep(runtime, number, body(change(number)))
    theirs = await keep(runtime, other_number, body(change(other_number)))
    await apply_waiting(runtime, number.workspace)
    async with runtime.db.workspace(number.workspace) as tx:
        now = await tx.value("SELECT now()")
        waits = "SELECT array_agg(id) FROM callback WHERE processed_at IS NULL"
        await tx.run(
            "UPDATE callback SET received_at = received_at - interval '1 hour' WHERE id = %(id)s",
            id=first,
        )
        half = now - timedelta(minutes=30)
        for chosen, expected in (
            (Chosen(until=half), [first]),
            (Chosen(since=half), [second]),
            (Chosen(ids=[second, theirs]), [second]),
            (Chosen(channel_id=other_number.channel), []),
        ):
            assert [row["id"] for row in await replaying.page(tx, chosen, limit=9)] == expected
            assert await replaying.again(tx, runtime, chosen) == len(expected)
            assert (await tx.value(waits) or []) == expected
            await tx.run("UPDATE callback SET processed_at = now()")
        with pytest.raises(NothingChosen):
            await replaying.again(tx, runtime, Chosen())


async def test_what_they_say_is_shown_without_doing_any_of_it(
    runtime: Runtime, number: Number
) -> None:
    sent = await send(runtime, number)
    told = await keep(
        runtime, number, body(change(number, status("read", reference=sent.reference())))
    )
    broken = await keep(runtime, number, b"{")
    async with runtime.db.workspace(number.workspace) as tx:
        found = [event async for event in replaying.events(tx, Chosen())]
    assert [(one["callback"], one.get("event")) for one in found] == [
        (told, "StatusEvent"),
        (broken, None),
    ]
    assert (found[0]["status"], found[0]["reference"]) == ("read", sent.reference())
    assert await states(runtime, number, [sent]) == ["sending"]


async def test_an_admin_lists_callbacks_and_has_them_applied_again(
    runtime: Runtime, number: Number, api: Api, finish_jobs: FinishJobs
) -> None:
    sent = await send(runtime, number, DeliveryState.SENT)
    told = await keep(
        runtime, number, body(change(number, status("read", provider_id="wamid.api")))
    )
    broken = await keep(runtime, number, b"{")
    await apply_waiting(runtime, number.workspace)
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE part SET provider_id = 'wamid.api'")
    listed = await api("GET", "callbacks", channel=number.channel, limit=1)
    assert [one["id"] for one in listed["items"]] == [broken]
    rest = await api("GET", "callbacks", cursor=listed["next_cursor"])
    assert [(one["id"], one["error"]) for one in rest["items"]] == [(told, None)]
    nothing = await api("POST", "callbacks/replay", {}, status=422)
    assert nothing["error"]["code"] == "no_callbacks_chosen"
    since = "2026-01-01T00:00:00Z"
    assert await api("POST", "callbacks/replay", {"since": since}, status=202) == {"callbacks": 2}
    await finish_jobs()
    assert await states(runtime, number, [sent]) == ["read"]
