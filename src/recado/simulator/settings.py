"""What can be tuned while the simulator runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from recado.domain.errors import InvalidInput

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The simulator's behaviour; times are milliseconds, shares lie between 0 and 1."""

    seed: int = 0
    # An answer leaves this long after its request has been dealt with.
    latency_ms: Milliseconds = 0
    # Only registered numbers and listed templates exist.
    strict: bool = False
    # Free-form messages fail (131047) where the contact has not written for 24 hours.
    window: bool = False
    # When each status follows the acceptance; chance adds up to this share of it.
    sent_ms: Milliseconds = 50
    delivered_ms: Milliseconds = 150
    read_ms: Milliseconds = 400
    jitter: Share = 0.2
    delivered_share: Share = 1.0
    read_share: Share = 0.7
    # Updates due within this time of each other share a callback, up to so many.
    batch_ms: Milliseconds = 50
    batch_max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    callback_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 10_000
    callback_connections: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16
    # A callback that was not answered 200 is repeated with a doubling pause.
    retry_attempts: Count = 12
    retry_first_ms: Milliseconds = 500
    retry_max_ms: Milliseconds = 30_000
    # Meta: 80 messages/s a number answer 130429 beyond; 0 switches the check off.
    messages_per_second: Annotated[int, msgspec.Meta(ge=0)] = 0
    # Meta: one message / 6 s to the same user, 45 of which may be borrowed; beyond: 131056.
    pair_rate: bool = False
    # Evolution, uazapi: a code is scanned, or a lost connection back, after this; 0: never.
    connect_ms: Milliseconds = 1000
    # Who is addressed by a LID, and who by nothing else; of the others their number is known.
    lid_share: Share = 0.3
    lid_only_share: Share = 0.0
    # Numbers without WhatsApp: by chance, and those that end in these digits.
    missing_share: Share = 0.0
    missing_suffix: str = ""
    # Evolution: the version that is played, and the key for everything; empty: any key will do.
    evolution_version: Literal["2.3.6", "2.3.7"] = "2.3.7"
    evolution_key: str = ""
    # uazapi: the token for administration; empty: any will do.
    uazapi_admin_token: str = ""


def changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """The settings with some values replaced.

    Raises:
        InvalidInput: An unknown name, or a value out of its range.

    """
    try:
        return msgspec.convert({**msgspec.structs.asdict(settings), **changes}, Settings)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            "{reason}. See GET /_sim/settings for the names.", reason=error
        ) from None
