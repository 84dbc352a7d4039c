"""Text from outside as PostgreSQL can keep it."""

LONGEST_DETAIL = 500  # characters
LONGEST_ID = 512  # Meta: an id has about 128 characters; an index entry has room for 2,700 bytes


def plain(text: object, most: int = LONGEST_DETAIL) -> str:
    """Something of a provider's as a short text without NUL, which PostgreSQL refuses."""
    return str(text).replace("\0", "")[:most]
