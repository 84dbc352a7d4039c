"""What happened how often."""

from collections.abc import Sequence


def densest(times: Sequence[float], width: float) -> int:
    """The most that any window of this width holds, one of its ends included.

    ``times``: sorted, in the unit of ``width``.
    """
    most = start = 0
    for end, at in enumerate(times):
        while times[start] <= at - width:
            start += 1
        most = max(most, end - start + 1)
    return most
