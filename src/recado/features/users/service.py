"""Users, their passwords and memberships."""

import asyncio
import re
from dataclasses import dataclass

from pwdlib import PasswordHash
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from recado.domain.errors import Conflict, InvalidInput, Unauthenticated
from recado.domain.ids import UserId, WorkspaceId
from recado.features.users.models import Membership, User
from recado.features.users.roles import Role
from recado.platform.postgres import Database, Transaction, storable

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024  # hashing cost grows with length: a huge one would be an attack

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")  # what it cannot be; no more is sure
_passwords = PasswordHash.recommended()
# Verified against when nobody has the e-mail, so that the answer takes as long.
_NOBODY = _passwords.hash("nobody's password")


class EmailTaken(Conflict):
    code = "email_taken"
    sentence = (
        "A user with the e-mail {email} exists already. Add that user to the workspace with "
        "'recado user join'."
    )


class NotAnEmail(InvalidInput):
    code = "not_an_email"
    sentence = "'{email}' is not an e-mail address. Write one such as ana@example.org."


class PasswordTooShort(InvalidInput):
    code = "password_too_short"
    sentence = "The password needs {least} characters at least. Choose a longer one."


class WrongLogin(Unauthenticated):
    code = "wrong_login"
    sentence = "E-mail or password is wrong. Check both and try again."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person inside one workspace."""

    user_id: UserId
    name: str
    email: str
    workspace_id: WorkspaceId
    role: Role
    locale: str | None


async def create(
    tx: Transaction, *, email: str, password: str, name: str = "", locale: str | None = None
) -> User:
    """Add a user; needs a system transaction.

    Raises:
        NotAnEmail: It is none.
        EmailTaken: Somebody has this e-mail, upper and lower case being the same.
        PasswordTooShort: Under 10 characters.
    """
    if not _EMAIL.fullmatch(email.strip()):
        raise NotAnEmail(email=email)
    hashed = await _hashed(password)
    user = User(email=email.strip(), name=name or email, password_hash=hashed, locale=locale)
    tx.session.add(user)
    try:
        await tx.session.flush()
    except IntegrityError as error:
        raise EmailTaken(email=email) from error
    return user


async def set_password(tx: Transaction, user: User, password: str) -> None:
    """Give a user another password; needs a system transaction.

    Raises:
        PasswordTooShort: Under 10 characters.
    """
    user.password_hash = await _hashed(password)
    await tx.session.flush()


async def _hashed(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise PasswordTooShort(least=SHORTEST_PASSWORD)
    return await asyncio.to_thread(_passwords.hash, password)


async def join(tx: Transaction, *, user_id: int, workspace_id: WorkspaceId, role: Role) -> None:
    """Make a user a member of a workspace, or change the role; needs a system transaction."""
    membership = await tx.session.get(Membership, (workspace_id, user_id))
    if membership is None:
        tx.session.add(Membership(workspace_id=workspace_id, user_id=user_id, role=role.value))
    else:
        membership.role = role.value
    await tx.session.flush()


async def by_email(tx: Transaction, email: str) -> User | None:
    """The user with this e-mail; needs a system transaction."""
    found: User | None = await tx.session.scalar(
        select(User).where(func.lower(User.email) == email.strip().lower())
    )
    return found


async def sign_in(db: Database, *, email: str, password: str) -> SignedIn:
    """Check a password and enter the user's first workspace.

    Raises:
        WrongLogin: No such user, a wrong password, a disabled user, or one without a workspace;
            which of them it was is not told.
    """
    if not (storable(email) and storable(password)):  # so it is nobody's
        raise WrongLogin
    async with db.system() as tx:
        user = await by_email(tx, email)
    hashed = user.password_hash if user else _NOBODY
    right = len(password) <= LONGEST_PASSWORD and await asyncio.to_thread(
        _passwords.verify, password, hashed
    )
    if user is None or not right:
        raise WrongLogin
    found = await signed_in(db, UserId(user.id))
    if found is None:
        raise WrongLogin
    return found


async def signed_in(
    db: Database, user_id: UserId, workspace_id: WorkspaceId | None = None
) -> SignedIn | None:
    """The person behind a session as of now; None once disabled or no longer a member."""
    statement = (
        select(User, Membership)
        .join(Membership, Membership.user_id == User.id)
        .where(User.id == user_id, User.disabled_at.is_(None))
        .order_by(Membership.workspace_id)
        .limit(1)
    )
    if workspace_id is not None:
        statement = statement.where(Membership.workspace_id == workspace_id)
    async with db.system() as tx:
        row = (await tx.session.execute(statement)).first()
    if row is None:
        return None
    user, membership = row
    return SignedIn(
        user_id=UserId(user.id),
        name=user.name,
        email=user.email,
        workspace_id=WorkspaceId(membership.workspace_id),
        role=Role(membership.role),
        locale=user.locale,
    )
