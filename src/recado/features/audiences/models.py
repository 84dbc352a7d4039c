"""Tables of lists and who is on them."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from recado.platform.orm import Base, CreatedAt, IdColumn, WorkspaceColumn


class ContactList(Base):
    __tablename__ = "list"

    workspace_id: Mapped[WorkspaceColumn]
    id: Mapped[IdColumn]
    name: Mapped[str]
    created_at: Mapped[CreatedAt]


class ListMember(Base):
    __tablename__ = "list_member"

    workspace_id: Mapped[WorkspaceColumn]
    list_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    contact_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
