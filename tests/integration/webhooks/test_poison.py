"""A callback that cannot be applied is put aside with its reason, and keeps no other waiting."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from tests.integration.webhooks.calling import Number, body, change, send, status
from tests.integration.webhooks.test_applying import keep, row

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.inbox import receiving
from recado.features.webhooks.applying import apply_waiting
from recado.platform import metrics
from recado.platform.runtime import Runtime
from recado.providers.events import CallbackEvent, InboundEvent

BAD, WORSE, ODD = "551100000001", "551100000002", "551100000003"
# What PostgreSQL says of a number that no column holds, of a key that no index holds.
_TOO_LARGE = "SELECT (2::numeric ^ 70)::bigint"
_TOO_LONG = (
    "WITH text AS (SELECT string_agg(md5(n::text), '') AS x FROM generate_series(1, 500) n)"
    " INSERT INTO tag (workspace_id, name) SELECT current_workspace_id(), x FROM text"
)


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What certain senders write breaks whoever takes it in; returns what went well."""
    well: list[str] = []
    whole = receiving.take_in

    async def take_in(
        runtime: Runtime,
        workspace_id: WorkspaceId,
        people: Sequence[tuple[ChannelId, CallbackEvent]],
    ) -> None:
        senders = [event.sender for _, event in people if isinstance(event, InboundEvent)]
        async with runtime.db.workspace(workspace_id) as tx:
            if BAD in senders:
                await tx.run(_TOO_LARGE)
            if WORSE in senders:
                await tx.run(_TOO_LONG)
            if ODD in senders:
                raise KeyError("odd\x00")
        await whole(runtime, workspace_id, people)
        well.extend(senders)

    monkeypatch.setattr(receiving, "take_in", take_in)
    return well


async def write(runtime: Runtime, number: Number, *senders: str, **more: Any) -> int:
    """Store a callback with a message of each of them; its id."""
    told = change(number)
    told["value"] |= {
        "messages": [
            {"from": one, "id": f"wamid.{one}", "timestamp": "1760000000", "type": "text"}
            for one in senders
        ],
        **more,
    }
    async with runtime.db.workspace(number.workspace) as tx:
        found = await tx.one(
            "INSERT INTO callback (workspace_id, channel_id, body)"
            " VALUES (current_workspace_id(), %(channel)s, %(body)s) RETURNING id",
            channel=number.channel,
            body=body(told),
        )
    assert found
    return int(found["id"])


async def errors(runtime: Runtime, number: Number) -> dict[int, str | None]:
    """The error of each callback; all of them must be done with."""
    async with runtime.db.workspace(number.workspace) as tx:
        rows = await tx.all("SELECT id, processed_at, error FROM callback")
    assert all(one["processed_at"] for one in rows)
    return {one["id"]: one["error"] for one in rows}


@pytest.mark.parametrize(
    ("sender", "reason"),
    [(BAD, "NumericValueOutOfRange"), (WORSE, "ProgramLimitExceeded"), (ODD, "KeyError")],
)
async def test_a_callback_that_breaks_a_receiver_keeps_no_other_from_being_applied(
    sender: str, reason: str, runtime: Runtime, number: Number, poisoned: list[str]
) -> None:
    before = metrics.UNAPPLIED.labels("meta")._value.get()
    one, other = await send(runtime, number), await send(runtime, number)
    await keep(runtime, number, status("read", reference=one.reference()))
    good = await write(runtime, number, "551100000009")
    bad = await write(runtime, number, sender)
    await keep(runtime, number, status("read", reference=other.reference()))

    assert await apply_waiting(runtime, number.workspace) == 4

    assert (await row(runtime, number, one))["status"] == "read"
    assert (await row(runtime, number, other))["status"] == "read"
    found = await errors(runtime, number)
    assert reason in (found.pop(bad) or "")
    assert set(found.values()) == {None}
    assert good in found
    assert poisoned == ["551100000009"]
    assert metrics.UNAPPLIED.labels("meta")._value.get() == before + 1
    assert await apply_waiting(runtime, number.workspace) == 0


async def test_of_a_callback_with_a_bad_event_the_others_are_applied(
    runtime: Runtime, number: Number, poisoned: list[str]
) -> None:
    sent = await send(runtime, number)
    senders = ["551100000007", BAD, "551100000008"]
    bad = await write(
        runtime, number, *senders, statuses=[status("delivered", reference=sent.reference())]
    )
    await apply_waiting(runtime, number.workspace)
    assert (await row(runtime, number, sent))["status"] == "delivered"
    assert poisoned == ["551100000007", "551100000008"]
    assert "NumericValueOutOfRange" in ((await errors(runtime, number))[bad] or "")


async def test_a_server_that_is_away_is_no_fault_of_the_callbacks(
    runtime: Runtime, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise psycopg.errors.AdminShutdown

    await write(runtime, number, BAD)
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "take_in", away)
        with pytest.raises(psycopg.errors.AdminShutdown):
            await apply_waiting(runtime, number.workspace)
    assert await apply_waiting(runtime, number.workspace) == 1
    assert set((await errors(runtime, number)).values()) == {None}
