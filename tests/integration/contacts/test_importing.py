"""Imports of contact files, from the stored file to the contacts, on a real PostgreSQL."""

import io
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from tests.integration.contacts.files import Import, Store, everyone, figures, rows, state

from recado.domain.errors import RecadoError, TooLarge
from recado.domain.ids import ContactId, ImportId, WorkspaceId
from recado.features.audiences import lists
from recado.features.contacts import consent
from recado.features.contacts import service as contacts
from recado.features.contacts.importing import service, work
from recado.features.contacts.schemas import NewContact
from recado.platform import clock
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime

EXAMPLES = Path(__file__).parents[3] / "examples"


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


async def test_the_planner_knows_of_the_imported_contacts_at_once(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    await load(rows(50))
    async with runtime.db.workspace(workspace) as tx:
        assert await tx.value("SELECT reltuples FROM pg_class WHERE relname = 'contact'") >= 50


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


async def test_an_import_takes_no_opt_out_back(
    runtime: Runtime, workspace: WorkspaceId, load: Import
) -> None:
    await load("nome,telefone\nAna,31999990001\n")
    (ana,) = await everyone(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await consent.opt_out(
            tx, ContactId(ana["id"]), source=consent.Source.KEYWORD, now=clock.now()
        )
    await load("nome,telefone\nAna Maria,31999990001\n")
    (ana,) = await everyone(runtime, workspace)
    assert (ana["name"], ana["opt_out_source"]) == ("Ana Maria", "keyword")
    assert ana["opted_out_at"] is not None


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


@pytest.mark.parametrize("name", ["contatos.csv", "contatos-latin1.csv"])
async def test_the_example_files_give_the_figures_in_their_readme(
    runtime: Runtime, workspace: WorkspaceId, store: Store, name: str
) -> None:
    content = (EXAMPLES / name).read_bytes()
    for expected in ((942, 28), (0, 28)):
        import_id = await store(content, filename=name)
        await work.run(runtime.db, workspace, import_id)
        done = await state(runtime, workspace, import_id)
        assert (done.total, done.created, done.rejected) == (1000, *expected)
        assert done.total == done.created + done.updated + done.skipped + done.rejected
    assert done.updated == 0
    async with runtime.db.workspace(workspace) as tx:
        found = await service.errors(tx, import_id, after=0, limit=100)
    assert Counter(error["reason"] for error in found) == {
        "phone_empty": 8,
        "phone_too_short": 6,
        "phone_too_long": 4,
        "phone_not_a_number": 4,
        "phone_invalid": 5,
        "phone_invalid_country_code": 1,
        "email_invalid": 5,
    }


async def test_progress_climbs_to_its_end(
    runtime: Runtime, workspace: WorkspaceId, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await store(rows(12) + "\nRuim,123\n")
    seen: list[tuple[str, float]] = []
    run_statement = Transaction.run

    async def watched(self: Transaction, sql: Any, **values: Any) -> int:
        if sql in {work.SQL["note_read"], work.SQL["note_merged"]}:
            now = await state(runtime, workspace, import_id)
            seen.append((service.phase(now), service.progress(now)))
        return await run_statement(self, sql, **values)

    monkeypatch.setattr(Transaction, "run", watched)
    await work.run(runtime.db, workspace, import_id, people_at_once=4)
    done = await state(runtime, workspace, import_id)
    seen.append((service.phase(done), service.progress(done)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert [phase for phase, _ in seen] == ["reading"] * 2 + ["saving"] * 3 + ["ended"]
