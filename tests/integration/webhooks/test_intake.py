"""Callbacks come in: proven genuine over their raw bytes, durable before they are answered."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from tests.integration.api.product import Api, FinishJobs, until
from tests.integration.webhooks.calling import (
    Number,
    body,
    change,
    connect,
    send,
    states,
    status,
    stored,
)
from tests.support.statements import counting

from recado.api import webhooks
from recado.api.webhooks import LARGEST_CALLBACK
from recado.domain.ids import WorkspaceId
from recado.features.webhooks import store
from recado.features.webhooks.applying import apply_waiting
from recado.features.webhooks.routes import SQL
from recado.platform import metrics
from recado.platform.postgres import Database
from recado.platform.runtime import Runtime
from recado.providers.meta import webhook

AWAY = "postgresql://postgres:x@127.0.0.1:1/recado"


async def handshake(http: aiohttp.ClientSession, path: str, **query: str) -> tuple[int, str]:
    names = {f"hub.{name}": value for name, value in query.items()}
    async with http.get(path, params=names) as answer:
        return answer.status, await answer.text()


async def test_an_address_is_verified_by_its_own_token_alone(
    number: Number, other_number: Number, http: aiohttp.ClientSession
) -> None:
    right = number.verify_token
    asked = {"mode": "subscribe", "challenge": "1158201444"}
    assert await handshake(http, number.path, verify_token=right, **asked) == (200, "1158201444")
    for wrong in ("", "confere", right.upper(), right + " ", "é", other_number.verify_token):
        code, text = await handshake(http, number.path, verify_token=wrong, **asked)
        assert (code, "1158201444" in text) == (403, False), wrong
    assert (await handshake(http, number.path, **asked))[0] == 403
    assert (await handshake(http, number.path))[0] == 403
    other_mode = {"mode": "unsubscribe", "challenge": "1"}
    assert (await handshake(http, number.path, verify_token=right, **other_mode))[0] == 403


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/webhooks/meta/nobody", 404),
        ("/webhooks/telegram/nobody", 404),
        ("/webhooks/meta", 404),
        ("/webhooks/meta/", 404),
        ("/webhooks/meta/a/b", 404),
        ("/webhooks/meta/%00", 404),
        ("/webhooks/%00/a", 404),
        ("/webhooks/meta/%ff", 404),
        ("/webhooks/meta/" + "x" * 5000, 404),
    ],
)
async def test_an_address_that_nobody_has_is_unknown(
    path: str, code: int, number: Number, http: aiohttp.ClientSession
) -> None:
    assert await number.call(http, body(change(number)), at=path) == code


async def test_an_address_belongs_to_one_provider(
    number: Number, http: aiohttp.ClientSession
) -> None:
    elsewhere = number.path.replace("/meta/", "/simulator/")
    assert await number.call(http, body(change(number)), at=elsewhere) == 404
    async with http.put(number.path) as answer:
        assert answer.status == 405


async def test_a_signature_holds_for_the_very_bytes_that_came(
    number: Number, http: aiohttp.ClientSession, runtime: Runtime
) -> None:
    genuine = body(change(number, status("sent", reference="1.1.1", note="ação \\u00e9")))
    genuine = genuine.replace(b": ", b" :\t ").replace(b"\\\\u00e9", b"\\u00e9")
    assert await number.call(http, genuine) == 200
    again = json.dumps(json.loads(genuine)).encode()
    assert again != genuine
    signature = {"X-Hub-Signature-256": webhook.sign(number.app_secret, genuine)}
    async with http.post(number.path, data=again, headers=signature) as answer:
        assert answer.status == 401
    assert await stored(runtime, number.workspace) == [genuine]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": "é"},
        {"X-Hub-Signature": "sha1=" + "0" * 40},
    ],
)
async def test_a_body_that_nobody_signed_is_refused_and_not_kept(
    headers: dict[str, str], number: Number, http: aiohttp.ClientSession, runtime: Runtime
) -> None:
    data = body(change(number, status("sent", reference="1.1.1")))
    for secret in ("", "segredo ", number.verify_token):
        assert await number.call(http, data, secret=secret) == 401
    async with http.post(number.path, data=data, headers=headers) as answer:
        assert answer.status == 401
    assert await stored(runtime, number.workspace) == []


async def test_a_callback_is_durable_with_its_job_before_it_is_answered(
    number: Number, http: aiohttp.ClientSession, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    sent = await send(runtime, number)
    data = body(change(number, status("delivered", reference=sent.reference())))
    assert await number.call(http, data) == 200
    assert await stored(runtime, number.workspace) == [data]
    assert await states(runtime, number, [sent]) == ["sending"]
    await finish_jobs()
    assert await states(runtime, number, [sent]) == ["delivered"]


async def test_many_callbacks_at_once_are_all_kept(
    number: Number,
    other_number: Number,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    sent = [await send(runtime, number) for _ in range(20)]
    theirs = await send(runtime, other_number)
    calls = [
        number.call(http, body(change(number, status(word, reference=one.reference()))))
        for word in ("read", "sent", "delivered")
        for one in sent
    ]
    reported = status("sent", reference=theirs.reference())
    calls.append(other_number.call(http, body(change(other_number, reported))))
    assert set(await asyncio.gather(*calls)) == {200}
    assert len(await stored(runtime, number.workspace)) == 60
    assert len(await stored(runtime, other_number.workspace)) == 1
    await finish_jobs()
    assert await states(runtime, number, sent) == ["read"] * 20
    assert await states(runtime, other_number, [theirs]) == ["sent"]


async def test_one_workspace_s_secret_forges_nothing_for_another(
    number: Number,
    other_number: Number,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    theirs = await send(runtime, other_number)
    reported = status("read", reference=theirs.reference(), provider_id="wamid.theirs")
    forged = [
        body(change(other_number, reported)),
        body(change(number), change(other_number, reported)),
        body(change(number, reported)),
    ]
    for data in forged:  # each is genuine, but for what the forger's own number reports
        assert await number.call(http, data) == 200
    for data, code in zip(forged, (401, 200, 200), strict=True):
        assert await number.call(http, data, at=other_number.path) == code
    await finish_jobs()
    assert await stored(runtime, other_number.workspace) == []
    assert await states(runtime, other_number, [theirs]) == ["sending"]


async def test_a_callback_of_one_app_is_split_among_its_numbers(
    number: Number,
    other_number: Number,
    other_api: Api,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    http, workspace, other_workspace = other_api.http, number.workspace, other_number.workspace
    first, stranger = number, other_number
    second = await connect(other_api, other_workspace, app_secret=number.app_secret)
    mine, theirs = await send(runtime, first), await send(runtime, second)
    unproven = await send(runtime, stranger)
    data = body(
        change(first, status("delivered", reference=mine.reference())),
        change(second, status("read", reference=theirs.reference())),
        change(stranger, status("read", reference=unproven.reference())),
        change("999999999999999", status("read", reference="1.1.1")),
    )
    assert await first.call(http, data) == 200
    await finish_jobs()
    assert await states(runtime, first, [mine]) == ["delivered"]
    assert await states(runtime, second, [theirs]) == ["read"]
    assert await states(runtime, stranger, [unproven]) == ["sending"]
    [own], [other] = (
        await stored(runtime, workspace),
        await stored(runtime, other_workspace),
    )
    assert webhook.external_ids(own) == {first.phone_number_id}
    assert webhook.external_ids(other) == {second.phone_number_id}


async def test_what_concerns_numbers_that_nobody_has_is_taken_and_forgotten(
    number: Number, http: aiohttp.ClientSession, runtime: Runtime
) -> None:
    for strange in ("999999999999999", "x" * 10_000, "\x00", "' OR 1=1"):
        data = body(change(strange, status("sent", reference="1.1.1")))
        assert await number.call(http, data) == 200, strange
    assert await stored(runtime, number.workspace) == []


async def test_a_body_that_is_too_large_is_refused(
    number: Number, http: aiohttp.ClientSession, runtime: Runtime
) -> None:
    filled = body(change(number, status("sent", reference="1.1.1", note="x" * 3_000_000)))
    assert await number.call(http, filled) == 200
    assert await number.call(http, b" " * (LARGEST_CALLBACK + 1)) == 413
    assert len(await stored(runtime, number.workspace)) == 1


async def test_while_postgresql_is_away_the_provider_is_told_to_come_again(
    number: Number,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = body(change(number, status("sent", reference="1.1.1")))
    away = Database(AWAY, pool_size=2)
    with monkeypatch.context() as patched:
        patched.setattr(runtime.db, "_engine", away._engine)
        assert await number.call(http, data) == 503  # the channel cannot be looked up
        code, _ = await handshake(http, number.path, mode="subscribe", verify_token="x")
        assert code == 503
    assert await number.call(http, data) == 200
    with monkeypatch.context() as patched:
        patched.setattr(runtime.db, "_engine", away._engine)
        assert await number.call(http, data) == 503  # it is known, but nothing can be kept
    await away.close()
    assert await number.call(http, data) == 200
    assert await stored(runtime, number.workspace) == [data, data]


async def test_a_number_connected_a_moment_ago_is_called_through_its_app_s_address(
    api: Api,
    workspace: WorkspaceId,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    finish_jobs: FinishJobs,
) -> None:
    first = await connect(api, workspace, app_secret="um app")
    later = str(int(first.phone_number_id) + 1)
    data = body(change(later, status("sent", reference="1.1.1")))
    assert await first.call(http, data) == 200  # before we had it, and nothing was kept
    second = await connect(api, workspace, app_secret="um app")
    assert second.phone_number_id == later
    sent = await send(runtime, second)
    report = body(change(second, status("delivered", reference=sent.reference())))
    assert await first.call(http, report) == 200
    await finish_jobs()
    assert await states(runtime, second, [sent]) == ["delivered"]


@asynccontextmanager
async def storing_held_up(runtime: Runtime, number: Number) -> AsyncIterator[None]:
    """While inside, PostgreSQL lets nothing of the number's workspace be stored."""
    async with runtime.db.workspace(number.workspace) as tx:
        await tx.run(SQL["all_stored"], workspace_id=number.workspace)
        yield


@pytest.mark.parametrize("limit", [("MOST_WAITING", 3), ("MOST_HELD", 1_500)])
async def test_when_the_waiting_list_is_full_the_next_is_told_at_once_to_come_again(
    number: Number,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    limit: tuple[str, int],
) -> None:
    async def three_wait() -> bool:
        return int(metrics.WAITING._value.get()) == len(calls)

    sent = [await send(runtime, number) for _ in range(4)]
    data = [
        body(change(number, status("read", reference=one.reference(), note="x" * 300)))
        for one in sent
    ]
    async with storing_held_up(runtime, number):
        calls = [asyncio.create_task(number.call(http, one)) for one in data[:3]]
        await until(three_wait)
        with monkeypatch.context() as patched:
            patched.setattr(webhooks, *limit)
            assert await number.call(http, data[3]) == 503
            assert not any(call.done() for call in calls)
    assert [await one for one in calls] == [200, 200, 200]
    assert await number.call(http, data[3]) == 200  # there is room again
    await apply_waiting(runtime, number.workspace)
    assert await states(runtime, number, sent) == ["read"] * 4


async def test_a_database_that_is_too_slow_is_not_waited_for_and_nothing_is_half_stored(
    number: Number,
    http: aiohttp.ClientSession,
    runtime: Runtime,
    finish_jobs: FinishJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = await send(runtime, number)
    data = body(change(number, status("read", reference=sent.reference())))
    assert await number.call(http, body(change(number))) == 200
    with monkeypatch.context() as patched:
        patched.setattr(store, "SLOWEST_WRITE", timedelta(milliseconds=50))
        async with storing_held_up(runtime, number):
            assert await number.call(http, data) == 503  # PostgreSQL gave up
    assert len(await stored(runtime, number.workspace)) == 1
    with monkeypatch.context() as patched:
        patched.setattr(webhooks, "ANSWER_WITHIN", 0.05)
        async with storing_held_up(runtime, number):
            assert await number.call(http, data) == 503  # we gave up, while it was being written
            answers = await asyncio.gather(*(number.call(http, data) for _ in range(20)))
            assert set(answers) == {503}
        patched.undo()
        assert await number.call(http, data) == 200
    kept = await stored(runtime, number.workspace)
    assert set(kept[1:]) == {data}
    assert len(kept) <= 3  # of those who were turned away, only what was being written
    await finish_jobs()
    assert await states(runtime, number, [sent]) == ["read"]


async def test_what_can_never_be_read_is_taken_once_it_is_genuine_and_counted(
    number: Number, http: aiohttp.ClientSession, runtime: Runtime, finish_jobs: FinishJobs
) -> None:
    before = metrics.UNAPPLIED.labels("meta")._value.get()
    for strange in (b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"entry": 1}'):
        assert await number.call(http, strange) == 200, strange[:20]
    await finish_jobs()
    assert metrics.UNAPPLIED.labels("meta")._value.get() > before
    async with runtime.db.workspace(number.workspace) as tx:
        assert await tx.value("SELECT count(*) FROM callback WHERE processed_at IS NULL") == 0
        assert await tx.value("SELECT count(*) FROM callback WHERE error IS NOT NULL") > 0


async def test_many_who_call_at_once_have_their_number_looked_up_once(
    number: Number,
    http: aiohttp.ClientSession,
    own_database_url: str,
) -> None:
    with counting(own_database_url) as asked:
        await asyncio.gather(*(number.call(http, body(change(number))) for _ in range(20)))
    assert sum(count for text, count in asked.calls.items() if "channel_route" in text) == 1
