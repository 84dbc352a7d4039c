"""Somebody writes and is answered: through real web and worker processes."""

from typing import Any

from tests import factories
from tests.integration.dispatch.driving import Number, Simulator, until

from recado.domain.ids import ConversationId
from recado.features.inbox import outgoing, read_marks


async def test_who_writes_is_answered_through_the_number_and_what_becomes_of_it_is_told(
    number: Number, simulator: Simulator
) -> None:
    who = factories.phone().lstrip("+")
    told = {"channel": number.number, "from": who, "text": "Tem vaga?", "name": "Ana"}
    async with simulator.session.post(f"{simulator.url}/_sim/inbound", json=told) as answer:
        answer.raise_for_status()

    async def rows() -> list[dict[str, Any]]:
        return await number.rows(
            "SELECT m.*, v.unread FROM message m JOIN conversation v ON v.id = m.conversation_id"
            " ORDER BY m.id"
        )

    async def written() -> bool:
        return bool(await rows())

    await until(written, "the message")
    [first] = await rows()
    assert (first["text"], first["unread"]) == ("Tem vaga?", 1)
    place = ConversationId(first["conversation_id"])
    async with number.runtime.db.workspace(number.workspace_id) as tx:
        await read_marks.read(tx, number.runtime, place)
        for text in ("Tem!", "Quer marcar?"):
            await outgoing.put(tx, number.runtime, place, {"type": "text", "text": text})

    async def arrived() -> bool:  # not everybody's phone tells that they have read it
        return {row["status"] for row in (await rows())[1:]} <= {"delivered", "read"}

    await until(arrived, "the answers have arrived")
    log = await simulator.log(number.number)
    assert [(one["to"], one["text"]) for one in log] == [(who, "Tem!"), (who, "Quer marcar?")]
    assert (await rows())[0]["unread"] == 0

    async def done() -> bool:
        return not await _left(number)

    await until(done, "the jobs are done")


async def _left(number: Number) -> list[Any]:
    async with number.runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        return await tx.all(
            "SELECT task_name, status FROM procrastinate_jobs"
            " WHERE task_name LIKE 'inbox:%%' AND args ->> 'workspace_id' = %(workspace)s",
            workspace=str(number.workspace_id),
        )
