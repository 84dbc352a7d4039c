"""Conversations over the API: found, read, answered, and followed live."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import psycopg
import pytest
from tests import factories
from tests.integration.api.product import Api
from tests.integration.inbox.people import contact_with, take_in
from tests.integration.webhooks.calling import Number

from recado.domain.ids import WorkspaceId
from recado.features.inbox.read_marks import SQL
from recado.features.users.roles import Role
from recado.platform.runtime import Runtime
from recado.providers.events import EchoEvent, InboundEvent, ReactionEvent, RevokeEvent

NOW = datetime.now(UTC).replace(microsecond=0)
OI = {"type": "text", "text": "Oi, {nome}"}


def said(who: str, text: str = "Oi", *, minutes: float = 1) -> InboundEvent:
    return InboundEvent(
        sender=who,
        text=text,
        message_id=f"in-{text}-{who}",
        kind="text",
        at=NOW - timedelta(minutes=minutes),
    )


async def pages(api: Api, path: str) -> list[dict[str, Any]]:
    """All items of a list, two at a time."""
    found: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(20):
        answer = await api("GET", f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
        found += answer["items"]
        if answer["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer['next_cursor']}"
    raise AssertionError("it never ends")


async def talk(runtime: Runtime, number: Number, *, minutes: float = 1) -> tuple[int, str]:
    """Somebody writes; the conversation, and their digits."""
    _, digits = await contact_with(runtime, number.workspace)
    await take_in(runtime, number.workspace, number.channel, said(digits, minutes=minutes))
    async with runtime.db.workspace(number.workspace) as tx:
        return await tx.value("SELECT max(id) FROM conversation"), digits


async def test_those_with_news_come_first_and_each_once_also_where_times_are_the_same(
    api: Api, runtime: Runtime, number: Number
) -> None:
    ids = [(await talk(runtime, number, minutes=minutes))[0] for minutes in (9, 5, 5, 5, 1)]
    order = [ids[4], *sorted(ids[1:4], reverse=True), ids[0]]
    found = await pages(api, "conversations")
    assert [one["id"] for one in found] == order
    assert found[0]["last_text"] == "Oi"
    assert found[0]["may_answer"] is True
    assert found[0]["unread"] == 1
    await api("POST", f"conversations/{ids[4]}/read")
    unread = await pages(api, "conversations?unread=true")
    assert [one["id"] for one in unread] == order[1:]
    contact = found[0]["contact_id"]
    assert [one["id"] for one in await pages(api, f"conversations?contact={contact}")] == [ids[4]]
    assert len(await pages(api, f"conversations?channel={number.channel}")) == 5
    assert await pages(api, "conversations?channel=999999") == []


async def test_a_conversation_shows_what_was_said_and_what_campaigns_sent_in_its_order(
    api: Api, runtime: Runtime, number: Number
) -> None:
    place, digits = await talk(runtime, number)
    contact = (await api("GET", f"conversations/{place}"))["contact_id"]
    async with runtime.db.workspace(number.workspace) as tx:
        delivery = await factories.failed_delivery(tx, number.channel, contact)
        await tx.run(
            "UPDATE delivery SET status = 'read', channel_id = %(channel)s, text = 'Promoção!',"
            " sent_at = now() - interval '1 hour' WHERE id = %(id)s",
            channel=number.channel,
            id=delivery,
        )
        await tx.run(
            "INSERT INTO part (workspace_id, delivery_id, position, status, provider_id)"
            " VALUES (current_workspace_id(), %(id)s, 1, 'read', 'wamid.P')",
            id=delivery,
        )
    at = NOW - timedelta(seconds=30)
    await take_in(
        runtime,
        number.workspace,
        number.channel,
        ReactionEvent(sender=digits, of="wamid.P", emoji="❤️", at=at),
        said(digits, "apaga", minutes=0.9),
        RevokeEvent(sender=digits, of=f"in-apaga-{digits}", at=at),
        # The same as the campaign's, echoed before its id was known.
        EchoEvent(by="phone", provider_id="wamid.P", recipient=digits, kind="text", at=at),
    )
    found = await pages(api, f"conversations/{place}/messages")
    assert [(one["kind"], one["text"]) for one in found] == [
        ("text", ""),
        ("text", "Oi"),
        ("campaign", "Promoção!"),
    ]
    assert found[0]["revoked_at"] is not None
    assert (found[2]["reaction"], found[2]["status"]) == ("❤️", "read")
    assert (found[2]["campaign"], found[2]["delivery_id"]) == ("Falhou", delivery)


async def test_an_answer_is_put_once_for_each_key(
    api: Api, http: aiohttp.ClientSession, owner: str, runtime: Runtime, number: Number
) -> None:
    place, _ = await talk(runtime, number)
    headers = {"Authorization": f"Bearer {owner}", "Idempotency-Key": "uma vez"}
    ids = set()
    for _ in range(2):
        url = f"/api/v1/conversations/{place}/messages"
        async with http.post(url, json=OI, headers=headers) as answer:
            assert answer.status == 201
            made = await answer.json()
        ids.add(made["id"])
    assert len(ids) == 1
    assert (made["status"], made["text"], made["direction"]) == ("pending", "Oi, {nome}", "out")
    assert made["author"].startswith("key:")
    [first, _] = await pages(api, f"conversations/{place}/messages")
    assert first["id"] in ids


async def test_the_days_end_closes_a_conversation_to_all_but_templates_and_an_opt_out_to_all(
    api: Api, runtime: Runtime, number: Number
) -> None:
    template = {"type": "template", "name": "promo", "language": "pt_BR"}
    place, _ = await talk(runtime, number, minutes=24 * 60 + 1)
    path = f"conversations/{place}/messages"
    shown = await api("GET", f"conversations/{place}")
    assert (shown["may_answer"], shown["open_until"]) == (False, None)
    refused = await api("POST", path, OI, status=409)
    assert refused["error"]["code"] == "conversation_closed"
    await api("POST", path, template, status=201)
    await api("POST", f"contacts/{shown['contact_id']}/opt-out")
    refused = await api("POST", path, template, status=409)
    assert refused["error"]["code"] == "person_opted_out"
    open_place, _ = await talk(runtime, number)
    contact = (await api("GET", f"conversations/{open_place}"))["contact_id"]
    await api("POST", f"contacts/{contact}/opt-out")
    await api("POST", f"conversations/{open_place}/messages", OI, status=201)


async def test_what_cannot_be_sent_is_refused_before_it_is_put(
    api: Api, runtime: Runtime, number: Number
) -> None:
    place, _ = await talk(runtime, number)
    path = f"conversations/{place}/messages"
    inside = {"type": "media", "media_type": "image", "link": "http://127.0.0.1/a.jpg"}
    long = {"type": "text", "text": "x" * 4097, "max_split_parts": 10}
    for content, code in (
        (inside, "invalid_link"),
        (long, "text_too_long"),
        ({"type": "text", "text": " "}, "invalid_input"),
        ({"type": "fax"}, "invalid_input"),
    ):
        refused = await api("POST", path, content, status=422)
        assert refused["error"]["code"] == code
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run("UPDATE channel SET deleted_at = now()")
    assert (await api("POST", path, OI, status=409))["error"]["code"] == "channel_gone"


async def test_a_viewer_reads_and_does_not_answer(
    http: aiohttp.ClientSession, runtime: Runtime, number: Number
) -> None:
    place, _ = await talk(runtime, number)
    viewer = Api(http, await factories.api_key(runtime, number.workspace, Role.VIEWER))
    assert (await viewer("GET", f"conversations/{place}/messages"))["items"]
    await viewer("POST", f"conversations/{place}/messages", OI, status=403)
    await viewer("POST", f"conversations/{place}/read", status=403)


async def test_watchers_of_a_workspace_hear_of_its_conversations_alone(
    http: aiohttp.ClientSession,
    owner: str,
    runtime: Runtime,
    number: Number,
    other_workspace: WorkspaceId,
) -> None:
    headers = {"Authorization": f"Bearer {owner}"}
    place, digits = await talk(runtime, number)
    strange = await factories.bare_channel(runtime, other_workspace)
    async with http.ws_connect("/api/v1/live", headers=headers) as socket:
        # Until it is heard: the subscription may take a moment.
        for n in itertools.count():
            await take_in(runtime, other_workspace, strange, said(digits, f"fora {n}"))
            await take_in(runtime, number.workspace, number.channel, said(digits, f"{n}"))
            try:
                news = await socket.receive_json(timeout=0.5)
            except TimeoutError:
                assert n < 20
            else:
                break
    assert news == {"type": "inbox.message", "conversation_id": place}


@pytest.mark.parametrize("name", ["newest_first", "unread_first"])
async def test_a_list_goes_along_its_index_however_many_there_are(
    name: str, runtime: Runtime, workspace: WorkspaceId, own_database_url: str
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    with psycopg.connect(own_database_url, autocommit=True) as login:
        login.execute(
            "INSERT INTO conversation (workspace_id, channel_id, person, last_message_at, unread)"
            " SELECT %s, %s, 'p' || n, now() - n * interval '1 second', (n %% 50 = 0)::integer"
            " FROM generate_series(1, 20000) AS n",
            (workspace, channel),
        )
        login.execute("ANALYZE conversation")
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all(
            "EXPLAIN " + SQL[name],
            workspace_id=workspace,
            before_at=NOW,
            before_id=2**63 - 1,
            channel_id=None,
            most=51,
        )
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    index = {"newest_first": "conversation_order", "unread_first": "conversation_unread"}[name]
    assert f"using {index}" in plan
    assert "Sort" not in plan


async def test_read_marks_are_shown_at_the_provider_by_a_job_and_only_once(
    api: Api, runtime: Runtime, number: Number
) -> None:
    place, _ = await talk(runtime, number)
    for _ in range(2):
        assert (await api("POST", f"conversations/{place}/read"))["unread"] == 0
    async with runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        jobs = await tx.all(
            "DELETE FROM procrastinate_jobs WHERE task_name = 'inbox:mark_read' RETURNING args"
        )
    ours = [job["args"] for job in jobs if job["args"]["workspace_id"] == number.workspace]
    assert ours == [{"workspace_id": number.workspace, "conversation_id": place, "most": 1}]
