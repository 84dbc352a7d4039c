"""A workspace's own words and payloads, and what is answered to them."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from recado.domain import optout
from recado.features.wishes.queries import SQL
from recado.platform.postgres import Transaction


async def saved(tx: Transaction) -> dict[str, Any]:
    """What the workspace has set itself, by the names of `optout.check`."""
    found: dict[str, Any] | None = await tx.value(SQL["settings"])
    return found or {}


async def save(tx: Transaction, given: Mapping[str, Any]) -> dict[str, Any]:
    """Set some; the others stay as they are. Holds for the next message that comes in.

    Raises:
        InvalidWords: Something is wrong; nothing is saved.
    """
    optout.check(given, await saved(tx))
    kept: dict[str, Any] = await tx.value(SQL["save_settings"], given=Jsonb(dict(given)))
    return kept
