"""Making and reading workspaces."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import select

from recado.domain.errors import InvalidInput, NotFound
from recado.features.workspaces.models import Workspace
from recado.platform.postgres import Transaction


class UnknownTimezone(InvalidInput):
    code = "unknown_timezone"
    sentence = "'{timezone}' is not a timezone. Use a name such as America/Sao_Paulo."


class UnknownCountry(InvalidInput):
    code = "unknown_country"
    sentence = "'{country}' is not a country. Use its code of two letters, such as BR."


class WorkspaceNameMissing(InvalidInput):
    code = "workspace_name_missing"
    sentence = "The workspace has no name. Give it one that people recognise."


async def create(
    tx: Transaction, *, name: str, country: str = "BR", timezone: str = "America/Sao_Paulo"
) -> Workspace:
    """Add a tenant; needs a system transaction.

    Raises:
        WorkspaceNameMissing: There is nothing to read in it.
        UnknownCountry: No phone numbers are known of it.
        UnknownTimezone: The IANA database has no such zone.
    """
    name, country = name.replace("\x00", "").strip(), country.upper()
    if not name:
        raise WorkspaceNameMissing
    if country not in SUPPORTED_REGIONS:
        raise UnknownCountry(country=country)
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UnknownTimezone(timezone=timezone) from error
    workspace = Workspace(name=name, country=country, timezone=timezone)
    tx.session.add(workspace)
    await tx.session.flush()
    return workspace


async def named(tx: Transaction, name: str) -> Workspace | None:
    """The oldest workspace of this name; needs a system transaction."""
    found: Workspace | None = await tx.session.scalar(
        select(Workspace).where(Workspace.name == name).order_by(Workspace.id).limit(1)
    )
    return found


async def everyone(tx: Transaction) -> list[Workspace]:
    """All workspaces of the installation; needs a system transaction."""
    return list(await tx.session.scalars(select(Workspace).order_by(Workspace.id)))


async def current(tx: Transaction) -> Workspace:
    """The transaction's own workspace."""
    found = await tx.session.get(Workspace, tx.workspace_id)
    if found is None:
        raise NotFound("workspace")
    return found
