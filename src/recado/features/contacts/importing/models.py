"""The table of imports."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped

from recado.platform.orm import Base, CreatedAt, IdColumn, WorkspaceColumn


class ContactImport(Base):
    __tablename__ = "contact_import"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    filename: Mapped[str]
    size_bytes: Mapped[int]
    list_id: Mapped[int | None]
    mapping: Mapped[dict[str, Any]]
    status: Mapped[str]
    total: Mapped[int]
    created: Mapped[int]
    updated: Mapped[int]
    skipped: Mapped[int]
    rejected: Mapped[int]
    read_share: Mapped[float]
    read_line: Mapped[int]
    applied_line: Mapped[int]
    error_code: Mapped[str | None]
    error_sentence: Mapped[str | None]
    error_params: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
