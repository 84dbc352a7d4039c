"""Text from outside as PostgreSQL can keep it."""

LONGEST_DETAIL = 500  # characters
LONGEST_ID = 512  # Meta: an id has about 128 characters; an index entry has room for 2,700 bytes


def plain(text: object, most: int = LONGEST_DETAIL) -> str:
    """Something of a provider's as a short text that PostgreSQL takes.

    It refuses a NUL and half of a surrogate pair, which JSON may have: they go, and become a ``?``.
    """
    return str(text).replace("\0", "")[:most].encode("utf-8", "replace").decode()
