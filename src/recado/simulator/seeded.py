"""Chance that repeats: every draw is a function of the seed and of what it is drawn for.

Draws do not depend on the order in which requests happen to arrive, so a run with many senders
is as repeatable as one with a single sender.
"""

from __future__ import annotations

import hashlib

DRAW_BYTES = 32


def draw(seed: int, *what: object) -> bytes:
    """32 bytes of chance for one thing (its parts are compared by their text)."""
    key = (seed & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")
    text = "\x1f".join(map(str, what))
    return hashlib.blake2b(text.encode(), key=key, digest_size=DRAW_BYTES).digest()


def portion(drawn: bytes, place: int) -> float:
    """A number in [0, 1) from four bytes of a draw, ``place`` counted from 0 to 7."""
    return int.from_bytes(drawn[place * 4 : place * 4 + 4], "big") / 4_294_967_296
