"""Tables of people and keys."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from recado.platform.orm import Base, CreatedAt, IdColumn, WorkspaceColumn


class User(Base):
    __tablename__ = "app_user"

    id: Mapped[IdColumn]
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    locale: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    disabled_at: Mapped[datetime | None]


class Membership(Base):
    __tablename__ = "membership"

    workspace_id: Mapped[WorkspaceColumn]
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("app_user.id"), primary_key=True)
    role: Mapped[str]
    created_at: Mapped[CreatedAt]


class ApiKey(Base):
    __tablename__ = "api_key"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    name: Mapped[str]
    role: Mapped[str]
    secret_hash: Mapped[bytes]
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
