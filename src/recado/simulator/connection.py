"""What ``POST /_sim/connection`` says: a telephone scans, loses its net, is logged out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec

from recado.domain.errors import InvalidInput
from recado.simulator.instances import Instance, Instances, fields_of
from recado.simulator.link import LOGGED_OUT, Link

I = TypeVar("I", bound=Instance)  # noqa: E741 - stands for one class in this file alone


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """A change: ``close`` with WhatsApp's ``reason``, after some of which it comes back."""

    channel: str
    state: Literal["open", "connecting", "close", "logged_out", "refused"]
    provider: str | None = None
    reason: int = 428


def channel_of(instances: Instances[I], fields: Mapping[str, object]) -> I:
    """The instance that a call to ``/_sim`` is about.

    Raises:
        InvalidInput: There is none of that name.

    """
    channel = fields.get("channel")
    instance = instances.named(channel) if isinstance(channel, str) else None
    if instance is None:
        raise InvalidInput(
            "The channel {channel} is not registered: POST it to /_sim/channels first.",
            channel=channel,
        )
    return instance


def change(link: Link, fields: Mapping[str, object]) -> None:
    """Have a connection change.

    Raises:
        InvalidInput: There is no such change.

    """
    wanted = fields_of(Change, fields, "connection")
    if wanted.state == "open":
        link.open()
    elif wanted.state == "connecting":
        link.connect()
    elif wanted.state == "refused":
        link.refuse()
    else:
        link.lose(LOGGED_OUT if wanted.state == "logged_out" else wanted.reason)
