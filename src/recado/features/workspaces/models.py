"""The table of tenants."""

from sqlalchemy.orm import Mapped

from recado.platform.orm import Base, CreatedAt, IdColumn


class Workspace(Base):
    __tablename__ = "workspace"

    id: Mapped[IdColumn]
    name: Mapped[str]
    country: Mapped[str]
    timezone: Mapped[str]
    created_at: Mapped[CreatedAt]
