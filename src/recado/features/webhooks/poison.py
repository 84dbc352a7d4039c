"""Telling a callback that can never be applied from a server that is away for a moment."""

from redis.exceptions import RedisError

from recado.features.dispatch.transactions import AWAY
from recado.providers.plain import plain

# PostgreSQL: a limit of the program, such as the longest key of an index. The driver puts it among
# the faults that pass by themselves; a value that is too long for good passes never.
_LIMITS = "54"


def lies_in_the_data(error: Exception) -> bool:
    """Whether the same callback would fail in the same way again."""
    cause = getattr(error, "orig", None) or error  # the ORM wraps what the driver raises
    if str(getattr(cause, "sqlstate", None) or "").startswith(_LIMITS):
        return True
    return not isinstance(error, (*AWAY, RedisError)) and not isinstance(cause, AWAY)


def described(error: Exception) -> str:
    """An error in one line that can be stored."""
    return plain(f"{type(error).__name__}: {error}")
