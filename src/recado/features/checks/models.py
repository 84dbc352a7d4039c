"""The table of checks."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from recado.platform.orm import Base, CreatedAt, IdColumn, WorkspaceColumn


class Check(Base):
    __tablename__ = "number_check"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    channel_id: Mapped[int]
    status: Mapped[str]
    total: Mapped[int]
    skipped: Mapped[int]
    valid: Mapped[int]
    dead: Mapped[int]
    unknown: Mapped[int]
    failures: Mapped[int]
    detail: Mapped[str | None]
    next_at: Mapped[datetime] = mapped_column()
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
