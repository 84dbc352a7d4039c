"""What people do to a number becomes a conversation with them, once and in its own order."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests import factories
from tests.integration.inbox.people import contact_with, conversations, messages, take_in
from tests.integration.webhooks.calling import Number, body, change
from tests.support.statements import counting

from recado.domain.ids import ChannelId, WorkspaceId
from recado.domain.retry import ErrorClass
from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime
from recado.providers.events import (
    CallEvent,
    EchoEvent,
    EditEvent,
    InboundEvent,
    PersonChangedEvent,
    ProviderFault,
    ReactionEvent,
    ReceivedMedia,
    RevokeEvent,
)

NOW = datetime.now(UTC).replace(microsecond=0)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def said(who: str, text: str = "Oi", *, minutes: float = 1, **more: Any) -> InboundEvent:
    given = {"message_id": f"in-{text}", "kind": "text", "name": "Ana", **more}
    return InboundEvent(sender=who, text=text, at=ago(minutes), **given)


@pytest.fixture
async def channel(runtime: Runtime, workspace: WorkspaceId) -> ChannelId:
    return await factories.bare_channel(runtime, workspace)


async def test_messages_are_kept_once_however_often_and_late_they_come(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    who, digits = await contact_with(runtime, workspace)
    batch = [said(digits, "dois", minutes=2), said(digits, "três"), said(digits, "dois", minutes=2)]
    await take_in(runtime, workspace, channel, *batch)
    await take_in(runtime, workspace, channel, *batch, said(digits, "um", minutes=90))
    [one] = await conversations(runtime, workspace)
    assert [row["text"] for row in await messages(runtime, workspace)] == ["um", "dois", "três"]
    assert one["contact_id"] == who
    assert one["unread"] == 3
    assert one["last_inbound_at"] == one["last_message_at"] == ago(1)
    assert one["name"] == "Ana"


async def test_a_stranger_who_writes_becomes_a_contact_under_whom_an_import_finds_them(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    digits = "553187654321"
    await take_in(runtime, workspace, channel, said(digits))
    async with runtime.db.workspace(workspace) as tx:
        row = await tx.one("SELECT name, phone, phone_key, wa_id, source FROM contact")
    assert row == {
        "name": "Ana",
        "phone": "+553187654321",
        "phone_key": "5531987654321",
        "wa_id": "553187654321",
        "source": "inbox",
    }
    await take_in(runtime, workspace, channel, said("5531987654321", "de novo"))
    assert len(await conversations(runtime, workspace)) == 1


async def test_who_has_no_number_is_found_again_once_both_names_came_together(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    """And the conversation that they had before becomes the contact's, with all that it holds."""
    who, digits = await contact_with(runtime, workspace)
    await take_in(runtime, workspace, channel, said("", "sem número", user_id="1@lid"))
    [alone] = await conversations(runtime, workspace)
    assert (alone["contact_id"], alone["person"]) == (None, "1@lid")
    await take_in(runtime, workspace, channel, said(digits, "com número"))
    assert len(await conversations(runtime, workspace)) == 2
    await take_in(runtime, workspace, channel, said(digits, "com ambos", user_id="1@lid"))
    [one] = await conversations(runtime, workspace)
    assert (one["contact_id"], one["person"], one["unread"]) == (who, None, 3)
    await take_in(runtime, workspace, channel, said("", "só o nome", user_id="1@lid"))
    assert {row["conversation_id"] for row in await messages(runtime, workspace)} == {one["id"]}


async def test_who_has_no_contact_yet_keeps_the_conversation_when_they_become_one(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    await take_in(runtime, workspace, channel, said("", "sem número", user_id="BR.1"))
    [alone] = await conversations(runtime, workspace)
    both = [said("", "ainda sem", user_id="BR.1"), said("5531987654321", "com", user_id="BR.1")]
    await take_in(runtime, workspace, channel, *both)
    [one] = await conversations(runtime, workspace)
    assert one["id"] == alone["id"]
    assert one["contact_id"] is not None


async def test_who_changes_number_or_id_is_called_by_the_new_one_and_keeps_the_imported_phone(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    who, digits = await contact_with(runtime, workspace)
    moved = PersonChangedEvent(
        sender=digits,
        message_id="system-1",
        kind="user_changed_user_id",
        new_user_id="BR.2",
        text="Ana mudou de número",
        at=ago(3),
    )
    await take_in(runtime, workspace, channel, moved)
    await take_in(runtime, workspace, channel, moved, said("", user_id="BR.2"))
    [one] = await conversations(runtime, workspace)
    assert (one["contact_id"], one["unread"]) == (who, 1)
    found = await messages(runtime, workspace)
    assert [(row["kind"], row["text"]) for row in found] == [
        ("system", "Ana mudou de número"),
        ("text", "Oi"),
    ]
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.value("SELECT phone FROM contact") == f"+{digits}"


async def test_the_latest_change_of_a_message_holds_in_whatever_order_they_come(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    _, digits = await contact_with(runtime, workspace)
    late = [
        EditEvent(sender=digits, of="in-Oi", text="Oi, tudo bem?", at=ago(2)),
        ReactionEvent(sender=digits, of="out-1", emoji="", at=ago(2)),
        RevokeEvent(sender=digits, of="in-x", at=ago(2)),
    ]
    early = [
        EditEvent(sender=digits, of="in-Oi", text="Oi?", at=ago(3)),
        ReactionEvent(sender=digits, of="out-1", emoji="👍", at=ago(3)),
    ]
    await take_in(runtime, workspace, channel, *late)
    await take_in(runtime, workspace, channel, said(digits, minutes=5), *early, *late)
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all(
            "SELECT provider_id, reaction, text, revoked_at FROM message_change ORDER BY 1"
        )
    assert [tuple(row.values()) for row in rows] == [
        ("in-Oi", None, "Oi, tudo bem?", None),
        ("in-x", None, None, ago(2)),
        ("out-1", "", None, None),
    ]


async def test_what_was_typed_on_the_phone_is_there_and_what_requests_sent_is_not_doubled(
    runtime: Runtime, number: Number
) -> None:
    workspace, channel = number.workspace, number.channel
    _, digits = await contact_with(runtime, workspace)
    echo: dict[str, Any] = {"recipient": digits, "kind": "text", "at": ago(1)}
    await take_in(
        runtime,
        workspace,
        channel,
        EchoEvent(by="phone", provider_id="p-1", text="Já ligo", **echo),
        EchoEvent(by="api", provider_id="p-2", text="Promo", **echo),
        EchoEvent(by="phone", provider_id="p-3", text="Promo", reference="1.1.1", **echo),
    )
    [one] = await messages(runtime, workspace)
    assert (one["direction"], one["author"], one["status"], one["text"]) == (
        "out",
        "phone",
        "sent",
        "Já ligo",
    )
    [place] = await conversations(runtime, workspace)
    assert (place["unread"], place["last_inbound_at"]) == (0, None)


async def test_calls_and_what_cannot_be_shown_are_there_and_open_the_conversation(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    _, digits = await contact_with(runtime, workspace)
    odd = ProviderFault("131051", ErrorClass.INBOUND_ONLY, "Message type unknown")
    call: dict[str, Any] = {"sender": digits, "message_id": "call-1"}
    await take_in(
        runtime,
        workspace,
        channel,
        CallEvent(event="connect", at=ago(9), **call),
        CallEvent(event="terminate", at=ago(8), **call),
        CallEvent(event="connect", at=ago(1), incoming=False, **call),
        said(digits, "", kind="unsupported", fault=odd, minutes=5, message_id="u"),
    )
    found = await messages(runtime, workspace)
    assert [(row["kind"], row["error_code"]) for row in found] == [
        ("call", None),
        ("unsupported", "131051"),
    ]
    [one] = await conversations(runtime, workspace)
    assert one["last_inbound_at"] == ago(5)


async def test_no_text_from_outside_is_too_odd_or_too_long_to_be_kept(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    _, digits = await contact_with(runtime, workspace)
    await take_in(
        runtime,
        workspace,
        channel,
        said(digits, "a\0b\ud800c", name="N\ud800\0" + "o" * 10_000, message_id="\udfff\0x"),
        said(digits, "x" * 2**20, message_id="long", reply_to="\ud800", choice="\0"),
        said(digits, "arquivo", media=ReceivedMedia(filename="\ud800.pdf", mime_type="\0")),
        said("99", user_id="\ud800" * 9_000, message_id="ç" * 9_000),
    )
    found = {row["provider_id"]: row for row in await messages(runtime, workspace)}
    assert found["?x"]["text"] == "ab?c"
    assert len(found["long"]["text"]) == 65_536


async def test_what_was_written_in_the_future_was_written_now(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId
) -> None:
    _, digits = await contact_with(runtime, workspace)
    await take_in(runtime, workspace, channel, said(digits, minutes=-2000))
    [one] = await conversations(runtime, workspace)
    assert one["last_inbound_at"] <= datetime.now(UTC)
    assert one["last_message_at"] <= datetime.now(UTC)


async def test_a_reply_to_a_campaign_is_tied_to_its_delivery(
    runtime: Runtime, number: Number
) -> None:
    """Here through a whole callback of Meta's."""
    _, digits = await contact_with(runtime, number.workspace)
    async with runtime.db.workspace(number.workspace) as tx:
        [contact] = await tx.all("SELECT id FROM contact")
        delivery = await factories.failed_delivery(tx, number.channel, contact["id"])
        await tx.run(
            "INSERT INTO part (workspace_id, delivery_id, position, status, provider_id)"
            " VALUES (current_workspace_id(), %(delivery)s, 1, 'sent', 'wamid.O')",
            delivery=delivery,
        )
        told = change(number)
        told["value"]["messages"] = [
            {
                "from": digits,
                "id": "wamid.I",
                "timestamp": str(int(time.time())),
                "type": "button",
                "button": {"payload": "quero", "text": "Eu quero"},
                "context": {"from": "1", "id": "wamid.O"},
            }
        ]
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(told),
        )
    assert await apply_waiting(runtime, number.workspace) == 1
    [one] = await messages(runtime, number.workspace)
    assert (one["delivery_id"], one["reply_to"]) == (delivery, "wamid.O")
    assert (one["choice"], one["text"]) == ("quero", "Eu quero")


async def test_nobody_becomes_a_contact_by_an_odd_callback(
    runtime: Runtime, number: Number
) -> None:
    odd: list[Any] = [{}, {"from": 7}, {"from": None}, {"from": "\x00"}, {"from": "55"}]
    told = change(number)
    told["value"]["messages"] = odd
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
            channel=number.channel,
            body=body(told),
        )
    assert await apply_waiting(runtime, number.workspace) == 1
    async with runtime.db.workspace(number.workspace) as tx:
        assert await tx.all("SELECT id FROM contact") == []


async def test_a_batch_costs_as_many_statements_as_one_message(
    runtime: Runtime, workspace: WorkspaceId, channel: ChannelId, own_database_url: str
) -> None:
    who = [(await contact_with(runtime, workspace))[1] for _ in range(20)]
    with counting(own_database_url) as few:
        await take_in(runtime, workspace, channel, said(who[0]))
    batch = [said(one, f"{n} {one}") for one in who for n in range(5)]
    with counting(own_database_url) as many:
        await take_in(runtime, workspace, channel, *batch)
    assert len(await messages(runtime, workspace)) == 101
    assert many.total <= few.total <= 14
