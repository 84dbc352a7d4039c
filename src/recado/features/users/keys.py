"""API keys: ``rk_{workspace}_{key}_{secret}``; of the secret only a digest is kept."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from recado.domain.errors import NotFound, Unauthenticated
from recado.domain.ids import ApiKeyId, WorkspaceId
from recado.features.users.models import ApiKey
from recado.features.users.roles import Role
from recado.platform import crypto
from recado.platform.postgres import Database, Transaction

_FORM = re.compile(r"rk_(\d{1,18})_(\d{1,18})_([\w-]{20,100})", re.ASCII)
USE_NOTED_EVERY = timedelta(minutes=5)  # a write per request would cost more than it tells


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who a key speaks for."""

    workspace_id: WorkspaceId
    key_id: ApiKeyId
    role: Role


async def create(tx: Transaction, *, name: str, role: Role) -> tuple[ApiKey, str]:
    """Make a key; its text is returned now and can never be read again."""
    secret = crypto.random_token()
    key = ApiKey(
        workspace_id=tx.workspace_id,
        name=name,
        role=role.value,
        secret_hash=crypto.digest(secret),
    )
    tx.session.add(key)
    await tx.session.flush()
    return key, f"rk_{tx.workspace_id}_{key.id}_{secret}"


async def everyone(tx: Transaction) -> list[ApiKey]:
    """The workspace's keys that still work."""
    return list(
        await tx.session.scalars(
            select(ApiKey).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.id)
        )
    )


async def revoke(tx: Transaction, key_id: ApiKeyId, now: datetime) -> None:
    """End a key at once."""
    key = await tx.session.get(ApiKey, (tx.workspace_id, key_id))
    if key is None:
        raise NotFound("API key")
    key.revoked_at = now


async def authenticate(db: Database, token: str, now: datetime) -> KeyHolder:
    """Who holds this key.

    Raises:
        Unauthenticated: It is malformed, wrong or revoked.
    """
    form = _FORM.fullmatch(token)
    if form is None:
        raise Unauthenticated
    workspace_id, key_id, secret = WorkspaceId(int(form[1])), ApiKeyId(int(form[2])), form[3]
    async with db.workspace(workspace_id) as tx:
        key = await tx.session.get(ApiKey, (workspace_id, key_id))
        if key is None or key.revoked_at is not None:
            raise Unauthenticated
        if not crypto.matches(secret, key.secret_hash):
            raise Unauthenticated
        if key.last_used_at is None or now - key.last_used_at > USE_NOTED_EVERY:
            key.last_used_at = now
        return KeyHolder(workspace_id, key_id, Role(key.role))
