"""States that are told before we have noted what the message is called.

Where a provider echoes no reference, its own id is all that a state can be known by; and a phone
may have the message sooner than its outcome is on record.
"""

from recado.features.webhooks.routes import SQL
from recado.features.webhooks.sorting import Batch
from recado.features.webhooks.store import apply_again
from recado.platform.postgres import Transaction
from recado.platform.runtime import Runtime


async def put_back(tx: Transaction, runtime: Runtime, batch: Batch) -> set[int]:
    """Put callbacks back that may be too early; returns which, to be applied again in a moment.

    To be asked before their states are applied: what is on record by now, that finds.
    """
    nameless = [
        (callback, channel, event.provider_id)
        for callback, (channel, event) in zip(batch.reported_by, batch.reports, strict=True)
        if event.provider_id and not event.reference
    ]
    if not nameless:
        return set()
    rows = await tx.all(
        SQL["put_back"],
        workspace_id=tx.workspace_id,
        callbacks=[callback for callback, _, _ in nameless],
        channels=[channel for _, channel, _ in nameless],
        provider_ids=[provider_id for _, _, provider_id in nameless],
    )
    if rows:
        await apply_again(runtime, tx, tx.workspace_id, min(row["again_at"] for row in rows))
    return {row["id"] for row in rows}
