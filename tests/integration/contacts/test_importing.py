"""Imports of contact files, from the stored file to the contacts, on a real PostgreSQL."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]  # ships no types

from recado.domain.errors import RecadoError, TooLarge
from recado.domain.ids import ImportId, WorkspaceId
from recado.features.audiences import lists
from recado.features.contacts import service as contacts
from recado.features.contacts.importing import service, work
from recado.features.contacts.importing.errors import ImportInterrupted
from recado.features.contacts.importing.models import ContactImport
from recado.features.contacts.schemas import NewContact
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

Import = Callable[..., Awaitable[ContactImport]]
Store = Callable[..., Awaitable[ImportId]]


def rows(count: int, *, first: int = 0, name: str = "Pessoa") -> str:
    """Lines of a file with a header, phones in an order unlike that of the lines."""
    lines = [
        f"{name} {number},319{(number * 7919) % 10_000_000 + 80_000_000:08d}"
        for number in range(first, first + count)
    ]
    return "\n".join(["nome,telefone", *lines])


@pytest.fixture
def store(runtime: Runtime, workspace: WorkspaceId, tmp_path: Path) -> Store:
    async def put(
        content: str | bytes,
        *,
        filename: str = "contatos.csv",
        list_name: str | None = None,
        mapping: Mapping[str, str] | None = None,
        into: WorkspaceId = workspace,
    ) -> ImportId:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        async with runtime.db.workspace(into) as tx:
            return await service.store(
                tx,
                runtime.queue,
                path,
                filename=filename,
                list_name=list_name,
                mapping=mapping,
                most_megabytes=64,
            )

    return put


@pytest.fixture
def load(runtime: Runtime, workspace: WorkspaceId, store: Store) -> Import:
    async def put(content: str | bytes, **options: Any) -> ContactImport:
        import_id = await store(content, **options)
        into = options.get("into", workspace)
        await work.run(runtime.db, into, import_id, people_at_once=3)
        return await state(runtime, into, import_id)

    return put


async def state(runtime: Runtime, workspace: WorkspaceId, import_id: ImportId) -> ContactImport:
    async with runtime.db.workspace(workspace) as tx:
        return await service.get(tx, import_id)


async def everyone(runtime: Runtime, workspace: WorkspaceId) -> list[dict[str, Any]]:
    async with runtime.db.workspace(workspace) as tx:
        return await tx.all("SELECT * FROM contact ORDER BY id")


def figures(done: ContactImport) -> tuple[int, int, int, int, int]:
    return done.total, done.created, done.updated, done.skipped, done.rejected


async def test_a_file_becomes_contacts_in_the_order_of_its_lines(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    done = await load(rows(10))
    assert (done.status, figures(done)) == ("completed", (10, 10, 0, 0, 0))
    found = await everyone(runtime, workspace)
    assert [contact["name"] for contact in found] == [f"Pessoa {number}" for number in range(10)]
    assert found[1]["phone"] == "+5531980007919"


async def test_a_repeat_of_the_same_file_changes_nothing(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    # The two Anas contradict each other, so that each would undo the other's change.
    file = (
        "nome,telefone,email,bloco,tags\n"
        "Ana,31999990001,,A,vip\n"
        "Bia,31999990002,bia@example.com,,\n"
        "Caio,31999990003,,,\n"
        "Duda,31999990004,,,\n"
        "Ana Maria,+55 31 9999-0001,ana@example.com,B,\n"
        "Ana Maria,31999990001,,,\n"
    )
    first = await load(file, list_name="Moradores")
    assert figures(first) == (6, 4, 1, 1, 0)
    before = await everyone(runtime, workspace)
    again = await load(file, list_name="Moradores")
    assert figures(again) == (6, 0, 0, 6, 0)
    assert await everyone(runtime, workspace) == before
    assert before[0]["name"] == "Ana Maria"
    assert before[0]["custom"] == {"bloco": "B"}
    assert before[0]["phone"] == "+5531999990001"


async def test_a_blank_cell_takes_nothing_away(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    await load("nome,telefone,email,bloco,vaga\nAna,31999990001,ana@example.com,A,7\n")
    done = await load("nome,telefone,email,bloco,andar\n,31999990001,,B,3\n")
    assert figures(done) == (1, 0, 1, 0, 0)
    (ana,) = await everyone(runtime, workspace)
    assert (ana["name"], ana["email"]) == ("Ana", "ana@example.com")
    assert ana["custom"] == {"bloco": "B", "vaga": "7", "andar": "3"}


async def test_rejected_lines_are_reported_and_the_others_imported(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    done = await load(
        "nome;celular;e-mail\nAna;31999990001;\nBia;123;\nCaio;;\nDuda;31999990004;x\n"
    )
    assert figures(done) == (4, 2, 0, 0, 2)
    async with runtime.db.workspace(workspace) as tx:
        errors = await service.errors(tx, ImportId(done.id), after=0, limit=10)
    assert [(e["line"], e["column"], e["value"], e["reason"], e["rejected"]) for e in errors] == [
        (3, "celular", "123", "phone_too_short", True),
        (4, "celular", "", "phone_empty", True),
        (5, "e-mail", "x", "email_invalid", False),
    ]
    assert "123" in errors[0]["sentence"].format(**errors[0]["params"])


async def test_people_are_put_on_the_list_whether_new_or_not(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    await load(rows(5))
    done = await load(rows(8), list_name="Moradores")
    assert figures(done) == (8, 3, 5, 0, 0)
    again = await load(rows(8), list_name="MORADORES")
    assert figures(again) == (8, 0, 0, 8, 0)
    async with runtime.db.workspace(workspace) as tx:
        (found,) = await lists.page(tx, before=None, limit=10)
    assert (found.name, found.contacts) == ("Moradores", 8)


async def test_tags_of_a_file_add_to_those_that_are_there(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await contacts.create(tx, NewContact(phone="31999990001", tags=["Síndico"]))
    done = await load(
        'nome,telefone,tags\n,31999990001,"VIP, SÍNDICO"\n'
        "Bia,31999990002,vip\nBia,31999990002,bloco a\n"
    )
    assert figures(done) == (3, 1, 2, 0, 0)
    async with runtime.db.workspace(workspace) as tx:
        bia, ana = await contacts.page(tx, contacts.Filter(), before=None, limit=10)
    assert ana.tags == ["Síndico", "VIP"]
    assert bia.tags == ["bloco a", "VIP"]


async def test_a_mapping_says_what_the_headers_do_not(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    done = await load(
        "quem,onde ligar,segredo\nAna,31999990001,x\n",
        mapping={"quem": "nome", "onde ligar": "telefone", "segredo": ""},
    )
    assert figures(done) == (1, 1, 0, 0, 0)
    (ana,) = await everyone(runtime, workspace)
    assert (ana["name"], ana["custom"]) == ("Ana", {})


async def test_a_workbook_is_imported_as_a_csv_is(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Nome", "Telefone"])
        sheet.write_row(1, 0, ["Ana", 31999990001])
    done = await load(content.getvalue(), filename="contatos.xlsx")
    assert figures(done) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "file_not_readable"),
        (b"nome,telefone\n", "file_no_rows"),
        (b"nome,bairro\nAna,Centro\n", "phone_column_missing"),
    ],
)
async def test_a_file_that_is_no_contact_file_fails_with_its_reason(
    runtime: Runtime, workspace: WorkspaceId, load: Import, content: bytes, code: str
) -> None:
    done = await load(content)
    assert (done.status, done.error_code) == ("failed", code)
    assert done.finished_at is not None
    assert (done.error_sentence or "").format(**done.error_params)
    assert await chunks(runtime, workspace) == 0


async def chunks(runtime: Runtime, workspace: WorkspaceId) -> int:
    async with runtime.db.workspace(workspace) as tx:
        return int(await tx.value("SELECT count(*) FROM import_chunk"))


async def test_a_file_in_many_pieces_is_put_together_and_let_go(
    runtime: Runtime,
    workspace: WorkspaceId,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "CHUNK_BYTES", 100)
    import_id = await store(rows(100))
    assert await chunks(runtime, workspace) > 20
    await work.run(runtime.db, workspace, import_id)
    assert figures(await state(runtime, workspace, import_id)) == (100, 100, 0, 0, 0)
    assert await chunks(runtime, workspace) == 0


class _Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


@pytest.mark.parametrize(
    "death",
    [
        ("note_read", 1),
        ("note_read", 2),
        ("merge_staged", 1),
        ("merge_staged", 2),
        ("note_merged", 1),
        ("note_merged", 2),
        ("finish", 1),
    ],
)
async def test_an_import_killed_at_any_point_is_taken_up_without_counting_twice(
    runtime: Runtime,
    workspace: WorkspaceId,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    death: tuple[str, int],
) -> None:
    statement, nth = death
    import_id = await store(rows(10) + "\nRuim,123\n" + "Pessoa 0 de novo,31980000000\n")
    calls = 0
    run_statement = Transaction.run

    async def dying(self: Transaction, sql: Any, **values: Any) -> int:
        nonlocal calls
        touched = await run_statement(self, sql, **values)
        if sql == work.SQL[statement]:
            calls += 1
            if calls == nth:
                raise _Killed
        return touched

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "run", dying)
        with pytest.raises(_Killed):
            await work.run(runtime.db, workspace, import_id, people_at_once=3)
    await work.run(runtime.db, workspace, import_id, people_at_once=4)
    done = await state(runtime, workspace, import_id)
    assert (done.status, figures(done)) == ("completed", (12, 10, 1, 0, 1))
    assert len(await everyone(runtime, workspace)) == 10
    async with runtime.db.workspace(workspace) as tx:
        assert len(await service.errors(tx, import_id, after=0, limit=10)) == 1


async def test_two_workers_on_one_import_count_each_row_once(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    import_id = await store(rows(200))
    await asyncio.gather(
        *(work.run(runtime.db, workspace, import_id, people_at_once=7) for _ in range(3))
    )
    done = await state(runtime, workspace, import_id)
    assert (done.status, figures(done)) == ("completed", (200, 200, 0, 0, 0))


async def test_two_imports_of_the_same_people_in_opposite_order_do_not_block_each_other(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    header, *lines = rows(600).split("\n")
    one = await store("\n".join([header, *lines]), list_name="Moradores")
    other = await store("\n".join([header, *reversed(lines)]), list_name="Moradores")
    await asyncio.gather(
        *(work.run(runtime.db, workspace, each, people_at_once=50) for each in (one, other))
    )
    first = await state(runtime, workspace, one)
    second = await state(runtime, workspace, other)
    assert first.created + second.created == 600
    assert first.total == second.total == 600
    assert first.skipped + second.skipped == 600
    assert len(await everyone(runtime, workspace)) == 600


async def test_imports_of_two_workspaces_do_not_see_each_other(
    runtime: Runtime,
    load: Import,
    new_workspace: Callable[[], Awaitable[WorkspaceId]],
) -> None:
    one, other = await new_workspace(), await new_workspace()
    assert figures(await load(rows(5), into=one)) == (5, 5, 0, 0, 0)
    done = await load(rows(5), into=other)
    assert figures(done) == (5, 5, 0, 0, 0)
    async with runtime.db.workspace(one) as tx:
        with pytest.raises(RecadoError):
            await service.get(tx, ImportId(done.id))


async def test_a_list_deleted_during_the_import_is_no_fault_of_the_import(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    import_id = await store(rows(5), list_name="Moradores")
    async with runtime.db.workspace(workspace) as tx:
        (found,) = await lists.page(tx, before=None, limit=1)
        await lists.delete(tx, found.id)
    await work.run(runtime.db, workspace, import_id)
    assert (await state(runtime, workspace, import_id)).status == "completed"


async def test_a_file_over_the_limit_is_not_stored(
    runtime: Runtime, workspace: WorkspaceId, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1024 * 1024 + 1))
    with pytest.raises(TooLarge):
        async with runtime.db.workspace(workspace) as tx:
            await service.store(tx, runtime.queue, path, filename="x.csv", most_megabytes=1)


async def test_a_worker_of_the_queue_does_the_import(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    import_id = await store(rows(20))
    async with runtime.queue.app.open_async():
        await runtime.queue.app.run_worker_async(
            queues=["imports"], wait=False, install_signal_handlers=False
        )
    assert figures(await state(runtime, workspace, import_id)) == (20, 20, 0, 0, 0)


async def test_an_import_without_a_job_is_given_up(
    runtime: Runtime, workspace: WorkspaceId, store: Store
) -> None:
    worked, lost = await store(rows(5)), await store(rows(5))
    async with runtime.db.system() as tx:
        async with tx.taking("recado_jobs", schema="procrastinate"):
            await tx.run(
                "UPDATE procrastinate_jobs SET status = 'failed'"
                " WHERE args ->> 'import_id' = %(lost)s",
                lost=str(lost),
            )
        await service.abandon_unworked(tx)
    assert (await state(runtime, workspace, worked)).status == "pending"
    given_up = await state(runtime, workspace, lost)
    assert (given_up.status, given_up.error_code) == ("failed", ImportInterrupted.code)
