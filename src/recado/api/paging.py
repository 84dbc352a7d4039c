"""Lists by cursor: ``?limit=50&cursor=…`` → ``{"items": [...], "next_cursor": …}``."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from recado.domain.errors import InvalidInput

MOST = 200
_TWO = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,18})", re.ASCII)


class WrongCursor(InvalidInput):
    code = "wrong_cursor"
    sentence = "The cursor is not one that a list answered with. Start again without it."


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page and where the next one starts."""

    items: list[T]
    next_cursor: str | None = None


Limit = Annotated[int, Query(ge=1, le=MOST)]


def encode(position: int) -> str:
    """A position in a list as a cursor."""
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def decode(cursor: str | None) -> int | None:
    """The position in a cursor; raises WrongCursor for anything else."""
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise WrongCursor from error
    if not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - the digits of a bigint
        raise WrongCursor
    return int(text)


def cut(items: Sequence[T], limit: int, position: Callable[[T], int]) -> Page[T]:
    """A page out of what was read, one more than the limit where there is more."""
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(items=shown, next_cursor=encode(position(shown[-1])) if more else None)


def decode_two(cursor: str | None) -> tuple[int, int] | None:
    """The position in a cursor of a list that is ordered by two numbers."""
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise WrongCursor from error
    found = _TWO.fullmatch(text)
    if found is None:
        raise WrongCursor
    return int(found[1]), int(found[2])


def cut_by_two(items: Sequence[T], limit: int, position: Callable[[T], tuple[int, int]]) -> Page[T]:
    """As `cut`, of a list that is ordered by two numbers."""
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(items=shown, next_cursor=_encode_two(*position(shown[-1])) if more else None)


def _encode_two(first: int, second: int) -> str:
    return base64.urlsafe_b64encode(f"{first}.{second}".encode()).decode().rstrip("=")
