"""Notifications: what a workspace's people are told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from recado.api import paging
from recado.api.access import Admin, Operator, Viewer
from recado.features.notifications import service, webhook
from recado.features.notifications.kinds import told
from recado.platform import i18n

router = APIRouter(prefix="/api/v1/notifications", tags=["notifications"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


class NotificationShown(BaseModel):
    """One thing that happened, in the caller's language; ``times`` counts its repetitions."""

    id: int
    kind: str
    severity: str
    message: str
    channel_id: int | None
    campaign_id: int | None
    params: dict[str, Any]
    times: int
    created_at: datetime
    repeated_at: datetime | None
    read_at: datetime | None


class Secret(BaseModel):
    """The key of the HMAC-SHA256 in ``X-Recado-Signature``."""

    secret: str


class Done(BaseModel):
    """How many it was done to."""

    count: int


@router.get("")
async def list_notifications(
    request: Request,
    access: Viewer,
    unread: bool = False,
    limit: paging.Limit = 50,
    cursor: str | None = None,
) -> paging.Page[NotificationShown]:
    """Notifications, the newest first."""
    async with access.transaction() as tx:
        rows = await service.page(tx, unread=unread, before=paging.decode(cursor), limit=limit + 1)
    return paging.cut([_shown(request, row) for row in rows], limit, lambda one: one.id)


@router.get("/secret")
async def get_signing_secret(access: Admin) -> Secret:
    """What notifications to the workspace's own system are signed with."""
    return Secret(secret=webhook.signing_secret(access.runtime, access.workspace_id))


@router.post("/{notification_id}/read")
async def read_notification(
    request: Request, access: Operator, notification_id: Id
) -> NotificationShown:
    """Mark one as read: the next of its kind is told anew."""
    async with access.transaction() as tx:
        return _shown(request, await service.mark_read(tx, notification_id))


@router.post("/read")
async def read_all_notifications(access: Operator) -> Done:
    """Mark all as read."""
    async with access.transaction() as tx:
        return Done(count=await service.mark_all_read(tx))


def _shown(request: Request, row: Mapping[str, Any]) -> NotificationShown:
    language = i18n.negotiate(accept_language=request.headers.get("accept-language"))
    message = told(row["kind"], row["params"], i18n.translator(language))
    return NotificationShown(message=message, **row)
