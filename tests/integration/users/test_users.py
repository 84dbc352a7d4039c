"""People: passwords, memberships, and who a session belongs to as of now."""

import asyncio

import pytest
from tests import factories

from recado.domain.ids import UserId, WorkspaceId
from recado.features.users import service
from recado.features.users.roles import Role
from recado.features.users.service import EmailTaken, PasswordTooShort, WrongLogin
from recado.platform import crypto
from recado.platform.runtime import Runtime

PASSWORD = "uma senha de teste"


async def make(runtime: Runtime, email: str, password: str = PASSWORD) -> UserId:
    async with runtime.db.system() as tx:
        return UserId((await service.create(tx, email=email, password=password)).id)


async def test_a_person_signs_in_whatever_the_case_of_the_e_mail(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    email, password = await factories.user(runtime, workspace, Role.OPERATOR)
    for written in (email, email.upper(), f"  {email} "):
        found = await service.sign_in(runtime.db, email=written, password=password)
        assert (found.workspace_id, found.role) == (workspace, Role.OPERATOR)


@pytest.mark.parametrize(
    "wrong", ["", PASSWORD + " ", PASSWORD.upper(), "x" * 5000, "\x00", "\ud800"]
)
async def test_a_wrong_password_does_not_sign_in(
    wrong: str, runtime: Runtime, workspace: WorkspaceId
) -> None:
    email, _ = await factories.user(runtime, workspace)
    with pytest.raises(WrongLogin):
        await service.sign_in(runtime.db, email=email, password=wrong)


@pytest.mark.parametrize("email", ["", "nobody@example.org", "%", "\x00", "\ud800", "x" * 10_000])
async def test_an_e_mail_that_nobody_has_does_not_sign_in(email: str, runtime: Runtime) -> None:
    with pytest.raises(WrongLogin):
        await service.sign_in(runtime.db, email=email, password=PASSWORD)


async def test_what_was_wrong_about_a_sign_in_is_not_told(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    email, password = await factories.user(runtime, workspace)
    alone = await make(runtime, "sozinha@example.org")
    told = []
    for given_email, given_password in (
        (email, "errada de todo"),
        ("ninguem@example.org", password),
        ("sozinha@example.org", PASSWORD),  # of no workspace
    ):
        with pytest.raises(WrongLogin) as refused:
            await service.sign_in(runtime.db, email=given_email, password=given_password)
        told.append(refused.value.message())
    assert len(set(told)) == 1
    assert await service.signed_in(runtime.db, alone) is None


async def test_an_e_mail_belongs_to_one_person(runtime: Runtime) -> None:
    await make(runtime, "Maria@Example.org")
    with pytest.raises(EmailTaken):
        await make(runtime, "maria@example.ORG ")


@pytest.mark.parametrize("password", ["", "123456789", "x" * 1025])
async def test_a_password_of_no_sensible_length_is_refused(password: str, runtime: Runtime) -> None:
    with pytest.raises(PasswordTooShort):
        await make(runtime, "curta@example.org", password)


async def test_a_password_is_kept_as_a_slow_hash_and_may_be_changed(
    runtime: Runtime, workspace: WorkspaceId
) -> None:
    email, password = await factories.user(runtime, workspace)
    async with runtime.db.system() as tx:
        user = await service.by_email(tx, email)
        assert user is not None
        assert user.password_hash.startswith("$argon2id$")
        assert password not in user.password_hash
        await service.set_password(tx, user, "outra senha de teste")
    with pytest.raises(WrongLogin):
        await service.sign_in(runtime.db, email=email, password=password)
    person = await service.sign_in(runtime.db, email=email, password="outra senha de teste")
    assert person.workspace_id == workspace


async def test_a_session_ends_with_the_membership_and_with_the_account(
    runtime: Runtime, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    email, password = await factories.user(runtime, workspace, Role.ADMIN)
    person = await service.sign_in(runtime.db, email=email, password=password)
    assert await service.signed_in(runtime.db, person.user_id, other_workspace) is None
    async with runtime.db.system() as tx:
        await service.join(
            tx, user_id=person.user_id, workspace_id=other_workspace, role=Role.VIEWER
        )
        await service.join(tx, user_id=person.user_id, workspace_id=workspace, role=Role.OPERATOR)
    there = await service.signed_in(runtime.db, person.user_id, other_workspace)
    here = await service.signed_in(runtime.db, person.user_id, workspace)
    assert there is not None
    assert here is not None
    assert (there.role, here.role) == (Role.VIEWER, Role.OPERATOR)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("DELETE FROM membership WHERE user_id = %(id)s", id=person.user_id)
    assert await service.signed_in(runtime.db, person.user_id, workspace) is None
    async with runtime.db.system() as tx:
        await tx.run("UPDATE app_user SET disabled_at = now() WHERE id = %(id)s", id=person.user_id)
    assert await service.signed_in(runtime.db, person.user_id, other_workspace) is None
    with pytest.raises(WrongLogin):
        await service.sign_in(runtime.db, email=email, password=password)


async def test_of_two_who_take_an_e_mail_at_once_one_has_it(runtime: Runtime) -> None:
    made = await asyncio.gather(
        *(make(runtime, "disputado@example.org") for _ in range(3)), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in made) == 1
    assert all(isinstance(one, EmailTaken) for one in made if isinstance(one, BaseException))


def test_a_role_includes_those_below_it() -> None:
    ladder = [Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.OWNER]
    for place, role in enumerate(ladder):
        assert [role.includes(other) for other in ladder] == [
            other_place <= place for other_place in range(len(ladder))
        ]


def test_secrets_open_with_an_old_key_until_it_is_dropped() -> None:
    old, new = crypto.new_key(), crypto.new_key()
    sealed = crypto.Sealer(old).seal({"token": "ção"})
    assert b"token" not in sealed
    assert crypto.Sealer(f"{new}, {old}").open(sealed) == {"token": "ção"}
    with pytest.raises(crypto.SecretsUnreadable):
        crypto.Sealer(new).open(sealed)
