"""When each request of a campaign was let go, on Redis' clock, as attempts have it on record."""

from dataclasses import dataclass

from tests.integration.dispatch.stack import Product


@dataclass(frozen=True, slots=True)
class SendLog:
    """The departures of each channel.

    Attributes:
        times: Channel → seconds on Redis' clock, in their order.
        untold: How many left, or may have, at a moment that died with their worker.
    """

    times: dict[int, list[float]]
    untold: int


async def read(product: Product, channels: list[int]) -> SendLog:
    """The log of these channels."""
    times: dict[int, list[float]] = {channel: [] for channel in channels}
    async with product.stack.runtime.db.workspace(product.workspace_id) as tx:
        rows = await tx.all(
            "SELECT channel_id, extract(epoch FROM left_at)::float AS at FROM attempt"
            " WHERE channel_id = ANY(%(channels)s) ORDER BY left_at",
            channels=channels,
        )
    for row in rows:
        if row["at"] is not None:
            times[row["channel_id"]].append(row["at"])
    return SendLog(times, sum(row["at"] is None for row in rows))
