"""Tables of channels and of the addresses that providers call."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from recado.platform.orm import Base, CreatedAt, IdColumn, WorkspaceColumn


class Channel(Base):
    __tablename__ = "channel"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    name: Mapped[str]
    provider: Mapped[str]
    status: Mapped[str]
    status_detail: Mapped[str | None]
    key: Mapped[str]
    config: Mapped[dict[str, Any]]
    secrets: Mapped[bytes]
    pacing: Mapped[dict[str, Any]]
    portfolio: Mapped[str | None]
    tier: Mapped[int | None]
    tier_at: Mapped[datetime | None]
    display_number: Mapped[str | None]
    quality: Mapped[str | None]
    quality_at: Mapped[datetime | None]
    throughput: Mapped[str | None]
    connection_at: Mapped[datetime | None]
    account_at: Mapped[datetime | None]
    account: Mapped[str | None]
    paused_until: Mapped[datetime | None]
    paused_reason: Mapped[str | None]
    paused_by: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    deleted_at: Mapped[datetime | None]


class ChannelRoute(Base):
    """A system table: which workspace a callback's address, number or account belongs to."""

    __tablename__ = "channel_route"

    channel_key: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    external_id: Mapped[str]
    account_id: Mapped[str | None]
    owner_workspace: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
