"""Who wants no more messages. What waits for such a person is suppressed in the same transaction.

A delivery that is being claimed at this moment is out of reach from here: whoever claims must look
at ``opted_out_at`` itself.
"""

from datetime import datetime

from recado.domain.errors import NotFound
from recado.domain.ids import ContactId
from recado.platform import sql
from recado.platform.postgres import Transaction

SQL = sql.load(__package__)


async def opt_out(tx: Transaction, contact_id: ContactId, *, source: str, now: datetime) -> int:
    """Send a contact nothing more; says how many waiting deliveries that suppressed.

    The first opt-out stands: a repeated one changes neither its time nor its source.

    Raises:
        NotFound: The workspace has no such contact.
    """
    await hold(tx, contact_id)
    await tx.run(SQL["opt_out"], contact_id=contact_id, source=source, now=now)
    return await tx.run(
        SQL["settle_pending"], contact_id=contact_id, status="suppressed", reason="opted_out"
    )


async def opt_in(tx: Transaction, contact_id: ContactId, *, source: str, now: datetime) -> None:
    """Take an opt-out back. What it had suppressed stays suppressed.

    Raises:
        NotFound: The workspace has no such contact.
    """
    await hold(tx, contact_id)
    await tx.run(SQL["opt_in"], contact_id=contact_id, source=source, now=now)


async def hold(tx: Transaction, contact_id: ContactId) -> None:
    """Lock a contact, before its deliveries.

    Raises:
        NotFound: The workspace has no such contact.
    """
    if await tx.one(SQL["hold_contact"], contact_id=contact_id) is None:
        raise NotFound("contact")
