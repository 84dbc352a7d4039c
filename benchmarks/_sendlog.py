"""When each request was let go, on Redis' clock."""

from benchmarks._stage import Channel
from recado.platform.runtime import Runtime


async def departures(runtime: Runtime, channel: Channel) -> list[float]:
    """Seconds, in their order; what is still on the wire is not there yet."""
    async with runtime.db.workspace(channel.workspace_id) as tx:
        rows = await tx.all(
            "SELECT extract(epoch FROM left_at)::float AS at FROM attempt"
            " WHERE channel_id = %(channel)s AND left_at IS NOT NULL ORDER BY left_at",
            channel=channel.id,
        )
    return [row["at"] for row in rows]
