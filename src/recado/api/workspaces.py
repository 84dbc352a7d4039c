"""The caller's workspace and its API keys."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from recado.api import paging
from recado.api.access import Admin, Viewer
from recado.api.idempotency import IdempotentRoute
from recado.domain.errors import Forbidden
from recado.domain.ids import ApiKeyId
from recado.features.contacts.schemas import Label
from recado.features.users import keys
from recado.features.users.roles import Role
from recado.features.workspaces import service
from recado.platform import clock

router = APIRouter(prefix="/api/v1", tags=["workspace"], route_class=IdempotentRoute)


class WorkspaceShown(BaseModel):
    """The tenant that the key belongs to."""

    id: int
    name: str
    country: str
    timezone: str
    role: Role = Field(description="what the caller may do here")
    created_at: datetime


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Label
    role: Role = Role.OPERATOR


class KeyShown(BaseModel):
    """A key, without its secret."""

    id: int
    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None


class KeyMade(KeyShown):
    """A new key; its text is shown this once."""

    key: str


@router.get("/workspace")
async def get_workspace(access: Viewer) -> WorkspaceShown:
    """Which workspace this is."""
    async with access.transaction() as tx:
        found = await service.current(tx)
    return WorkspaceShown(
        id=found.id,
        name=found.name,
        country=found.country,
        timezone=found.timezone,
        role=access.role,
        created_at=found.created_at,
    )


@router.post("/api-keys", status_code=HTTP_201_CREATED)
async def create_key(access: Admin, new: NewKey) -> KeyMade:
    """Make a key, of one's own role at most."""
    if not access.role.includes(new.role):
        raise Forbidden
    async with access.transaction() as tx:
        key, text = await keys.create(tx, name=new.name, role=new.role)
        await tx.session.refresh(key)
    return KeyMade(
        id=key.id,
        name=key.name,
        role=Role(key.role),
        created_at=key.created_at,
        last_used_at=None,
        key=text,
    )


@router.get("/api-keys")
async def list_keys(access: Admin) -> paging.Page[KeyShown]:
    """Keys that work."""
    async with access.transaction() as tx:
        found = await keys.everyone(tx)
    return paging.Page(
        items=[
            KeyShown(
                id=key.id,
                name=key.name,
                role=Role(key.role),
                created_at=key.created_at,
                last_used_at=key.last_used_at,
            )
            for key in found
        ]
    )


@router.delete("/api-keys/{key_id}", status_code=HTTP_204_NO_CONTENT)
async def revoke_key(access: Admin, key_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> None:
    """End a key at once."""
    async with access.transaction() as tx:
        await keys.revoke(tx, ApiKeyId(key_id), clock.now())
