"""What a dead driver left: provably unsent, or perhaps on its way."""

from recado.domain.ids import DeliveryId, Reference
from recado.features.dispatch.takeover import LeftBehind, judge

RESERVED = Reference(DeliveryId(1), 1, 1)
WAITING = Reference(DeliveryId(2), 1, 1)


def left(reference: Reference, lease: str) -> LeftBehind:
    return LeftBehind(reference, lease)


def test_what_was_never_reserved_never_left() -> None:
    attempts = [left(RESERVED, "1:a"), left(WAITING, "1:a")]
    assert judge(attempts, {"1:a": {str(RESERVED)}}) == ([WAITING], [RESERVED])


def test_of_a_lease_that_redis_has_forgotten_nobody_can_tell() -> None:
    assert judge([left(WAITING, "1:a")], {}) == ([], [WAITING])


def test_a_lease_older_than_the_one_revoked_says_nothing_either() -> None:
    assert judge([left(WAITING, "1:old")], {"1:a": set()}) == ([], [WAITING])


def test_every_lease_that_was_revoked_is_remembered() -> None:
    revoked: dict[str, set[str]] = {"1:a": {str(RESERVED)}, "2:b": set()}
    assert judge([left(RESERVED, "1:a"), left(WAITING, "1:a")], revoked) == ([WAITING], [RESERVED])
