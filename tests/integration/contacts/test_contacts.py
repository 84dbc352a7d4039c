"""Contacts, tags and consent, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable

import psycopg
import pytest

from recado.domain.errors import NotFound
from recado.domain.ids import ContactId, ListId, WorkspaceId
from recado.domain.phones import PhoneError
from recado.features.audiences import lists
from recado.features.contacts import consent, service, tags
from recado.features.contacts.errors import ContactExists
from recado.features.contacts.schemas import ContactChanges, ContactShown, NewContact
from recado.features.contacts.service import Filter
from recado.platform import clock
from recado.platform.runtime import Runtime

PHONE = "(31) 99999-0001"
SAME_WITHOUT_NINTH_DIGIT = "+55 31 9999-0001"


async def make(runtime: Runtime, workspace: WorkspaceId, **values: object) -> ContactShown:
    new = NewContact.model_validate({"phone": PHONE, "name": "Ana", **values})
    async with runtime.db.workspace(workspace) as tx:
        return await service.create(tx, new)


async def names(runtime: Runtime, workspace: WorkspaceId, **chosen: object) -> list[str]:
    async with runtime.db.workspace(workspace) as tx:
        found = await service.page(
            tx,
            Filter(**chosen),  # type: ignore[arg-type]
            before=None,
            limit=50,
        )
    return [contact.name for contact in found]


async def test_a_phone_is_kept_in_the_form_of_the_workspaces_country(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    contact = await make(runtime, workspace)
    assert contact.phone == "+5531999990001"


async def test_a_phone_that_is_none_is_refused_under_its_field(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    with pytest.raises(PhoneError) as refusal:
        await make(runtime, workspace, phone="12")
    assert "phone" in refusal.value.fields


async def test_a_person_exists_once_with_or_without_the_ninth_digit(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    contact = await make(runtime, workspace)
    with pytest.raises(ContactExists) as refusal:
        await make(runtime, workspace, phone=SAME_WITHOUT_NINTH_DIGIT)
    assert str(contact.id) in refusal.value.message()


async def test_two_workspaces_may_know_the_same_person(
    runtime: Runtime, new_workspace: Callable[[], Awaitable[WorkspaceId]]
) -> None:
    one, other = await new_workspace(), await new_workspace()
    await make(runtime, one)
    await make(runtime, other)


async def test_a_change_leaves_what_it_does_not_name(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    contact = await make(
        runtime,
        workspace,
        email="ana@example.com",
        cargo="síndica",
        custom={"bloco": "A", "apto": 1},
    )
    async with runtime.db.workspace(workspace) as tx:
        changed = await service.change(
            tx,
            ContactId(contact.id),
            ContactChanges.model_validate({"cargo": None, "custom": {"apto": None, "vaga": "7"}}),
            clock.now(),
        )
    assert changed.name == "Ana"
    assert changed.email == "ana@example.com"
    assert changed.cargo is None
    assert changed.custom == {"bloco": "A", "vaga": "7"}
    assert changed.updated_at > contact.updated_at


async def test_a_phone_cannot_be_changed_to_that_of_another_contact(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    await make(runtime, workspace)
    other = await make(runtime, workspace, phone="31999990002")
    with pytest.raises(ContactExists):
        async with runtime.db.workspace(workspace) as tx:
            await service.change(
                tx, ContactId(other.id), ContactChanges(phone=SAME_WITHOUT_NINTH_DIGIT), clock.now()
            )


async def test_tags_are_the_same_in_upper_and_lower_case(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    await make(runtime, workspace, tags=["Síndico", "VIP"])
    second = await make(runtime, workspace, phone="31999990002", tags=["SÍNDICO", "síndico"])
    assert second.tags == ["Síndico"]
    async with runtime.db.workspace(workspace) as tx:
        known = await tags.page(tx, before=None, limit=10)
    assert {(tag.name, tag.contacts) for tag in known} == {("Síndico", 2), ("VIP", 1)}


async def test_changing_tags_replaces_them(runtime: Runtime, workspace: WorkspaceId) -> None:
    contact = await make(runtime, workspace, tags=["a", "b"])
    async with runtime.db.workspace(workspace) as tx:
        changed = await service.change(
            tx, ContactId(contact.id), ContactChanges(tags=["B", "c"]), clock.now()
        )
    assert changed.tags == ["b", "c"]


async def test_contacts_are_found_by_pieces_of_name_and_phone(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    await make(runtime, workspace, name="João Conceição")
    await make(runtime, workspace, phone="11988887777", name="Bruna 100%_\\")
    assert await names(runtime, workspace, search="conceição") == ["João Conceição"]
    assert await names(runtime, workspace, search="(31) 9999") == ["João Conceição"]
    assert await names(runtime, workspace, search="8888-7777") == ["Bruna 100%_\\"]


@pytest.mark.parametrize("needle", ["%", "_", "\\", "100%_\\"])
async def test_wildcards_in_a_search_mean_themselves(
    runtime: Runtime, workspace: WorkspaceId, needle: str
) -> None:
    await make(runtime, workspace)
    await make(runtime, workspace, phone="11988887777", name="Bruna 100%_\\")
    assert await names(runtime, workspace, search=needle) == ["Bruna 100%_\\"]


async def test_a_search_never_shows_another_workspaces_contacts(
    runtime: Runtime, new_workspace: Callable[[], Awaitable[WorkspaceId]]
) -> None:
    one, other = await new_workspace(), await new_workspace()
    await make(runtime, one, name="Ana de um")
    await make(runtime, other, name="Ana de outro")
    assert await names(runtime, one, search="Ana") == ["Ana de um"]
    assert await names(runtime, one, search="9999") == ["Ana de um"]


async def test_search_tag_and_list_narrow_each_other(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    ids = []
    for number in range(6):
        contact = await make(
            runtime,
            workspace,
            phone=f"3199999000{number}",
            name=f"Ana {number}",
            tags=["par"] if number % 2 == 0 else [],
        )
        ids.append(contact.id)
    async with runtime.db.workspace(workspace) as tx:
        made = await lists.create(tx, "Metade")
        await lists.add(tx, made.id, contact_ids=ids[:3])
    assert await names(runtime, workspace, search="ana", tag="PAR", list_id=made.id) == [
        "Ana 2",
        "Ana 0",
    ]
    assert await names(runtime, workspace, tag="par", list_id=made.id) == ["Ana 2", "Ana 0"]
    assert await names(runtime, workspace, list_id=made.id) == ["Ana 2", "Ana 1", "Ana 0"]
    assert await names(runtime, workspace, tag="nenhuma") == []


@pytest.mark.parametrize("search", [None, "ana"])
async def test_pages_follow_each_other_without_gap_or_overlap(
    runtime: Runtime, workspace: WorkspaceId, search: str | None
) -> None:
    for number in range(7):
        await make(runtime, workspace, phone=f"3199999000{number}", name=f"Ana {number}")
    seen: list[str] = []
    before = None
    async with runtime.db.workspace(workspace) as tx:
        while page := await service.page(tx, Filter(search=search), before=before, limit=3):
            seen += [contact.name for contact in page]
            before = page[-1].id
    assert seen == [f"Ana {number}" for number in reversed(range(7))]


async def test_another_workspaces_contact_does_not_exist(
    runtime: Runtime, new_workspace: Callable[[], Awaitable[WorkspaceId]]
) -> None:
    one, other = await new_workspace(), await new_workspace()
    contact = ContactId((await make(runtime, one)).id)
    async with runtime.db.workspace(other) as tx:
        with pytest.raises(NotFound):
            await service.get(tx, contact)
        with pytest.raises(NotFound):
            await service.change(tx, contact, ContactChanges(name="x"), clock.now())
        with pytest.raises(NotFound):
            await service.delete(tx, contact)
        with pytest.raises(NotFound):
            await consent.opt_out(tx, contact, source=consent.Source.USER, now=clock.now())


async def test_a_list_reports_whom_it_does_not_know(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    first = await make(runtime, workspace)
    await make(runtime, workspace, phone="31999990002")
    async with runtime.db.workspace(workspace) as tx:
        made = await lists.create(tx, "Moradores")
        added = await lists.add(
            tx,
            made.id,
            contact_ids=[first.id, first.id + 1000],
            given_phones=[SAME_WITHOUT_NINTH_DIGIT, "31 99999 0002", "31999990003", "nada"],
        )
        again = await lists.add(tx, made.id, contact_ids=[first.id])
    assert (added.added, added.present) == (2, 0)
    assert added.unknown_contact_ids == [first.id + 1000]
    assert added.unknown_phones == ["31999990003", "nada"]
    assert (again.added, again.present) == (0, 1)


async def test_lists_have_names_of_their_own(runtime: Runtime, workspace: WorkspaceId) -> None:
    async with runtime.db.workspace(workspace) as tx:
        made = await lists.create(tx, "Moradores")
        with pytest.raises(lists.ListExists):
            await lists.create(tx, "MORADORES")
        assert await lists.ensure(tx, "moradores") == made.id


async def test_deleting_a_list_keeps_its_contacts(runtime: Runtime, workspace: WorkspaceId) -> None:
    contact = await make(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        made = await lists.create(tx, "Moradores")
        await lists.add(tx, made.id, contact_ids=[contact.id])
        await lists.delete(tx, made.id)
        with pytest.raises(NotFound):
            await lists.get(tx, ListId(made.id))
        assert (await service.get(tx, ContactId(contact.id))).name == "Ana"


async def test_a_rare_name_is_found_by_the_index_in_spite_of_row_level_security(
    runtime: Runtime, workspace: WorkspaceId, own_database_url: str
) -> None:
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "INSERT INTO contact (workspace_id, name, phone, phone_key)"
            " SELECT current_workspace_id(), 'Pessoa ' || n, '+' || n, n FROM"
            " generate_series(5531900000000, 5531900050000) AS n"
        )
    with psycopg.connect(own_database_url, autocommit=True) as owner:
        owner.execute("ANALYZE contact")
    async with runtime.db.workspace(workspace) as tx:
        scans = "SELECT pg_stat_get_xact_numscans('contact_name_trgm'::regclass)"
        before = await tx.value(scans)
        found = await service.page(tx, Filter(search="pessoa 5531900000007"), before=None, limit=5)
        assert [contact.name for contact in found] == ["Pessoa 5531900000007"]
        assert await tx.value("SELECT current_user") == "recado_app"
        assert await tx.value(scans) > before
