"""Tables of people and their tags."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from recado.platform.orm import Base, CreatedAt, IdColumn, WorkspaceColumn


class Contact(Base):
    __tablename__ = "contact"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    name: Mapped[str]
    phone: Mapped[str]
    phone_key: Mapped[str]
    wa_id: Mapped[str | None]
    email: Mapped[str | None]
    condominio: Mapped[str | None]
    endereco: Mapped[str | None]
    cargo: Mapped[str | None]
    custom: Mapped[dict[str, Any]]
    timezone: Mapped[str | None]
    opted_out_at: Mapped[datetime | None]
    opt_out_source: Mapped[str | None]
    source: Mapped[str | None]
    wa_status: Mapped[str | None]
    wa_checked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class Tag(Base):
    __tablename__ = "tag"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    name: Mapped[str]


class ContactTag(Base):
    __tablename__ = "contact_tag"

    workspace_id: Mapped[WorkspaceColumn]
    contact_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tag_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
