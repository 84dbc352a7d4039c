"""Tables of campaigns and runs."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from recado.platform.orm import Base, CreatedAt, IdColumn, WorkspaceColumn


class Campaign(Base):
    __tablename__ = "campaign"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    name: Mapped[str]
    status: Mapped[str] = mapped_column(default="draft")
    content: Mapped[dict[str, Any]]
    audience: Mapped[dict[str, Any]]
    schedule: Mapped[dict[str, Any]]
    pacing: Mapped[dict[str, Any]]
    fail_over: Mapped[bool] = mapped_column(default=True)
    skip_dead_numbers: Mapped[bool] = mapped_column(default=True)
    paused_reason: Mapped[str | None]
    paused_until: Mapped[datetime | None]
    template_paused_at: Mapped[datetime | None]
    starts_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class CampaignChannel(Base):
    __tablename__ = "campaign_channel"

    workspace_id: Mapped[WorkspaceColumn]
    campaign_id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int]


class Run(Base):
    __tablename__ = "run"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    campaign_id: Mapped[int]
    number: Mapped[int]
    status: Mapped[str]
    materialised_at: Mapped[datetime | None]
    started_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
    total: Mapped[int] = mapped_column(default=0)
    pending: Mapped[int] = mapped_column(default=0)
    sending: Mapped[int] = mapped_column(default=0)
    sent: Mapped[int] = mapped_column(default=0)
    delivered: Mapped[int] = mapped_column(default=0)
    read: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    unknown: Mapped[int] = mapped_column(default=0)
    suppressed: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    expired: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[CreatedAt]
