"""Writing, listing and reading notifications."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from recado.domain.errors import NotFound
from recado.domain.ids import CampaignId, ChannelId
from recado.features.notifications.kinds import WORDINGS, Kind
from recado.platform.postgres import Row, Transaction, storable
from recado.platform.sql import load

SQL = load(__package__ or "")
LONGEST_REASON = 500


async def notify(
    tx: Transaction,
    kind: Kind,
    *,
    channel_id: ChannelId | None = None,
    campaign_id: CampaignId | None = None,
    reason: str | None = None,
    subject: str | None = None,
    **params: str | int,
) -> None:
    """Tell the workspace's people, in the transaction that makes the change.

    While they have not read it, the same of the same channel, campaign or other subject is counted
    and not told again.

    Args:
        tx: Of the change.
        kind: What happened.
        channel_id: To which channel; its name is added to the params.
        campaign_id: To which campaign; likewise.
        reason: Why, in the provider's words or ours.
        subject: What else it is about, where it is about neither.
        params: What else the kind's sentence or a program needs.
    """
    details: dict[str, str | int] = dict(params)
    if reason is not None and storable(reason):
        details["reason"] = reason[:LONGEST_REASON]
    if subject is None:
        subject = f"channel {channel_id}" if channel_id is not None else f"campaign {campaign_id}"
    await tx.run(
        SQL["notify"],
        workspace_id=tx.workspace_id,
        kind=kind.value,
        severity=WORDINGS[kind].severity,
        subject=subject,
        channel_id=channel_id,
        campaign_id=campaign_id,
        params=Jsonb(details),
    )


async def page(
    tx: Transaction, *, unread: bool, before: int | None, limit: int
) -> list[Mapping[str, Any]]:
    """Notifications, the newest first."""
    rows: list[Row] = await tx.all(
        SQL["page"], workspace_id=tx.workspace_id, unread=unread, before=before, most=limit
    )
    return [*rows]


async def mark_read(tx: Transaction, notification_id: int) -> Mapping[str, Any]:
    """Somebody has read one; raises NotFound."""
    row = await tx.one(SQL["read"], workspace_id=tx.workspace_id, id=notification_id)
    if row is None:
        raise NotFound("notification")
    return row


async def mark_all_read(tx: Transaction) -> int:
    """Somebody has read all there are; returns how many were unread."""
    return await tx.run(SQL["read_all"], workspace_id=tx.workspace_id)
