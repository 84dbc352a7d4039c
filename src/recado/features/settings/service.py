"""Reading and saving a workspace's settings of campaigns."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from recado.domain import campaign_settings
from recado.platform.postgres import Transaction, storable


async def saved(tx: Transaction) -> dict[str, Any]:
    """What the workspace has set itself; anything else is as it is by default."""
    rows = await tx.all(
        "SELECT key, value FROM setting WHERE workspace_id = %(workspace_id)s",
        workspace_id=tx.workspace_id,
    )
    return {row["key"]: row["value"] for row in rows}


async def save(tx: Transaction, given: Mapping[str, Any]) -> dict[str, Any]:
    """Set some; the others stay as they are. Returns all that the workspace has set.

    Raises:
        InvalidSettings: A key or a value is wrong; nothing is saved.
    """
    chosen = campaign_settings.validated(given)
    wrong = {
        key: "a list of tags"
        for key, value in chosen.items()
        if isinstance(value, list) and not all(map(storable, value))
    }
    if wrong:
        known = ", ".join(campaign_settings.KEYS)
        raise campaign_settings.InvalidSettings(fields=wrong, known=known)
    for key, value in chosen.items():
        await tx.run(
            "INSERT INTO setting (workspace_id, key, value)"
            " VALUES (%(workspace_id)s, %(key)s, %(value)s)"
            " ON CONFLICT (workspace_id, key)"
            " DO UPDATE SET value = excluded.value, updated_at = now()",
            workspace_id=tx.workspace_id,
            key=key,
            value=Jsonb(value),
        )
    return await saved(tx)


async def suppression_tags(tx: Transaction) -> Sequence[str]:
    """Contacts with one of these tags are never written to by a campaign."""
    chosen: Sequence[str] = campaign_settings.shown(await saved(tx))["suppressionTagNames"]
    return chosen
