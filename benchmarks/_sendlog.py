"""When each request was let go, on Redis' clock."""

from benchmarks._stage import Channel
from recado.platform.runtime import Runtime


async def departures(runtime: Runtime, channel: Channel) -> list[float]:
    """Seconds, in their order; empty where the database does not know."""
    async with runtime.db.workspace(channel.workspace_id) as tx:
        known = await tx.value(
            "SELECT EXISTS (SELECT FROM information_schema.columns"
            " WHERE table_name = 'attempt' AND column_name = 'left_at')"
        )
        if not known:
            return []
        rows = await tx.all(
            "SELECT left_at FROM attempt WHERE channel_id = %(channel)s AND left_at IS NOT NULL"
            " ORDER BY left_at",
            channel=channel.id,
        )
    return [row["left_at"] / 1e6 for row in rows]
