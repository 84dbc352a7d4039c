"""The tie between an instance and a telephone: codes to scan, being open, being lost.

Providers that drive a WhatsApp account have it in common; they tell of it in words of their own.
"""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from collections.abc import Callable
from typing import Literal

from recado.simulator.seeded import draw
from recado.simulator.world import World

State = Literal["open", "connecting", "close"]
Happening = Literal["connecting", "code", "open", "close", "logged_out", "refused"]

LOGGED_OUT = 401
CONNECTED = 200
# Evolution comes back by itself after these; after 401, 402, 403 and 406 it does not.
TRANSIENT = frozenset({408, 428, 440, 500, 503, 515})
TOO_MANY_CODES = 428

_MODULES = 29
_SCALE = 8
_PAIRING_LETTERS = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
_PAIRING_LENGTH = 8


class Link:
    """One instance's link.

    Args:
        world: Gives the time a scan takes, and chance.
        name: Tells it from other links; codes repeat by it.
        tell: Is called with what happened, after the state has changed.
        state: What it begins with.

    """

    def __init__(
        self, world: World, name: str, tell: Callable[[Happening], None], *, state: State
    ) -> None:
        self._world = world
        self._name = name
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None
        self.set(state)

    def set(self, state: State) -> None:
        """Be in a state without a word to anyone; nothing more happens by itself."""
        self.forget()
        self.state: State = state
        self.reason = CONNECTED
        self.codes = 0
        self.code: str | None = None
        self.pairing_code: str | None = None
        self._linked = state == "open"

    def reset(self) -> None:
        """Bring a lost connection back, without a word to anyone."""
        self.set("open" if self._linked else "close")

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.state == "open"

    def connect(self, *, pair: bool = False) -> None:
        """Offer a code to scan, or with ``pair`` to type in too; a further one each time."""
        self.codes += 1
        drawn = draw(self._world.settings.seed, "code", self._name, self.codes)
        self.code = "2@" + ",".join(
            base64.b64encode(draw(0, drawn.hex(), part)).decode() for part in range(4)
        )
        self.pairing_code = None
        if pair:
            letters = (_PAIRING_LETTERS[byte % 32] for byte in drawn[:_PAIRING_LENGTH])
            self.pairing_code = "".join(letters)
        if self.state != "connecting":
            self._become("connecting", CONNECTED, "connecting")
        self._tell("code")
        self._open_later()

    def open(self) -> None:
        """Have the code scanned, or the connection come back."""
        self.codes, self.code, self.pairing_code = 0, None, None
        self._linked = True
        self._become("open", CONNECTED, "open")

    def lose(self, reason: int) -> None:
        """Lose the connection; after a transient reason it comes back in a while.

        What is none of WhatsApp's reasons counts as logged out.
        """
        if reason not in range(400, 600):
            reason = LOGGED_OUT
        self.code = self.pairing_code = None
        if reason in TRANSIENT:
            self._become("connecting", reason, "connecting")
            self._open_later()
        else:
            self._become("close", reason, "logged_out" if reason == LOGGED_OUT else "close")

    def refuse(self) -> None:
        """Give up, as too many codes went by without a scan."""
        self.codes, self.code, self.pairing_code = 0, None, None
        self._become("close", TOO_MANY_CODES, "refused")

    def restart(self) -> None:
        """Close the connection and open it again at once."""
        self._become("connecting", CONNECTED, "connecting")
        self.open()

    def forget(self) -> None:
        """Let nothing more happen by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _become(self, state: State, reason: int, happening: Happening) -> None:
        self.forget()
        self.state, self.reason = state, reason
        self._tell(happening)

    def _open_later(self) -> None:
        wait = self._world.settings.connect_ms
        self.forget()
        if wait:
            self._timer = asyncio.get_running_loop().call_later(wait / 1000, self.open)


def picture(code: str) -> str:
    """A picture with the look of a QR code, as a data address; no telephone can read it."""
    bits = zlib.compress(code.encode()) * 4
    image = bytearray()
    for row in range(_MODULES):
        line = bytearray()
        for column in range(_MODULES):
            place = row * _MODULES + column
            dark = bits[place // 8 % len(bits)] >> place % 8 & 1
            line += bytes([0 if dark else 255]) * _SCALE
        image += (b"\0" + bytes(line)) * _SCALE
    side = _MODULES * _SCALE
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(image))),
        (b"IEND", b""),
    )
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()
