"""The API of contacts, lists and imports, over real HTTP."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests import factories

from recado.domain.ids import ContactId, ImportId, WorkspaceId
from recado.features.contacts import reach
from recado.features.contacts.importing import work
from recado.features.gates.service import contact_gate
from recado.platform import settings
from recado.platform.runtime import Runtime

MEGABYTE = 1024 * 1024


async def read(response: aiohttp.ClientResponse, status: int) -> Any:
    body = await response.text()
    assert response.status == status, body
    return json.loads(body) if body else None


def form(content: bytes, **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        data.add_field(name, value)
    data.add_field("file", content, filename="contatos de março.csv")
    return data


async def upload(api: aiohttp.ClientSession, content: bytes, **fields: str) -> int:
    response = await api.post("/api/v1/contacts/import", data=form(content, **fields))
    return int((await read(response, 202))["id"])


async def test_a_contact_is_made_read_changed_and_deleted(api: aiohttp.ClientSession) -> None:
    given = {"phone": "(31) 99999-0001", "name": "Ana", "tags": ["vip"], "custom": {"Bloco": "A"}}
    made = await read(await api.post("/api/v1/contacts", json=given), 201)
    assert made["phone"] == "+5531999990001"
    assert made["custom"] == {"bloco": "A"}
    path = f"/api/v1/contacts/{made['id']}"
    assert await read(await api.get(path), 200) == made
    changed = await read(await api.patch(path, json={"name": "Ana Maria"}), 200)
    assert (changed["name"], changed["tags"]) == ("Ana Maria", ["vip"])
    out = await read(await api.post(f"{path}/opt-out"), 200)
    assert out["opt_out_source"] == "api"
    assert await read(await api.post(f"{path}/opt-in"), 200)
    await read(await api.delete(path), 204)
    await read(await api.get(path), 404)


async def test_the_next_reservation_sees_that_a_contact_is_closed(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    made = await read(await api.post("/api/v1/contacts", json={"phone": "31999990001"}), 201)
    path = f"/api/v1/contacts/{made['id']}"
    gate = contact_gate(workspace, ContactId(made["id"]))

    await read(await api.post(f"{path}/opt-out"), 200)
    assert await runtime.redis.exists(gate)
    await read(await api.post(f"{path}/opt-in"), 200)
    assert not await runtime.redis.exists(gate)
    await read(await api.delete(path), 204)
    assert await runtime.redis.exists(gate)


async def test_a_known_phone_is_a_conflict(api: aiohttp.ClientSession) -> None:
    made = await read(await api.post("/api/v1/contacts", json={"phone": "31999990001"}), 201)
    again = await read(await api.post("/api/v1/contacts", json={"phone": "3199990001"}), 409)
    assert again["error"]["code"] == "contact_exists"
    assert str(made["id"]) in again["error"]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"phone": "x"},
        {"phone": "31999990001", "name": "a\x00b"},
        {"phone": "31999990001", "name": "\ud800"},
        {"phone": "31999990001", "custom": {"a": "\x00"}},
        {"phone": "31999990001", "custom": {"a": {"b": 1}}},
        {"phone": "31999990001", "custom": {"a": float("nan")}},
        {"phone": "31999990001", "custom": {"!": "1"}},
        {"phone": "31999990001", "custom": {"\ud800": "1"}},
        {"phone": "31999990001", "email": "x"},
        {"phone": "31999990001", "timezone": "Mars/Base"},
        {"phone": "31999990001", "tags": [""]},
        {"phone": "31999990001", "surname": "x"},
    ],
)
async def test_a_wrong_contact_is_refused_with_422(
    api: aiohttp.ClientSession, wrong: dict[str, Any]
) -> None:
    await read(
        await api.post(
            "/api/v1/contacts",
            data=json.dumps(wrong),
            headers={"Content-Type": "application/json"},
        ),
        422,
    )


async def test_contacts_are_listed_by_cursor_and_filter(api: aiohttp.ClientSession) -> None:
    for number in range(5):
        await api.post(
            "/api/v1/contacts",
            json={
                "phone": f"3199999000{number}",
                "name": f"Ana {number}",
                "tags": ["vip"] if number else [],
            },
        )
    made = await read(await api.post("/api/v1/lists", json={"name": "Moradores"}), 201)
    added = await read(
        await api.post(
            f"/api/v1/lists/{made['id']}/contacts",
            json={"phones": [f"31 99999-000{number}" for number in range(9)]},
        ),
        200,
    )
    assert added["added"] == 5
    assert len(added["unknown_phones"]) == 4
    seen = []
    cursor: str | None = ""
    for _ in range(2):
        page = await read(
            await api.get(
                "/api/v1/contacts",
                params={
                    "search": "ana",
                    "tag": "VIP",
                    "list": made["id"],
                    "limit": 2,
                    "cursor": cursor or "",
                },
            ),
            200,
        )
        seen += [contact["name"] for contact in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["Ana 4", "Ana 3", "Ana 2", "Ana 1"]
    assert cursor is None
    shown = await read(await api.get("/api/v1/lists"), 200)
    assert [(each["name"], each["contacts"]) for each in shown["items"]] == [("Moradores", 5)]
    tags = await read(await api.get("/api/v1/tags"), 200)
    assert [(each["name"], each["contacts"]) for each in tags["items"]] == [("vip", 4)]


@pytest.mark.parametrize("query", ["search=%00", "tag=%25", "search=%25", "list=1"])
async def test_strange_filters_find_nothing(api: aiohttp.ClientSession, query: str) -> None:
    await api.post("/api/v1/contacts", json={"phone": "31999990001", "name": "Ana"})
    page = await read(await api.get(f"/api/v1/contacts?{query}"), 200)
    assert page["items"] == [] or query == "search=%00"


async def test_contacts_are_listed_by_whether_whatsapp_has_their_numbers(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    people = await factories.contacts(runtime, workspace, 3)
    await reach.note(runtime.db, workspace, people[:1], "dead")
    await reach.note(runtime.db, workspace, people[1:2], "valid")
    for word, person in zip(("dead", "valid", "unknown"), people, strict=True):
        for search in ("", "&search=Pessoa"):
            page = await read(await api.get(f"/api/v1/contacts?wa_status={word}{search}"), 200)
            assert [each["id"] for each in page["items"]] == [person]
    shown = await read(await api.get(f"/api/v1/contacts/{people[0]}"), 200)
    assert (shown["wa_status"], shown["wa_checked_at"] is None) == ("dead", False)
    await read(await api.get("/api/v1/contacts?wa_status=gone"), 422)


async def test_an_upload_becomes_an_import_with_its_list_and_mapping(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    content = "quem;onde ligar\nAna;31999990001\n=1+1;12\n".encode("latin-1")
    import_id = await upload(
        api,
        content,
        list="Moradores",
        mapping=json.dumps({"onde ligar": "telefone", "quem": "nome"}),
    )
    path = f"/api/v1/imports/{import_id}"
    waiting = await read(await api.get(path), 200)
    assert (waiting["status"], waiting["phase"], waiting["progress"]) == ("pending", "waiting", 0)
    assert waiting["filename"] == "contatos de março.csv"
    await work.run(runtime.db, workspace, ImportId(import_id))
    done = await read(await api.get(path), 200)
    assert (done["status"], done["progress"]) == ("completed", 1)
    assert {key: done[key] for key in ("total", "created", "updated", "skipped", "rejected")} == {
        "total": 2,
        "created": 1,
        "updated": 0,
        "skipped": 0,
        "rejected": 1,
    }
    (error,) = done["errors"]
    assert (error["line"], error["column"], error["value"]) == (3, "onde ligar", "12")
    assert (error["reason"], error["rejected"]) == ("phone_too_short", True)
    response = await api.get(done["errors_url"])
    (line,) = csv.DictReader(io.StringIO(await response.text()))
    assert (line["line"], line["column"], line["value"]) == ("3", "onde ligar", "12")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    shown = await read(await api.get("/api/v1/imports"), 200)
    assert [each["id"] for each in shown["items"]] == [import_id]
    (made,) = (await read(await api.get("/api/v1/lists"), 200))["items"]
    assert (made["id"], made["contacts"]) == (done["list_id"], 1)


async def test_an_upload_repeated_under_its_key_starts_no_second_import(
    api: aiohttp.ClientSession,
) -> None:
    async def send(content: bytes, key: str) -> aiohttp.ClientResponse:
        return await api.post(
            "/api/v1/contacts/import", data=form(content), headers={"Idempotency-Key": key}
        )

    first = await send(b"telefone\n1\n", "k")
    again = await send(b"telefone\n1\n", "k")
    assert await read(first, 202) == await read(again, 202)
    assert again.headers["Idempotency-Replayed"] == "true"
    await read(await send(b"telefone\n2\n", "k"), 422)
    assert await read(await send(b"telefone\n1\n", "l"), 202) != await read(first, 202)
    await read(await send(b"telefone\n1\n", "x" * 300), 422)
    assert len((await read(await api.get("/api/v1/imports"), 200))["items"]) == 2


async def test_a_contact_sent_twice_under_one_key_is_made_once(api: aiohttp.ClientSession) -> None:
    for _ in range(2):
        response = await api.post(
            "/api/v1/contacts", json={"phone": "31999990001"}, headers={"Idempotency-Key": "k"}
        )
        await read(response, 201)


async def test_a_spreadsheet_takes_no_error_for_a_formula(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    import_id = await upload(api, b"telefone\n=cmd|' /c calc'!A1\n+55 31 9\n@x\n")
    await work.run(runtime.db, workspace, ImportId(import_id))
    response = await api.get(f"/api/v1/imports/{import_id}/errors.csv")
    values = [line["value"] for line in csv.DictReader(io.StringIO(await response.text()))]
    assert values == ["'=cmd|' /c calc'!A1", "+55 31 9", "'@x"]


async def test_all_errors_of_a_long_file_can_be_downloaded(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    import_id = await upload(api, b"telefone\n" + b"123\n" * 12_345)
    await work.run(runtime.db, workspace, ImportId(import_id))
    response = await api.get(f"/api/v1/imports/{import_id}/errors.csv")
    lines = [int(row["line"]) for row in csv.DictReader(io.StringIO(await response.text()))]
    assert lines == list(range(2, 12_347))
    shown = await read(await api.get(f"/api/v1/imports/{import_id}"), 200)
    assert len(shown["errors"]) == 100
    assert (shown["status"], shown["total"], shown["rejected"]) == ("completed", 12_345, 12_345)


async def test_a_failed_import_says_why(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    import_id = await upload(api, b"nome,bairro\nAna,Centro\n")
    await work.run(runtime.db, workspace, ImportId(import_id))
    shown = await read(await api.get(f"/api/v1/imports/{import_id}"), 200)
    assert shown["status"] == "failed"
    assert shown["error"]["code"] == "phone_column_missing"
    assert "bairro" in shown["error"]["message"]


@pytest.fixture
def limit_of_one_megabyte(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("RECADO_MAX_UPLOAD_MB", "1")
    settings.web.cache_clear()
    yield
    settings.web.cache_clear()


async def nothing_is_kept(runtime: Runtime, workspace: WorkspaceId) -> None:
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.value("SELECT count(*) FROM contact_import") == 0
        assert await tx.value("SELECT count(*) FROM import_chunk") == 0
        assert await tx.value("SELECT count(*) FROM list") == 0


async def endless(announced: bytes) -> AsyncIterator[bytes]:
    yield announced
    for _ in range(64):
        yield bytes(MEGABYTE)


@pytest.mark.usefixtures("limit_of_one_megabyte")
async def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    response = await api.post("/api/v1/contacts/import", data=form(bytes(MEGABYTE + 1), list="x"))
    refused = await read(response, 413)
    assert refused["error"]["code"] == "too_large"
    assert "1 MB" in refused["error"]["message"]
    response = await api.post("/api/v1/contacts/import", data=form(bytes(40 * MEGABYTE)))
    assert (await read(response, 413))["error"]["code"] == "too_large"
    await nothing_is_kept(runtime, workspace)


@pytest.mark.usefixtures("limit_of_one_megabyte")
async def test_an_upload_of_unannounced_length_is_stopped_at_the_limit(
    runtime: Runtime, workspace: WorkspaceId, api: aiohttp.ClientSession
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    response = await api.post(
        "/api/v1/contacts/import",
        data=endless(head),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (await read(response, 413))["error"]["code"] == "too_large"
    await nothing_is_kept(runtime, workspace)


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{}", "application/json", 400, "not_an_upload"),
        (b"", "multipart/form-data; boundary=x", 400, "not_an_upload"),
        (b"garbage", "multipart/form-data; boundary=x", 400, "not_an_upload"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
            "multipart/form-data; boundary=x",
            400,
            "not_an_upload",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="list"\r\n\r\na\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
            "file_missing",
        ),
    ],
)
async def test_a_broken_upload_is_refused(
    api: aiohttp.ClientSession, body: bytes, kind: str, status: int, code: str
) -> None:
    response = await api.post("/api/v1/contacts/import", data=body, headers={"Content-Type": kind})
    assert (await read(response, status))["error"]["code"] == code


@pytest.mark.parametrize("mapping", ["{", "[1]", '{"a": 1}'])
async def test_a_mapping_that_is_no_object_of_texts_is_refused(
    api: aiohttp.ClientSession, mapping: str
) -> None:
    response = await api.post("/api/v1/contacts/import", data=form(b"telefone\n", mapping=mapping))
    assert "mapping" in (await read(response, 422))["error"]["fields"]


@pytest.mark.parametrize(
    "path", ["contacts/1", "contacts/9223372036854775807", "lists/1", "imports/1"]
)
async def test_what_is_not_there_is_404(api: aiohttp.ClientSession, path: str) -> None:
    await read(await api.get(f"/api/v1/{path}"), 404)


async def test_ids_too_large_for_the_database_are_refused(api: aiohttp.ClientSession) -> None:
    await read(await api.get(f"/api/v1/contacts/{2**63}"), 422)
    body = {"contact_ids": [2**63]}
    await read(await api.post("/api/v1/lists/1/contacts", json=body), 422)
