"""Roles and what each may do."""

from enum import StrEnum

_ORDER = ("viewer", "operator", "admin", "owner")


class Role(StrEnum):
    """Viewer reads; operator runs campaigns; admin sets up channels and keys; owner owns."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    OWNER = "owner"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that the other may."""
        return _ORDER.index(self.value) >= _ORDER.index(other.value)
