"""Reading a workspace's settings."""

from collections.abc import Sequence

from recado.platform.postgres import Transaction

DEFAULT_SUPPRESSION_TAGS = ("DNC", "OPT-OUT", "STOP")


async def suppression_tags(tx: Transaction) -> Sequence[str]:
    """Contacts with one of these tags are never written to by a campaign."""
    value = await tx.value(
        "SELECT value FROM setting"
        " WHERE workspace_id = %(workspace_id)s AND key = 'suppressionTagNames'",
        workspace_id=tx.workspace_id,
    )
    return DEFAULT_SUPPRESSION_TAGS if value is None else [str(tag) for tag in value]
